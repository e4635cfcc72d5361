/**
 * Reads the fields of a message, one function per kind of field.
 *
 * Symbol, time, prices and sizes are required: an invalid one throws {@linkcode InvalidField},
 * which costs that message only. Any other value that cannot be read is left out and noted: an odd
 * exchange, tape, condition or id does not cost a price. A fractional size, which the tapes carry
 * since 2026, is rounded to the nearest whole number and noted with its digits, because the
 * messages to clients have whole sizes. A number that is sent as text is read and noted. A fraction
 * beyond the precision of a double is not recognized as one: real sizes have six decimals.
 *
 * Text has limits far above real values, because an event is kept in every queue of a subscriber
 * and sent to every client.
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

/** A number that is not an integer, with its digits as sent. */
export class NumberText {
  readonly number: number;
  readonly text: string;

  constructor(number: number, text: string) {
    this.number = number;
    this.text = text;
  }
}

/** The digits of a number, as sent where they are known. */
export function digitsOf(value: unknown): string {
  return value instanceof NumberText ? value.text : String(value);
}

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
    super(`Field "${key}" ${problemOf(plain(value))}`);
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function plain(value: unknown): unknown {
  return value instanceof NumberText ? value.number : value;
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

/** Records what differs from the documentation in a message that is delivered. */
export interface MessageNotes {
  /** A value was rounded, or left out because it cannot be read; counted once per message. */
  inexact(): void;
  /**
   * A number was rounded to a whole one, which is noted as inexact too.
   *
   * @param field name of the field in the message to clients
   * @param value the number as decoded, a {@linkcode NumberText} or text
   */
  rounded(field: string, value: unknown): void;
  /** The message has values that are not documented; counted, each value logged once. */
  unknownValues(values: readonly string[]): void;
}

/** A decimal number as text, of at most 20 digits on each side of the point. */
const DECIMAL = /^-?\d{1,20}(\.\d{1,20})?$/;
/** One from 0 with a fraction. */
const FRACTION = /^(\d{1,20})\.(\d{1,20})$/;

/**
 * Returns a field, with a number that is sent as text converted and noted. Text of a whole number
 * that neither 64 bits nor a double hold exactly stays text, which is not valid.
 */
function valueOf(message: Message, key: string, notes: MessageNotes): unknown {
  const value = message[key];
  if (typeof value !== "string") return plain(value);
  const match = DECIMAL.exec(value);
  if (match === null) return value;
  const number = match[1] === undefined ? BigInt(value) : Number(value);
  const isExact = typeof number === "bigint"
    ? fits64Bits(number)
    : Number.isSafeInteger(number) || !Number.isInteger(number);
  if (!isExact) return value;
  notes.inexact();
  return number;
}

/** Reads a finite number. */
export function readNumber(message: Message, key: string, notes: MessageNotes): number {
  const value = valueOf(message, key, notes);
  const number = typeof value === "bigint" ? Number(value) : value;
  if (typeof number === "number" && Number.isFinite(number)) return number;
  throw new InvalidField(key, value);
}

/**
 * Reads a size in shares or contracts: a number from 0 that is below 2^31 once rounded, the range
 * of the messages to clients. Half a share is 1, and less is 0.
 *
 * @param field name of the field in the message to clients
 */
export function readSize(
  message: Message,
  key: string,
  notes: MessageNotes,
  field: string,
): number {
  const value = valueOf(message, key, notes);
  const size = typeof value === "bigint" ? Number(value) : value;
  if (typeof size === "number" && size >= 0) {
    if ((size | 0) === size) return size;
    const rounded = Math.round(size);
    if ((rounded | 0) === rounded) {
      notes.rounded(field, message[key]);
      return rounded;
    }
  }
  throw new InvalidField(key, value);
}

/** Characters of the shortest text of a double from which on the number sent may be longer. */
const FULL_PRECISION = 17;

/**
 * Reads an amount from 0 that may have a fraction. One with more digits than a double holds is
 * noted with its digits.
 *
 * @param field name of the field in the message to clients
 */
export function readAmount(
  message: Message,
  key: string,
  notes: MessageNotes,
  field: string,
): number {
  const value = message[key];
  const amount = readNumber(message, key, notes);
  if (amount < 0) throw new InvalidField(key, value);
  const text = String(amount);
  if (value instanceof NumberText || typeof value === "string") {
    if (!isSameDecimal(digitsOf(value), text)) notes.rounded(field, value);
  } else if (text.length >= FULL_PRECISION && !Number.isInteger(amount)) {
    // Decoded exactly if possible, which shows whether it was rounded.
    notes.rounded(field, value);
  }
  return amount;
}

/** Whether texts of decimal numbers have the same value; not decided for exponents. */
function isSameDecimal(one: string, other: string): boolean {
  return one === other || /[eE]/.test(one + other) || withoutZeros(one) === withoutZeros(other);
}

function withoutZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** Reads a size of a quote: as {@linkcode readSize}, but 0 and noted when it is absent or null. */
export function readQuoteSize(
  message: Message,
  key: string,
  notes: MessageNotes,
  field: string,
): number {
  const value = message[key];
  if (value !== undefined && value !== null) return readSize(message, key, notes, field);
  notes.inexact();
  return 0;
}

/**
 * Reads the volume of a bar: as {@linkcode readInteger}, but a fraction is rounded.
 *
 * @throws InexactInteger when the decoding lost digits
 */
export function readVolume(message: Message, key: string, notes: MessageNotes): number | bigint {
  const value = valueOf(message, key, notes);
  const rounded = typeof value === "number" ? Math.round(value) : NaN;
  if (rounded === value && Number.isSafeInteger(value)) return rounded;
  const exact = Number.isSafeInteger(rounded) ? rounded : roundLarge(message[key]);
  if (exact === undefined) return exactInteger(value, key);
  notes.rounded("volume", message[key]);
  return exact;
}

/** Rounds a number with a fraction that a double cannot hold; `undefined` for any other value. */
function roundLarge(value: unknown): bigint | undefined {
  const text = value instanceof NumberText ? value.text : value;
  const match = typeof text === "string" ? FRACTION.exec(text) : null;
  if (match === null) return undefined;
  const [, whole = "", fraction = ""] = match;
  const rounded = BigInt(whole) + (fraction >= "5" ? 1n : 0n);
  return fits64Bits(rounded) ? rounded : undefined;
}

/** Reads the id of a trade: as {@linkcode readInteger}, but 0 unless the value is a number. */
export function readTradeId(message: Message, key: string, notes: MessageNotes): number | bigint {
  const value = valueOf(message, key, notes);
  const isFraction = Number.isFinite(value) && !Number.isInteger(value);
  if ((typeof value === "number" || typeof value === "bigint") && !isFraction) {
    return exactInteger(value, key);
  }
  notes.inexact();
  return 0;
}

/** Reads a number that a bar may lack, such as its VWAP: 0 without a valid one. */
export function readOptional(
  read: (message: Message, key: string, notes: MessageNotes) => number,
  message: Message,
  key: string,
  notes: MessageNotes,
): number {
  const value = message[key];
  if (value === undefined || value === null) return 0;
  try {
    return read(message, key, notes);
  } catch {
    notes.inexact();
    return 0;
  }
}

/**
 * Reads an exact integer of up to 64 bits.
 *
 * @throws InexactInteger when the decoding lost digits
 */
export function readInteger(message: Message, key: string, notes: MessageNotes): number | bigint {
  return exactInteger(valueOf(message, key, notes), key);
}

function exactInteger(value: unknown, key: string): number | bigint {
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

/** Reads a code of up to 64 characters; empty when it is absent or null, or noted. */
export function readString(message: Message, key: string, notes: MessageNotes): string {
  return readUpTo(MAX_CODE_LENGTH, message, key, notes);
}

/** As {@linkcode readString}, up to 1,024 characters. */
export function readText(message: Message, key: string, notes: MessageNotes): string {
  return readUpTo(MAX_TEXT_LENGTH, message, key, notes);
}

function readUpTo(length: number, message: Message, key: string, notes: MessageNotes): string {
  const value = message[key];
  if (typeof value === "string" && value.length <= length) return value;
  if (value !== undefined && value !== null) notes.inexact();
  return "";
}

/**
 * Reads a list of codes; empty when it is absent or null. A single code is a list of one. What is
 * not a code, and codes beyond 32, are left out and noted.
 */
export function readStrings(message: Message, key: string, notes: MessageNotes): readonly string[] {
  const value = message[key];
  if (value === undefined || value === null) return [];
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length <= MAX_CODES && list.every(isCode)) return list;
  notes.inexact();
  return list.slice(0, MAX_CODES).filter(isCode);
}

/** Reads a single code, also from a list of one. */
export function readCode(message: Message, key: string, notes: MessageNotes): string {
  const value = message[key];
  const isListOfOne = Array.isArray(value) && value.length === 1;
  return readString(isListOfOne ? { [key]: value[0] } : message, key, notes);
}

function isCode(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_CODE_LENGTH;
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
