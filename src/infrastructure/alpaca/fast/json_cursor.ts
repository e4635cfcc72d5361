/**
 * Reads values from the bytes of a JSON frame.
 *
 * Each method moves the position past the value that it reads and throws `UNSUPPORTED` at anything
 * else, white space included. Accepted values are equal, to the last bit, to those of `JSON.parse`.
 *
 * @module
 */
import { isTimestamp, parseRfc3339, type Timestamp } from "../../../domain/market/timestamp.ts";
import { UNSUPPORTED } from "./frame_batch.ts";
import { addToHash, type InternTable } from "./intern_table.ts";

const QUOTE = 0x22, COMMA = 0x2c, MINUS = 0x2d, DOT = 0x2e, ZERO = 0x30, NINE = 0x39;
const COLON = 0x3a, LARGE_E = 0x45, LARGE_T = 0x54, LARGE_Z = 0x5a;
const BACKSLASH = 0x5c, SMALL_E = 0x65;
const TYPE_KEY = 0x54, SYMBOL_KEY = 0x53;
const OPEN_LIST = 0x5b, CLOSE_LIST = 0x5d, OPEN_MAP = 0x7b, CLOSE_MAP = 0x7d;

/** Every integer of this many digits is exact as a double. */
const EXACT_DIGITS = 15;
/** Bytes of the longest number that is read; a double needs at most 25. */
const MAX_NUMBER_BYTES = 64;
const NANO_DIGITS = 9;
const DAY_LENGTH = 10;

/** 10^0 to 10^15, all exact. */
const POWERS = Array.from({ length: EXACT_DIGITS + 1 }, (_, i) => 10 ** i);

/** The value of a digit; above 9, negative or NaN for any other byte. */
function digit(byte: number | undefined): number {
  return (byte as number) - ZERO;
}

function isNumeric(byte: number): boolean {
  return (byte >= ZERO && byte <= NINE) || byte === DOT || byte === MINUS;
}

/** Whether the byte is printable ASCII and not a backslash; false past the end. */
function isUnescaped(byte: number): boolean {
  return byte >= 0x20 && byte < 0x7f && byte !== BACKSLASH;
}

/** A position in a JSON frame. */
export class JsonCursor {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** The last day that was read, as `YYYYMMDD`, and its first second. */
  #day = 0;
  #dayStart = 0;

  /** Position in the frame. */
  get at(): number {
    return this.#at;
  }

  /** Starts reading a frame. */
  open(frame: Uint8Array): void {
    this.#bytes = frame;
    this.#at = 0;
  }

