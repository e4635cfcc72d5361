/**
 * Transcodes messages from JSON to MessagePack, in one pass over the bytes.
 *
 * Timestamps become the timestamp extension; prices are doubles also where the JSON has a whole
 * number, as Alpaca encodes them. Other whole numbers are integers of the least width. Text is
 * copied. The JSON has to be valid.
 *
 * @module
 */
import { parseRfc3339 } from "../../domain/market/timestamp.ts";

const QUOTE = 0x22, COMMA = 0x2c, MINUS = 0x2d, DOT = 0x2e, ZERO = 0x30, COLON = 0x3a;
const LARGE_E = 0x45, LARGE_T = 0x54, OPEN_LIST = 0x5b, BACKSLASH = 0x5c, CLOSE_LIST = 0x5d;
const SMALL_E = 0x65, SMALL_F = 0x66, SMALL_N = 0x6e, SMALL_T = 0x74;
const OPEN_MAP = 0x7b, CLOSE_MAP = 0x7d, SPACE = 0x20;

/** Keys of prices by type; their numbers are doubles. */
const PRICES: Readonly<Record<string, readonly string[]>> = {
  t: ["p"],
  q: ["bp", "ap"],
  b: ["o", "h", "l", "c", "vw"],
  u: ["o", "h", "l", "c", "vw"],
  d: ["o", "h", "l", "c", "vw"],
  c: ["op", "cp"],
  x: ["p"],
  l: ["u", "d"],
  i: ["p"],
};
/** The same for crypto, where sizes and volumes are doubles too, also those of order books. */
const CRYPTO_NUMBERS: Readonly<Record<string, readonly string[]>> = {
  t: ["p", "s"],
  q: ["bp", "bs", "ap", "as"],
  b: ["o", "h", "l", "c", "v", "vw"],
  u: ["o", "h", "l", "c", "v", "vw"],
  d: ["o", "h", "l", "c", "v", "vw"],
  o: ["p", "s"],
};
/** Keys of times. */
const TIMES: readonly string[] = ["t", "r", "created_at", "updated_at"];

/** Digits that a double holds exactly. */
const EXACT_DIGITS = 15;
const POWERS = Array.from({ length: EXACT_DIGITS + 1 }, (_, i) => 10 ** i);
const UINT_32 = 2 ** 32;
/** Seconds that the timestamp of 8 bytes holds. */
const UINT_34 = 2 ** 34;
const INT_64 = 2n ** 63n;
const UINT_64 = 2n ** 64n;
const DAY_LENGTH = 10;
/** Length of `2026-09-14T14:30:02`. */
const SECOND_LENGTH = 19;
const NANO_DIGITS = 9;
const FIRST_BYTES = 4_096;

const fromUtf8 = new TextDecoder();
const toUtf8 = new TextEncoder();

/** Keys by their first two bytes and their length. */
function keysOf(names: readonly string[]): ReadonlySet<number> {
  return new Set(names.map((name) => hashOf(toUtf8.encode(name), 0, name.length)));
}

/** A number that is unique among the keys of messages, which have at most two bytes or are rare. */
function hashOf(bytes: Uint8Array, from: number, to: number): number {
  const first = bytes[from] ?? 0;
  const second = to - from > 1 ? bytes[from + 1] ?? 0 : 0;
  return ((to - from) << 16) | (first << 8) | second;
}

/** Keys by the code of the type. */
type KeysByType = readonly (ReadonlySet<number> | undefined)[];

function keysByType(table: Readonly<Record<string, readonly string[]>>): KeysByType {
  return Array.from({ length: 0x80 }, (_, code) => {
    const names = table[String.fromCharCode(code)];
    return names && keysOf(names);
  });
}

const PRICE_KEYS = keysByType(PRICES);
const CRYPTO_KEYS = keysByType(CRYPTO_NUMBERS);
const NO_KEYS: ReadonlySet<number> = new Set();
const TIME_KEYS = keysOf(TIMES);

/** Transcodes messages; keeps its buffer for the next one. */
export class JsonToMsgpack {
  #out = new Uint8Array(FIRST_BYTES);
  #view = new DataView(this.#out.buffer);
  #length = 0;
  #in: Uint8Array = new Uint8Array(0);
  #at = 0;
  #prices: ReadonlySet<number> = NO_KEYS;
  /** The day that was read last, as `YYYYMMDD`, and its first second. */
  #day = 0;
  #dayStart = 0;
  readonly #times: ReadonlySet<number>;
  readonly #doubles: KeysByType;

