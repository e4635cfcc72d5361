/**
 * Reads the fields of a message, one function per kind of field.
 *
 * A value that is not valid throws {@linkcode InvalidField}, which costs that message only. Numbers
 * and times are required; absent and null codes are empty text, because Alpaca omits the exchange
 * of an empty side of the order book.
 *
 * Text has limits far above real values, because an event is kept in every queue that wants it and
 * sent to every client.
 *
 * @module
 */
import { isTimestamp, parseRfc3339, type Timestamp } from "../../domain/market/timestamp.ts";

/** Characters of a symbol; a client request allows as many. OCC symbols have 21. */
export const MAX_SYMBOL_LENGTH = 64;
/** Characters of an exchange, tape, condition or other code; real ones have 1 to 4. */
export const MAX_CODE_LENGTH = 64;
/** Conditions of one message; real ones have at most 4. */
export const MAX_CODES = 32;
/** Characters of any other text, for example the fields of an order. */
export const MAX_TEXT_LENGTH = 1_024;
/** Characters of an error message that are kept for the log and the status. */
const MAX_ERROR_LENGTH = 256;
/** Characters of a value that an error or a log line quotes. */
const MAX_QUOTED_LENGTH = 32;

/** A decoded map of a frame; its values are not validated. */
export type Message = Readonly<Record<string, unknown>>;

/** Whether a decoded value is a map. */
export function isMessage(value: unknown): value is Message {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A field that is missing or not valid. */
export class InvalidField extends Error {
  override readonly name = "InvalidField";

  constructor(key: string, value: unknown) {
    // A stack costs some 5 µs, and a frame can have 400,000 such fields.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(`Field "${key}" ${problemOf(value)}`);
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** What is wrong with a value; short for any value. */
function problemOf(value: unknown): string {
  if (value === undefined) return "is missing";
  if (value === null) return "is null";
  if (typeof value === "object") {
    return `cannot be a ${Array.isArray(value) ? "list" : "map"}`;
  }
  if (typeof value === "symbol") return `cannot be ${value.description}`;
  const text = String(value);
  const quoted = JSON.stringify(text.slice(0, MAX_QUOTED_LENGTH));
  return text.length > MAX_QUOTED_LENGTH
    ? `cannot be ${quoted}… (${text.length} characters)`
    : `cannot be ${quoted}`;
}

/** An integer that the decoding rounded: the frame must be decoded exactly. */
export class InexactInteger extends Error {
  override readonly name = "InexactInteger";

  constructor(key: string) {
    super(`Field "${key}" has more digits than a double holds`);
  }
}

/** Reads the symbol of a message: text of 1 to 64 characters. */
export function readSymbol(message: Message): string {
  const value = message.S;
  if (
    typeof value === "string" && value.length > 0 &&
    value.length <= MAX_SYMBOL_LENGTH
  ) return value;
  throw new InvalidField("S", value);
}

/** Reads a finite number. */
export function readNumber(message: Message, key: string): number {
  const value = message[key];
  const number = typeof value === "bigint" ? Number(value) : value;
  if (typeof number === "number" && Number.isFinite(number)) return number;
  throw new InvalidField(key, value);
}

/**
 * Reads a size in shares or contracts: an integer from 0 to 2^31 − 1, the range of the messages to
 * clients.
 */
export function readSize(message: Message, key: string): number {
  const value = message[key];
  const size = typeof value === "bigint" ? Number(value) : value;
  if (typeof size === "number" && size >= 0 && (size | 0) === size) {
    return size;
  }
  throw new InvalidField(key, value);
}

/**
 * Reads an exact integer of up to 64 bits.
 *
 * @throws InexactInteger when the decoding lost digits
 */
export function readInteger(message: Message, key: string): number | bigint {
  const value = message[key];
  if (Number.isSafeInteger(value)) return value as number;
  if (typeof value === "bigint" && fits64Bits(value)) {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (Number.isInteger(value)) throw new InexactInteger(key);
  throw new InvalidField(key, value);
}

function fits64Bits(value: bigint): boolean {
  return BigInt.asUintN(64, value) === value ||
    BigInt.asIntN(64, value) === value;
}

/** Reads a code of up to 64 characters; absent or null is empty. */
export function readString(message: Message, key: string): string {
  return readUpTo(MAX_CODE_LENGTH, message, key);
}

/** Reads text of up to 1,024 characters; absent or null is empty. */
export function readText(message: Message, key: string): string {
  return readUpTo(MAX_TEXT_LENGTH, message, key);
}

function readUpTo(length: number, message: Message, key: string): string {
  const value = message[key];
  if (typeof value === "string" && value.length <= length) return value;
  if (value === undefined || value === null) return "";
  throw new InvalidField(key, value);
}

/** Reads a list of up to 32 codes; absent or null is empty. */
export function readStrings(message: Message, key: string): readonly string[] {
  const value = message[key];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > MAX_CODES) {
    throw new InvalidField(key, value);
  }
  for (let i = 0; i < value.length; i++) {
    const code: unknown = value[i];
    if (typeof code !== "string" || code.length > MAX_CODE_LENGTH) {
      throw new InvalidField(key, code);
    }
  }
  return value;
}

/**
 * Reads a time: RFC 3339 text in JSON, a decoded extension in MessagePack. Years outside 1 to 9999
 * are invalid, because no message to a client can hold them.
 */
export function readTime(message: Message, key: string): Timestamp {
  const value = message[key];
  const time = typeof value === "string" ? parseRfc3339(value) : value;
  // A map in the frame may have these keys too, with any values.
  if (typeof time === "object" && time !== null) {
    const { seconds, nanos } = time as Partial<Timestamp>;
    if (seconds !== undefined && nanos !== undefined) {
      const copy = { seconds, nanos };
      if (isTimestamp(copy)) return copy;
    }
  }
  throw new InvalidField(key, value);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Cuts an error message to 256 characters; empty when the value is not text. The result is a copy:
 * a slice would keep the whole text, up to a frame long, in memory as long as the slice is kept.
 */
export function errorMessage(value: unknown): string {
  if (typeof value !== "string") return "";
  if (value.length <= MAX_ERROR_LENGTH) return value;
  const start = value.slice(0, MAX_ERROR_LENGTH);
  return `${decoder.decode(encoder.encode(start))}…`;
}

/** A value of the frame for a log line: at most 32 characters of any value. */
export function printable(value: unknown): string {
  if (typeof value !== "string") return typeof value;
  return value.length > MAX_QUOTED_LENGTH ? errorMessage(value).slice(0, MAX_QUOTED_LENGTH) : value;
}
