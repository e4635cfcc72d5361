/**
 * Reads one request field by field and collects what is wrong with it, so that
 * a client is told of all of it at once.
 *
 * @module
 */
import { status as Code } from "@grpc/grpc-js";
import { CallError, type FieldViolation } from "./call_error.ts";
import type { Spelling } from "./symbol_spelling.ts";

/** Most characters that an entry may have. */
const MAX_LENGTH = 64;
/** Status details travel in a header, so only the first wrong fields are named. */
const MAX_VIOLATIONS = 8;
/** How much of a wrong entry is quoted back. */
const MAX_QUOTED = 32;
/** Tag and length of a list's entry in a message. */
const ENTRY_OVERHEAD = 2;

// deno-lint-ignore no-control-regex -- finding control characters is the point
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Bytes of a request whose two lists are as long as they may be. */
export function largestRequest(maxEntries: number): number {
  return 2 * maxEntries * (MAX_LENGTH + ENTRY_OVERHEAD);
}

const BLANK = /\s/;
/** Characters that an entry may have with the blanks around it. */
const MAX_RAW_LENGTH = 2 * MAX_LENGTH;
/** Visible ASCII without quote and backslash, which JSON would escape. */
const NAME = /^[!#-[\]-~]*$/;

/** What is wrong with a trimmed entry; undefined when nothing is. */
function complaint(entry: string): string | undefined {
  if (entry === "") return "is empty; leave it out";
  if (entry.length > MAX_LENGTH) {
    return `has ${entry.length} characters; at most ${MAX_LENGTH} are allowed`;
  }
  if (CONTROL.test(entry)) return "contains a control character";
  if (entry === "*") return "is no name; an empty list means everything";
  if (entry.includes(",")) return "contains a comma; every name is an entry";
  if (BLANK.test(entry)) return "contains a blank; every name is an entry";
  if (!NAME.test(entry)) return "contains a character that no name has";
  return undefined;
}

/** Reads the fields of one request. */
export class RequestReader {
  readonly #maxEntries: number;
  readonly #violations: FieldViolation[] = [];
  #wrong = 0;

  /** @param maxEntries most entries that a list may have */
  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  /** The entries of a list in Alpaca's spelling, without repeats. */
  list(field: string, entries: readonly string[], spelling: Spelling) {
    if (entries.length > this.#maxEntries) {
      this.refuse(
        field,
        `has ${entries.length} entries; at most ${this.#maxEntries} are ` +
          "allowed, and an empty list means everything",
      );
      return [];
    }
    const kept = new Set<string>();
    for (const [i, raw] of entries.entries()) {
      // Of a long one, what is left after trimming could keep all of it.
      const entry = raw.length > MAX_RAW_LENGTH
        ? raw
        : spelling(raw.trim()).trim();
      const wrong = complaint(entry);
      if (wrong === undefined) kept.add(entry);
      else {
        const quoted = JSON.stringify(raw.slice(0, MAX_QUOTED));
        this.refuse(`${field}[${i}]`, `${quoted} ${wrong}`);
      }
    }
    return [...kept];
  }

  /** Keeps that a field is wrong, and why. */
  refuse(field: string, description: string): void {
    this.#wrong++;
    if (this.#violations.length < MAX_VIOLATIONS) {
      this.#violations.push({ field, description });
    }
  }

  /**
   * Says what was wrong, if anything was.
   *
   * @throws {CallError} INVALID_ARGUMENT naming the wrong fields.
   */
  check(): void {
    const [first] = this.#violations;
    if (first === undefined) return;
    const more = this.#wrong > 1 ? ` (and ${this.#wrong - 1} more)` : "";
    throw new CallError(
      Code.INVALID_ARGUMENT,
      `Cannot use the request: ${first.field}: ${first.description}${more}`,
      { fields: this.#violations },
    );
  }
}