  /** Reads `[`, or `[]` (false). */
  enterList(): boolean {
    this.#expect(OPEN_LIST);
    if (this.#bytes[this.#at] !== CLOSE_LIST) return true;
    this.#at++;
    return false;
  }

  /** Reads `,` (true) or the `]` of a list (false). */
  nextItem(): boolean {
    return this.#commaOr(CLOSE_LIST);
  }

  /** Reads `,` (true) or the `}` of a map (false). */
  nextField(): boolean {
    return this.#commaOr(CLOSE_MAP);
  }

  /** Throws unless the whole frame has been read. */
  expectEnd(): void {
    if (this.#at !== this.#bytes.length) throw UNSUPPORTED;
  }

  /** Reads `{"T":"x"` and returns the byte of x. */
  messageType(): number {
    const bytes = this.#bytes;
    const at = this.#at;
    if (
      bytes[at] !== OPEN_MAP || bytes[at + 1] !== QUOTE ||
      bytes[at + 2] !== LARGE_T || bytes[at + 3] !== QUOTE ||
      bytes[at + 4] !== COLON || bytes[at + 5] !== QUOTE ||
      bytes[at + 7] !== QUOTE
    ) throw UNSUPPORTED;
    this.#at = at + 8;
    return bytes[at + 6] as number;
  }

  /** Reads a key and its colon; returns its `keyCode`, or 0 for a longer key. */
  key(): number {
    const bytes = this.#bytes;
    const at = this.#at;
    if (bytes[at] !== QUOTE) throw UNSUPPORTED;
    const first = bytes[at + 1] as number;
    const second = bytes[at + 2] as number;
    if (first === QUOTE || !isUnescaped(first) || !isUnescaped(second)) {
      throw UNSUPPORTED;
    }
    if (second === QUOTE) {
      this.#at = at + 3;
      this.#expect(COLON);
      return first;
    }
    if (bytes[at + 3] === QUOTE) {
      this.#at = at + 4;
      this.#expect(COLON);
      return (first << 8) | second;
    }
    this.#skipText();
    this.#expect(COLON);
    return 0;
  }

  /** Returns the symbol among the fields that follow, without moving the position. */
  peekSymbol(table: InternTable<string>): string {
    const at = this.#at;
    while (this.nextField()) {
      if (this.key() !== SYMBOL_KEY) this.skipValue();
      else {
        const symbol = this.text(table);
        this.#at = at;
        return symbol;
      }
    }
    throw UNSUPPORTED;
  }

  /** Reads text and interns it. */
  text<T>(table: InternTable<T>): T {
    const bytes = this.#bytes;
    let at = this.#at;
    if (bytes[at] !== QUOTE) throw UNSUPPORTED;
    const from = ++at;
    let hash = 0;
    for (;; at++) {
      const byte = bytes[at] as number;
      if (byte === QUOTE) break;
      if (!isUnescaped(byte)) throw UNSUPPORTED;
      hash = addToHash(hash, byte);
    }
    this.#at = at + 1;
    return table.intern(bytes, from, at, hash);
  }

  /** Reads a list of text and interns the whole list. */
  textList<T>(table: InternTable<T>): T {
    const bytes = this.#bytes;
    let at = this.#at;
    if (bytes[at] !== OPEN_LIST) throw UNSUPPORTED;
    const from = at;
    let hash = 0;
    // A code that contains a bracket is cut there: the result is not JSON, so it is not interned
    // and the frame falls back to the general decoder.
    for (;; at++) {
      const byte = bytes[at] as number;
      if (!isUnescaped(byte)) throw UNSUPPORTED;
      hash = addToHash(hash, byte);
      if (byte === CLOSE_LIST) break;
    }
    this.#at = at + 1;
    return table.intern(bytes, from, at + 1, hash);
  }

  /** Reads a number without an exponent. */
  number(): number {
    const bytes = this.#bytes;
    const from = this.#at;
    let at = from;
    const negative = bytes[at] === MINUS;
    if (negative) at++;
    const first = at;
    let mantissa = digit(bytes[at]);
    if (!(mantissa >= 0 && mantissa <= 9)) throw UNSUPPORTED;
    at++;
    // No digit may follow a leading zero.
    if (mantissa > 0) {
      for (;; at++) {
        const next = digit(bytes[at]);
        if (!(next >= 0 && next <= 9)) break;
        mantissa = mantissa * 10 + next;
      }
    }
    let digits = at - first;
    let scale = 0;
    if (bytes[at] === DOT) {
      const dot = at++;
      for (;; at++) {
        const next = digit(bytes[at]);
        if (!(next >= 0 && next <= 9)) break;
        mantissa = mantissa * 10 + next;
      }
      scale = at - dot - 1;
      if (scale === 0) throw UNSUPPORTED;
      digits += scale;
    }
    if (bytes[at] === SMALL_E || bytes[at] === LARGE_E) throw UNSUPPORTED;
    this.#at = at;
    if (digits > EXACT_DIGITS) return this.#longNumber(from, at);
    // Both operands are exact, so the quotient is the double nearest to the true value, which is
    // also the result of parsing the text.
    const value = scale === 0 ? mantissa : mantissa / (POWERS[scale] as number);
    return negative ? -value : value;
  }

  /** The text of the number that was read last. */
  lastNumber(): string {
    const bytes = this.#bytes;
    const to = this.#at;
    let from = to;
    // Digits, a point and a minus sign, which nothing before a number ends with.
    while (isNumeric(bytes[from - 1] as number)) from--;
    return this.#slice(from, to);
  }

  /** Reads a time of the form `"2026-09-14T14:30:02.118450321Z"`. */
  time(): Timestamp {
    const bytes = this.#bytes;
    const from = this.#at + 1;
    if (bytes[from - 1] !== QUOTE || bytes[from + DAY_LENGTH] !== LARGE_T) {
      throw UNSUPPORTED;
    }
    const hour = this.#twoDigits(from + 11);
    const minute = this.#twoDigits(from + 14);
    const second = this.#twoDigits(from + 17);
    if (
      bytes[from + 13] !== COLON || bytes[from + 16] !== COLON ||
      hour > 23 || minute > 59 || second > 59
    ) throw UNSUPPORTED;
    let at = from + 19;
    let nanos = 0;
    if (bytes[at] === DOT) {
      const dot = at++;
      for (;; at++) {
        const next = digit(bytes[at]);
        if (!(next >= 0 && next <= 9)) break;
        nanos = nanos * 10 + next;
      }
      const digits = at - dot - 1;
      if (digits === 0 || digits > NANO_DIGITS) throw UNSUPPORTED;
      nanos *= POWERS[NANO_DIGITS - digits] as number;
    }
    if (bytes[at] !== LARGE_Z || bytes[at + 1] !== QUOTE) throw UNSUPPORTED;
    this.#at = at + 2;
    const day = this.#dayFrom(from);
    return { seconds: day + hour * 3600 + minute * 60 + second, nanos };
  }

  /** Skips a value that is text, a number or a list of text. */
  skipValue(): void {
    const byte = this.#bytes[this.#at];
    if (byte === QUOTE) this.#skipText();
    else if (byte === OPEN_LIST) this.#skipTextList();
    else this.number();
  }

  /**
   * Skips the rest of a map of such values, its `}` included. A second type or symbol is not
   * supported, because the last of equal keys takes effect.
   */
  skipFields(): void {
    while (this.nextField()) {
      const key = this.key();
      if (key === TYPE_KEY || key === SYMBOL_KEY) throw UNSUPPORTED;
      this.skipValue();
    }
  }

  #skipTextList(): void {
    this.#at++;
    if (this.#bytes[this.#at] === CLOSE_LIST) {
      this.#at++;
      return;
    }
    do {
      if (this.#bytes[this.#at] !== QUOTE) throw UNSUPPORTED;
      this.#skipText();
    } while (this.nextItem());
  }

  #skipText(): void {
    const bytes = this.#bytes;
    let at = this.#at + 1;
    for (; bytes[at] !== QUOTE; at++) {
      if (!isUnescaped(bytes[at] as number)) throw UNSUPPORTED;
    }
    this.#at = at + 1;
  }

  #expect(byte: number): void {
    if (this.#bytes[this.#at++] !== byte) throw UNSUPPORTED;
  }

  #commaOr(end: number): boolean {
    const byte = this.#bytes[this.#at++];
    if (byte === COMMA) return true;
    if (byte === end) return false;
    throw UNSUPPORTED;
  }

