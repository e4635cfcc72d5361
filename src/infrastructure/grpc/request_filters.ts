/**
 * From requests to filters: what a client wrote becomes what the proxy matches.
 *
 * Symbols are trimmed and upper-cased, repeats are dropped; option symbols also
 * lose the `O:` prefix and the padding of the 21-character form. What cannot be
 * a symbol is refused with every wrong field named, because a filter that can
 * never match looks to its user like a market that is silent.
 *
 * @module
 */
import { status as Code } from "@grpc/grpc-js";
import type { StreamFilter } from "../../application/streaming/market_streams.ts";
import { CallError, type FieldViolation } from "./call_error.ts";

/** Most entries that a list of a request may have. */
export const MAX_ENTRIES = 20_000;
/** Most characters that an entry may have. */
export const MAX_LENGTH = 64;
/** Status details travel in a header, so only the first wrong fields are named. */
const MAX_VIOLATIONS = 8;
/** How much of a wrong entry is quoted back. */
const MAX_QUOTED = 32;

// deno-lint-ignore no-control-regex -- finding control characters is the point
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const OPTION_PREFIX = /^O:/;
/** Root padded to six characters, then date, right and strike. */
const PADDED_OCC = /^([A-Z0-9]+) +(\d{6}[CP]\d{8})$/;

type Normalize = (entry: string) => string;

const asIs: Normalize = (entry) => entry;
const upperCase: Normalize = (entry) => entry.toUpperCase();
const optionRoot: Normalize = (entry) =>
  entry.toUpperCase().replace(OPTION_PREFIX, "");
const optionSymbol: Normalize = (entry) =>
  optionRoot(entry).replace(PADDED_OCC, "$1$2");

/** What is wrong with a trimmed entry; undefined when nothing is. */
function complaint(entry: string): string | undefined {
  if (entry === "") return "is empty; leave it out";
  if (entry.length > MAX_LENGTH) {
    return `has ${entry.length} characters; at most ${MAX_LENGTH} are allowed`;
  }
  if (CONTROL.test(entry)) return "contains a control character";
  return undefined;
}

/** Reads the lists of one request and collects what is wrong with them. */
class RequestReader {
  readonly #violations: FieldViolation[] = [];
  #wrong = 0;

  /** The normalized entries of a list, without repeats. */
  list(field: string, entries: readonly string[], normalize: Normalize) {
    if (entries.length > MAX_ENTRIES) {
      this.#refuse(
        field,
        `has ${entries.length} entries; at most ${MAX_ENTRIES} are allowed, ` +
          "and an empty list means everything",
      );
      return [];
    }
    const kept = new Set<string>();
    for (const [i, raw] of entries.entries()) {
      const entry = normalize(raw.trim()).trim();
      const wrong = complaint(entry);
      if (wrong === undefined) kept.add(entry);
      else {
        const quoted = JSON.stringify(raw.slice(0, MAX_QUOTED));
        this.#refuse(`${field}[${i}]`, `${quoted} ${wrong}`);
      }
    }
    return [...kept];
  }

  /** Throws INVALID_ARGUMENT when anything was wrong. */
  check(): void {
    const [first] = this.#violations;
    if (first === undefined) return;
    const more = this.#wrong > 1 ? ` (and ${this.#wrong - 1} more)` : "";
    throw new CallError(
      Code.INVALID_ARGUMENT,
      `Cannot use the request: ${first.field}: ${first.description}${more}`,
      this.#violations,
    );
  }

  #refuse(field: string, description: string): void {
    this.#wrong++;
    if (this.#violations.length < MAX_VIOLATIONS) {
      this.#violations.push({ field, description });
    }
  }
}

/**
 * The filter of a stock stream.
 *
 * @throws {CallError} INVALID_ARGUMENT naming the wrong fields.
 */
export function stockFilter(
  request: { readonly symbols: readonly string[] },
): StreamFilter {
  const reader = new RequestReader();
  const symbols = reader.list("symbols", request.symbols, upperCase);
  reader.check();
  return { symbols };
}

/**
 * The filter of an option stream.
 *
 * @throws {CallError} INVALID_ARGUMENT naming the wrong fields.
 */
export function optionFilter(
  request: {
    readonly symbols: readonly string[];
    readonly underlyings: readonly string[];
  },
): StreamFilter {
  const reader = new RequestReader();
  const symbols = reader.list("symbols", request.symbols, optionSymbol);
  const underlyings = reader.list(
    "underlyings",
    request.underlyings,
    optionRoot,
  );
  reader.check();
  return { symbols, underlyings };
}

/**
 * The filter of the order stream; order ids keep their case.
 *
 * @throws {CallError} INVALID_ARGUMENT naming the wrong fields.
 */
export function orderFilter(
  request: {
    readonly symbols: readonly string[];
    readonly orderIds: readonly string[];
  },
): StreamFilter {
  const reader = new RequestReader();
  const orderIds = reader.list("order_ids", request.orderIds, asIs);
  const symbols = reader.list("symbols", request.symbols, upperCase);
  reader.check();
  return { symbols, orderIds };
}
