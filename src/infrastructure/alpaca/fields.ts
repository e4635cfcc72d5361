/**
 * Reading the fields of an element, one rule per kind of field.
 *
 * A reader that meets a value it cannot accept throws {@linkcode BadField},
 * which costs that element and nothing else. Numbers and times must be there;
 * codes that say nothing (absent, null) are empty text, because upstream leaves
 * them out for an empty side of the book.
 *
 * @module
 */
import { parseRfc3339 } from "../../domain/market/rfc3339.ts";
import { isTimestamp, type Timestamp } from "../../domain/market/timestamp.ts";
import type { Element } from "./control.ts";
import {
  MAX_CODE_LENGTH,
  MAX_CODES,
  MAX_SYMBOL_LENGTH,
  MAX_TEXT_LENGTH,
} from "./text_limits.ts";

/** Characters of a wrong value that are quoted. */
const LONGEST_QUOTE = 32;

/** A field that is missing or not what the protocol says. */
export class BadField extends Error {
  override readonly name = "BadField";
  readonly key: string;

  constructor(key: string, value: unknown) {
    super(`Field "${key}" ${complaint(value)}`);
    this.key = key;
  }
}

/** What is wrong with a value, short whatever upstream sent. */
function complaint(value: unknown): string {
  if (value === undefined) return "is missing";
  if (value === null) return "is null";
  if (typeof value === "object") {
    return `cannot be a ${Array.isArray(value) ? "list" : "map"}`;
  }
  if (typeof value === "symbol") return `cannot be ${value.description}`;
  const text = String(value);
  const quoted = JSON.stringify(text.slice(0, LONGEST_QUOTE));
  return text.length > LONGEST_QUOTE
    ? `cannot be ${quoted}… (${text.length} characters)`
    : `cannot be ${quoted}`;
}

/**
 * A whole number that the decoding could not hold: the frame has to be decoded
 * once more, exactly.
 */
export class InexactInteger extends Error {
  override readonly name = "InexactInteger";

  constructor(key: string) {
    super(`Field "${key}" has more digits than a double holds`);
  }
}

/** The symbol of an element: text of 1 to 64 characters. */
export function symbolOf(element: Element): string {
  const value = element.S;
  if (
    typeof value === "string" && value.length > 0 &&
    value.length <= MAX_SYMBOL_LENGTH
  ) return value;
  throw new BadField("S", value);
}

/** A finite number. */
export function numberAt(element: Element, key: string): number {
  const value = element[key];
  const number = typeof value === "bigint" ? Number(value) : value;
  if (typeof number === "number" && Number.isFinite(number)) return number;
  throw new BadField(key, value);
}

/**
 * A whole number from 0 that fits 31 bits, which is what messages to clients
 * can carry: a size in shares or contracts.
 */
export function sizeAt(element: Element, key: string): number {
  const value = element[key];
  const size = typeof value === "bigint" ? Number(value) : value;
  if (typeof size === "number" && size >= 0 && (size | 0) === size) {
    return size;
  }
  throw new BadField(key, value);
}

/**
 * A whole number of up to 64 bits, exact.
 *
 * @throws InexactInteger when the digits were lost before they came here
 */
export function integerAt(element: Element, key: string): number | bigint {
  const value = element[key];
  if (Number.isSafeInteger(value)) return value as number;
  if (typeof value === "bigint" && fits64Bits(value)) {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (Number.isInteger(value)) throw new InexactInteger(key);
  throw new BadField(key, value);
}

function fits64Bits(value: bigint): boolean {
  return BigInt.asUintN(64, value) === value ||
    BigInt.asIntN(64, value) === value;
}

/** A code of up to 64 characters; absent or null is empty. */
export function codeAt(element: Element, key: string): string {
  return textUpTo(MAX_CODE_LENGTH, element, key);
}

/** Text for people, up to 1,024 characters; absent or null is empty. */
export function textAt(element: Element, key: string): string {
  return textUpTo(MAX_TEXT_LENGTH, element, key);
}

function textUpTo(length: number, element: Element, key: string): string {
  const value = element[key];
  if (typeof value === "string" && value.length <= length) return value;
  if (value === undefined || value === null) return "";
  throw new BadField(key, value);
}

/** A list of up to 32 codes; absent or null is empty. */
export function codesAt(element: Element, key: string): readonly string[] {
  const value = element[key];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > MAX_CODES) {
    throw new BadField(key, value);
  }
  for (let i = 0; i < value.length; i++) {
    const code: unknown = value[i];
    if (typeof code !== "string" || code.length > MAX_CODE_LENGTH) {
      throw new BadField(key, code);
    }
  }
  return value;
}

/**
 * A time: RFC 3339 text in JSON, a decoded extension in MessagePack. One that
 * no client could be told is as bad as none: its message would look timeless.
 */
export function timeAt(element: Element, key: string): Timestamp {
  const value = element[key];
  const time = typeof value === "string" ? parseRfc3339(value) : value;
  // A map of upstream may have these keys too: their values are not trusted.
  if (typeof time === "object" && time !== null) {
    const { seconds, nanos } = time as Partial<Timestamp>;
    if (seconds !== undefined && nanos !== undefined) {
      const copy = { seconds, nanos };
      if (isTimestamp(copy)) return copy;
    }
  }
  throw new BadField(key, value);
}