  /**
   * @param options.hasTimes whether times are timestamps, as in market data
   * @param options.isCrypto whether sizes are doubles. @default false
   */
  constructor(
    { hasTimes, isCrypto = false }: { readonly hasTimes: boolean; readonly isCrypto?: boolean } = {
      hasTimes: true,
    },
  ) {
    this.#times = hasTimes ? TIME_KEYS : NO_KEYS;
    this.#doubles = isCrypto ? CRYPTO_KEYS : PRICE_KEYS;
  }

  /**
   * Transcodes the value in `frame` from `start` up to `end`.
   *
   * @returns a copy of the MessagePack
   */
  transcode(frame: Uint8Array, start: number, end: number): Uint8Array {
    this.#in = frame;
    this.#at = start;
    this.#length = 0;
    this.#prices = NO_KEYS;
    this.#reserve(end - start);
    this.#value(0);
    this.#in = NO_BYTES;
    return this.#out.slice(0, this.#length);
  }

  /** @param key hash of the key whose value it is; 0 for none */
  #value(key: number): void {
    switch (this.#skipSpace()) {
      case QUOTE:
        return this.#times.has(key) ? this.#time() : this.#text();
      case OPEN_MAP:
        return this.#map();
      case OPEN_LIST:
        return this.#list(key);
      case SMALL_T:
        return this.#word(0xc3, 4);
      case SMALL_F:
        return this.#word(0xc2, 5);
      case SMALL_N:
        return this.#word(0xc0, 4);
      default:
        this.#number(this.#prices.has(key));
    }
  }

  #map(): void {
    const head = this.#length;
    const outer = this.#prices;
    this.#reserve(1);
    this.#length++;
    let size = 0;
    for (this.#at++;; size++) {
      if (this.#skipSpace() === COMMA) {
        this.#at++;
        this.#skipSpace();
      }
      if (this.#in[this.#at] === CLOSE_MAP) break;
      const from = this.#at + 1;
      this.#text();
      const key = hashOf(this.#in, from, this.#at - 1);
      this.#skipSpace();
      this.#at++;
      const first = this.#skipSpace();
      const isType = this.#in[from] === LARGE_T && this.#in[from + 1] === QUOTE;
      if (isType && first === QUOTE && this.#in[this.#at + 2] === QUOTE) {
        this.#prices = this.#doubles[this.#in[this.#at + 1] ?? 0] ?? NO_KEYS;
      }
      this.#value(key);
    }
    this.#at++;
    this.#prices = outer; // of a map in a map
    this.#setHead(head, size, 0x80, 0xde);
  }

  #list(key: number): void {
    const head = this.#length;
    this.#reserve(1);
    this.#length++;
    let length = 0;
    for (this.#at++;; length++) {
      if (this.#skipSpace() === COMMA) this.#at++;
      if (this.#skipSpace() === CLOSE_LIST) break;
      this.#value(key);
    }
    this.#at++;
    this.#setHead(head, length, 0x90, 0xdc);
  }

  /** Writes the head of a map or list whose values follow it. */
  #setHead(at: number, length: number, short: number, long: number): void {
    if (length < 16) {
      this.#out[at] = short | length;
      return;
    }
    const width = length < 0x10000 ? 2 : 4;
    this.#reserve(width);
    this.#out.copyWithin(at + 1 + width, at + 1, this.#length);
    this.#length += width;
    if (width === 2) {
      this.#out[at] = long;
      this.#view.setUint16(at + 1, length);
    } else {
      this.#out[at] = long + 1;
      this.#view.setUint32(at + 1, length);
    }
  }

  #text(): void {
    const from = this.#at + 1;
    let at = from;
    for (;; at++) {
      const byte = this.#in[at];
      if (byte === QUOTE) break;
      if (byte === BACKSLASH) return this.#escapedText();
      if (byte === undefined) throw new RangeError("The text has no end");
    }
    this.#at = at + 1;
    this.#writeText(this.#in, from, at);
  }

  #escapedText(): void {
    const from = this.#at;
    let at = from + 1;
    for (; this.#in[at] !== QUOTE; at++) {
      if (this.#in[at] === BACKSLASH) at++;
      if (at >= this.#in.length) throw new RangeError("The text has no end");
    }
    this.#at = at + 1;
    const text: string = JSON.parse(fromUtf8.decode(this.#in.subarray(from, at + 1)));
    const bytes = toUtf8.encode(text);
    this.#writeText(bytes, 0, bytes.length);
  }

  #writeText(bytes: Uint8Array, from: number, to: number): void {
    const length = to - from;
    this.#reserve(5 + length);
    if (length < 32) this.#out[this.#length++] = 0xa0 | length;
    else if (length < 0x100) {
      this.#out[this.#length++] = 0xd9;
      this.#out[this.#length++] = length;
    } else if (length < 0x10000) {
      this.#out[this.#length++] = 0xda;
      this.#view.setUint16(this.#length, length);
      this.#length += 2;
    } else {
      this.#out[this.#length++] = 0xdb;
      this.#view.setUint32(this.#length, length);
      this.#length += 4;
    }
    // Faster than `set` for the few bytes of most texts.
    if (length < 64) {
      let at = this.#length;
      for (let i = from; i < to; i++) this.#out[at++] = bytes[i] as number;
    } else this.#out.set(bytes.subarray(from, to), this.#length);
    this.#length += length;
  }

  #word(byte: number, length: number): void {
    this.#reserve(1);
    this.#out[this.#length++] = byte;
    this.#at += length;
  }

  /** @param isPrice whether a whole number is a double */
  #number(isPrice: boolean): void {
    const from = this.#at;
    let at = from;
    const isNegative = this.#in[at] === MINUS;
    if (isNegative) at++;
    let mantissa = 0;
    let digits = 0;
    let dot = -1;
    let hasExponent = false;
    for (;; at++) {
      const byte = this.#in[at] ?? 0;
      const digit = byte - ZERO;
      if (digit >= 0 && digit <= 9) {
        mantissa = mantissa * 10 + digit;
        if (mantissa > 0) digits++;
      } else if (byte === DOT) dot = at;
      else if (byte === SMALL_E || byte === LARGE_E) {
        hasExponent = true;
        while (isExponent(this.#in[at + 1])) at++;
      } else break;
    }
    if (at === from) throw new RangeError("Not a value");
    this.#at = at;
    this.#reserve(9);
    const scale = dot < 0 ? 0 : at - dot - 1;
    const isExact = !hasExponent && digits <= EXACT_DIGITS && scale <= EXACT_DIGITS;
    if (dot < 0 && !hasExponent && !isPrice && (mantissa > 0 || !isNegative)) {
      if (isExact) return this.#integer(isNegative ? -mantissa : mantissa);
      return this.#largeInteger(this.#slice(from, at));
    }
    if (!isExact) return this.#double(Number(this.#slice(from, at)));
    // Both operands are exact, so the quotient is the double nearest to the text.
    const value = scale === 0 ? mantissa : mantissa / (POWERS[scale] as number);
    this.#double(isNegative ? -value : value);
  }

  #double(value: number): void {
    this.#out[this.#length] = 0xcb;
    this.#view.setFloat64(this.#length + 1, value);
    this.#length += 9;
  }

  #integer(value: number): void {
    const view = this.#view;
    const at = this.#length;
    if (value >= 0) {
      if (value < 0x80) {
        this.#out[at] = value;
        this.#length += 1;
      } else if (value < 0x100) {
        this.#out[at] = 0xcc;
        this.#out[at + 1] = value;
        this.#length += 2;
      } else if (value < 0x10000) {
        this.#out[at] = 0xcd;
        view.setUint16(at + 1, value);
        this.#length += 3;
      } else if (value < UINT_32) {
        this.#out[at] = 0xce;
        view.setUint32(at + 1, value);
        this.#length += 5;
      } else {
        this.#out[at] = 0xcf;
        view.setUint32(at + 1, Math.floor(value / UINT_32));
        view.setUint32(at + 5, value % UINT_32);
        this.#length += 9;
      }
    } else if (value >= -0x20) {
      this.#out[at] = value & 0xff;
      this.#length += 1;
    } else if (value >= -0x80) {
      this.#out[at] = 0xd0;
      view.setInt8(at + 1, value);
      this.#length += 2;
    } else if (value >= -0x8000) {
      this.#out[at] = 0xd1;
      view.setInt16(at + 1, value);
      this.#length += 3;
    } else if (value >= -UINT_32 / 2) {
      this.#out[at] = 0xd2;
      view.setInt32(at + 1, value);
      this.#length += 5;
    } else {
      this.#out[at] = 0xd3;
      view.setBigInt64(at + 1, BigInt(value));
      this.#length += 9;
    }
  }

  /** Writes an integer of many digits; a double if it needs more than 64 bits. */
  #largeInteger(text: string): void {
    const value = text.length <= 20 ? BigInt(text) : UINT_64;
    if (value >= UINT_64 || value < -INT_64) return this.#double(Number(text));
    this.#out[this.#length] = value < 0n ? 0xd3 : 0xcf;
    if (value < 0n) this.#view.setBigInt64(this.#length + 1, value);
    else this.#view.setBigUint64(this.#length + 1, value);
    this.#length += 9;
  }

  /** Writes a time as the extension; other text as it is. */
  #time(): void {
    const start = this.#at;
    const from = start + 1;
    const seconds = this.#seconds(from);
    let at = from + SECOND_LENGTH;
    let nanos = 0;
    if (seconds !== undefined && this.#in[at] === DOT) {
      const first = ++at;
      for (;; at++) {
        const digit = (this.#in[at] ?? 0) - ZERO;
        if (!(digit >= 0 && digit <= 9)) break;
        nanos = nanos * 10 + digit;
      }
      const digits = at - first;
      if (digits === 0 || digits > NANO_DIGITS) return this.#unusualTime();
      nanos *= POWERS[NANO_DIGITS - digits] as number;
    }
    if (seconds === undefined || this.#in[at] !== 0x5a || this.#in[at + 1] !== QUOTE) {
      return this.#unusualTime();
    }
    this.#at = at + 2;
    this.#timestamp(seconds, nanos);
  }

  /** Reads a time in another form, such as with an offset. */
  #unusualTime(): void {
    const start = this.#at;
    const length = this.#length;
    this.#text();
    const time = parseRfc3339(this.#slice(start + 1, this.#at - 1));
    if (time === undefined) return;
    this.#length = length;
    this.#timestamp(time.seconds, time.nanos);
  }

  #timestamp(seconds: number, nanos: number): void {
    this.#reserve(15);
    const view = this.#view;
    const at = this.#length;
    if (nanos === 0 && seconds >= 0 && seconds < UINT_32) {
      view.setUint16(at, 0xd6ff);
      view.setUint32(at + 2, seconds);
      this.#length += 6;
    } else if (seconds >= 0 && seconds < UINT_34) {
      view.setUint16(at, 0xd7ff);
      // 30 bits of nanoseconds, then 34 bits of seconds.
      view.setUint32(at + 2, nanos * 4 + Math.floor(seconds / UINT_32));
      view.setUint32(at + 6, seconds % UINT_32);
      this.#length += 10;
    } else {
      view.setUint16(at, 0xc70c);
      view.setUint8(at + 2, 0xff);
      view.setUint32(at + 3, nanos);
      view.setBigInt64(at + 7, BigInt(seconds));
      this.#length += 15;
    }
  }

  /** The seconds of `YYYY-MM-DDTHH:MM:SS`; `undefined` for other text. */
  #seconds(from: number): number | undefined {
    const bytes = this.#in;
    if (bytes[from + DAY_LENGTH] !== LARGE_T || bytes[from + 13] !== COLON) return undefined;
    if (bytes[from + 16] !== COLON || bytes[from + 4] !== MINUS || bytes[from + 7] !== MINUS) {
      return undefined;
    }
    const hour = this.#twoDigits(from + 11);
    const minute = this.#twoDigits(from + 14);
    const second = this.#twoDigits(from + 17);
    if (!(hour <= 23 && minute <= 59 && second <= 59)) return undefined;
    const day = this.#twoDigits(from) * 1_000_000 + this.#twoDigits(from + 2) * 10_000 +
      this.#twoDigits(from + 5) * 100 + this.#twoDigits(from + 8);
    if (day !== this.#day) {
      const text = this.#slice(from, from + DAY_LENGTH);
      const start = parseRfc3339(`${text}T00:00:00Z`);
      if (start === undefined) return undefined;
      this.#day = day;
      this.#dayStart = start.seconds;
    }
    return this.#dayStart + hour * 3600 + minute * 60 + second;
  }

  /** NaN unless there are two digits. */
  #twoDigits(at: number): number {
    const high = (this.#in[at] ?? 0) - ZERO;
    const low = (this.#in[at + 1] ?? 0) - ZERO;
    return high >= 0 && high <= 9 && low >= 0 && low <= 9 ? high * 10 + low : NaN;
  }

  #slice(from: number, to: number): string {
    return fromUtf8.decode(this.#in.subarray(from, to));
  }

  /** Moves to the next byte that is no space; returns it. */
  #skipSpace(): number {
    let byte = this.#in[this.#at] ?? 0;
    while (byte <= SPACE && this.#at < this.#in.length) byte = this.#in[++this.#at] ?? 0;
    return byte;
  }

  /** Makes room for more bytes. */
  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#out.length) return;
    const larger = new Uint8Array(2 * (this.#length + bytes));
    larger.set(this.#out.subarray(0, this.#length));
    this.#out = larger;
    this.#view = new DataView(larger.buffer);
  }
}

const NO_BYTES = new Uint8Array(0);

/** Whether a byte can be part of an exponent. */
function isExponent(byte = 0): boolean {
  return byte === MINUS || byte === 0x2b || (byte >= ZERO && byte <= 0x39);
}