  #twoDigits(at: number): number {
    const high = digit(this.#bytes[at]);
    const low = digit(this.#bytes[at + 1]);
    if (!(high >= 0 && high <= 9 && low >= 0 && low <= 9)) throw UNSUPPORTED;
    return high * 10 + low;
  }

  /** The first second of the day `YYYY-MM-DD` at `from`. */
  #dayFrom(from: number): number {
    const day = this.#twoDigits(from) * 1_000_000 +
      this.#twoDigits(from + 2) * 10_000 +
      this.#twoDigits(from + 5) * 100 + this.#twoDigits(from + 8);
    if (this.#bytes[from + 4] !== MINUS || this.#bytes[from + 7] !== MINUS) throw UNSUPPORTED;
    if (day !== this.#day) this.#parseDay(from, day);
    return this.#dayStart;
  }

  #parseDay(from: number, day: number): void {
    const text = this.#slice(from, from + DAY_LENGTH);
    const start = parseRfc3339(`${text}T00:00:00Z`);
    if (start === undefined || !isTimestamp(start)) throw UNSUPPORTED;
    this.#day = day;
    this.#dayStart = start.seconds;
  }

  #longNumber(from: number, to: number): number {
    if (to - from > MAX_NUMBER_BYTES) throw UNSUPPORTED;
    return Number(this.#slice(from, to));
  }

  #slice(from: number, to: number): string {
    return String.fromCharCode(...this.#bytes.subarray(from, to));
  }
}
