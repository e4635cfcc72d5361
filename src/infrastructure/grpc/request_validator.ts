/**
 * Validates the fields of one request and reports all violations together.
 *
 * @module
 */
import { CallError, type FieldViolation } from "./call_error.ts";
import { type CheckSymbol, identity, type Normalize } from "./normalize_symbols.ts";
import { Code } from "./status_code.ts";

/** Longest entry in characters. */
const MAX_LENGTH = 64;
/** Violations that are sent: status details travel in a header. */
const MAX_VIOLATIONS = 8;
/** Characters of an invalid entry that are quoted in its violation. */
const MAX_QUOTED = 32;
/** Bytes of the tag and the length of a list entry in a message. */
const ENTRY_OVERHEAD = 2;

// deno-lint-ignore no-control-regex -- finding control characters is the point
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Longest list whose entries are compared one by one. */
const MAX_SHORT_LIST = 100;

/** Bytes of a request whose two lists have `maxEntries` of the longest entries. */
export function largestRequest(maxEntries: number): number {
  return 2 * maxEntries * (MAX_LENGTH + ENTRY_OVERHEAD);
}

const BLANK = /\s/;
/** Longest entry in characters with the blanks around it. */
const MAX_RAW_LENGTH = 2 * MAX_LENGTH;
/** Visible ASCII without quote and backslash, which JSON would escape. */
const NAME = /^[!#-[\]-~]*$/;

/** Describes what is wrong with a trimmed entry; undefined for a valid one. */
function violationOf(entry: string): string | undefined {
  if (entry === "") return "is empty; leave it out";
  if (entry.length > MAX_LENGTH) {
    return `has ${entry.length} characters; at most ${MAX_LENGTH} are allowed`;
  }
  if (CONTROL.test(entry)) return "contains a control character";
  if (entry === "*") return "is not a name; an empty list means everything";
  if (entry.includes(",")) return "contains a comma; send one name per entry";
  if (BLANK.test(entry)) return "contains a blank; send one name per entry";
  if (!NAME.test(entry)) return "contains a character that names cannot have";
  return undefined;
}

/**
 * The start of a text in quotes, without control characters, which a terminal would obey.
 *
 * @param length characters of the text that are quoted
 */
export function quoted(text: string, length: number = MAX_QUOTED): string {
  return JSON.stringify(text.slice(0, length)).replaceAll(
    new RegExp(CONTROL, "g"),
    (control) => `\\u00${control.charCodeAt(0).toString(16)}`,
  );
}

/** Collects the violations of one request. */
export class RequestValidator {
  readonly #maxEntries: number;
  readonly #violations: FieldViolation[] = [];
  #count = 0;

  /** @param maxEntries longest list that a request may have */
  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  /**
   * Normalizes the entries of a list and removes duplicates.
   *
   * @param check describes what is wrong with a name; by default nothing is
   */
  list(
    field: string,
    entries: readonly string[],
    normalize: Normalize,
    check: CheckSymbol = () => undefined,
  ): string[] {
    if (entries.length > this.#maxEntries) {
      this.addViolation(
        field,
        `has ${entries.length} entries; at most ${this.#maxEntries} are ` +
          "allowed, and an empty list means everything",
      );
      return [];
    }
    const kept = new Set<string>();
    for (const [i, raw] of entries.entries()) {
      // The trimmed part of a long string can retain the whole string.
      const entry = raw.length > MAX_RAW_LENGTH ? raw : normalize(raw.trim()).trim();
      const violation = violationOf(entry) ?? check(entry);
      if (violation === undefined) kept.add(entry);
      else {
        this.addViolation(`${field}[${i}]`, `${quoted(raw)} ${violation}`);
      }
    }
    return [...kept];
  }

  /** Like {@linkcode RequestValidator.list}, of at most {@linkcode MAX_SHORT_LIST} entries. */
  shortList(
    field: string,
    entries: readonly string[] = [],
    normalize: Normalize = identity,
    check?: CheckSymbol,
  ): string[] {
    if (entries.length <= MAX_SHORT_LIST) return this.list(field, entries, normalize, check);
    const text = `has ${entries.length} entries; at most ${MAX_SHORT_LIST} are allowed`;
    this.addViolation(field, text);
    return [];
  }

  /**
   * Texts that are compared with the start of others, as they are: at most
   * {@linkcode MAX_SHORT_LIST}, without duplicates.
   *
   * @param maxLength longest text that makes sense, in characters
   */
  prefixes(field: string, entries: readonly string[] = [], maxLength: number): string[] {
    if (entries.length > MAX_SHORT_LIST) {
      const text = `has ${entries.length} entries; at most ${MAX_SHORT_LIST} are allowed`;
      this.addViolation(field, text);
      return [];
    }
    for (const [i, entry] of entries.entries()) {
      if (entry === "") this.addViolation(`${field}[${i}]`, '"" is empty; leave it out');
      else if (entry.length > maxLength) {
        const text = `has ${entry.length} characters; at most ${maxLength} are allowed`;
        this.addViolation(`${field}[${i}]`, `${quoted(entry)} ${text}`);
      } else if (CONTROL.test(entry)) {
        this.addViolation(`${field}[${i}]`, `${quoted(entry)} contains a control character`);
      }
    }
    return [...new Set(entries)];
  }

  /** Adds a violation; at most {@linkcode MAX_VIOLATIONS} are sent. */
  addViolation(field: string, description: string): void {
    this.#count++;
    if (this.#violations.length < MAX_VIOLATIONS) {
      this.#violations.push({ field, description });
    }
  }

  /** @throws {CallError} INVALID_ARGUMENT with the violations, if there are any */
  throwIfInvalid(): void {
    const [first] = this.#violations;
    if (first === undefined) return;
    const more = this.#count > 1 ? ` (and ${this.#count - 1} more)` : "";
    throw new CallError(
      Code.INVALID_ARGUMENT,
      `Invalid request: ${first.field}: ${first.description}${more}`,
      { fields: this.#violations },
    );
  }
}
