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
import {
  headBytes,
  LIST,
  MAP,
  writeDouble,
  writeHead,
  writeInteger,
  writeLargeInteger,
  writeTimestamp,
} from "./msgpack_values.ts";

const QUOTE = 0x22, COMMA = 0x2c, MINUS = 0x2d, DOT = 0x2e, ZERO = 0x30, NINE = 0x39;
const COLON = 0x3a, LARGE_E = 0x45, LARGE_T = 0x54, LARGE_Z = 0x5a, OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c, CLOSE_LIST = 0x5d, SMALL_E = 0x65, SMALL_F = 0x66, SMALL_N = 0x6e;
const SMALL_T = 0x74, OPEN_MAP = 0x7b, CLOSE_MAP = 0x7d, SPACE = 0x20;

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
const TIMES: readonly string[] = ["t", "r"];
/** Other keys of times, which are longer and have the same length. */
const LONG_TIMES: readonly string[] = ["created_at", "updated_at"];
const LONG_TIME_LENGTH = 10;

/** Powers of ten that a double holds exactly. */
const POWERS = Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
/** Digits of the longest integer of 64 bits, with its sign. */
const MAX_INTEGER_LENGTH = 20;
const INT_64 = 2n ** 63n;
const UINT_64 = 2n ** 64n;
/** Length of `2026-09-14T14:30:02`. */
const SECOND_LENGTH = 19;
const NANO_DIGITS = 9;

const fromUtf8 = new TextDecoder();
const toUtf8 = new TextEncoder();
const NO_BYTES = new Uint8Array(0);

/**
 * A few keys of one or two bytes, as numbers: the bytes of the key, at a position that they have
 * alone. Reading it is several times as fast as a `Set`.
 */
type Keys = Int32Array;

const KEY_POSITIONS = 0x100;

function positionOf(key: number): number {
  return (key + (key >>> 8)) & (KEY_POSITIONS - 1);
}

function hasKey(keys: Keys, key: number): boolean {
  return keys[positionOf(key)] === key;
}

function keysOf(names: readonly string[]): Keys {
  const keys: Keys = new Int32Array(KEY_POSITIONS).fill(-1);
  for (const name of names) {
    const [first = 0, second] = toUtf8.encode(name);
    const key = second === undefined ? first : (first << 8) | second;
    if (keys[positionOf(key)] !== -1) throw new Error(`Another key is stored where ${name} is`);
    keys[positionOf(key)] = key;
  }
  return keys;
}

/** Keys by the code of the type. */
type KeysByType = readonly (Keys | undefined)[];

function keysByType(table: Readonly<Record<string, readonly string[]>>): KeysByType {
  return Array.from({ length: 0x80 }, (_, code) => {
    const names = table[String.fromCharCode(code)];
    return names && keysOf(names);
  });
}

const PRICE_KEYS = keysByType(PRICES);
const CRYPTO_KEYS = keysByType(CRYPTO_NUMBERS);
const NO_KEYS = keysOf([]);
const TIME_KEYS = keysOf(TIMES);
/** Stands for a key that is in no table. */
const OTHER_KEY = 0;
const LONG_TIME_BYTES = LONG_TIMES.map((name) => toUtf8.encode(name));

/**
 * The most bytes that `length` bytes of JSON are transcoded to. Only doubles are longer than their
 * JSON: at most 9 bytes for a digit and a comma.
 */
export function maxTranscodedBytes(length: number): number {
  return 5 * length + 16;
}

/** Transcodes messages. */
export class JsonToMsgpack {
  #in: Uint8Array = NO_BYTES;
  #at = 0;
  #end = 0;
  #out: Uint8Array = NO_BYTES;
  #view: DataView = new DataView(NO_BYTES.buffer);
  #to = 0;
  /** Keys whose numbers are doubles. */
  #doubles: Keys = NO_KEYS;
  /** The time that was read last, without its fraction, and its seconds. */
  readonly #second = new Uint8Array(SECOND_LENGTH);
  #seconds = 0;
  readonly #times: Keys;
  readonly #doublesByType: KeysByType;

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
    this.#doublesByType = isCrypto ? CRYPTO_KEYS : PRICE_KEYS;
  }

  /** Transcodes the value in `frame` from `start` up to `end`. */
  transcode(frame: Uint8Array, start: number, end: number): Uint8Array {
    const out = new Uint8Array(maxTranscodedBytes(end - start));
    return out.slice(0, this.write({ frame, start, end }, out, 0));
  }

  /**
   * Transcodes a value to a position in other bytes.
   *
   * @param out with room for {@linkcode maxTranscodedBytes} from `at` on
   * @returns the position after it
   */
  write(
    { frame, start, end }: {
      readonly frame: Uint8Array;
      readonly start: number;
      readonly end: number;
    },
    out: Uint8Array,
    at: number,
  ): number {
    this.#in = frame;
    this.#at = start;
    this.#end = end;
    if (this.#out !== out) {
      this.#out = out;
      this.#view = new DataView(out.buffer, out.byteOffset, out.length);
    }
    this.#to = at;
    this.#doubles = NO_KEYS;
    this.#value(OTHER_KEY);
    this.#in = NO_BYTES;
    return this.#to;
  }

  /** @param key whose value it is */
  #value(key: number): void {
    const byte = this.#skipSpace();
    if (byte === QUOTE) {
      if (hasKey(this.#times, key)) this.#time();
      else this.#text();
    } else if (byte === MINUS || (byte >= ZERO && byte <= NINE)) {
      this.#number(hasKey(this.#doubles, key));
    } else if (byte === OPEN_LIST) this.#list(key);
    else if (byte === OPEN_MAP) this.#map();
    else if (byte === SMALL_T) this.#word(0xc3, 4);
    else if (byte === SMALL_F) this.#word(0xc2, 5);
    else if (byte === SMALL_N) this.#word(0xc0, 4);
    else throw new RangeError("Not a value");
  }

  #map(): void {
    const source = this.#in;
    const head = this.#to++;
    const outer = this.#doubles;
    let size = 0;
    for (this.#at++;; size++) {
      let byte = source[this.#at] === COMMA ? source[++this.#at] : this.#skipSpace();
      if (byte !== QUOTE) {
        if (byte === COMMA) this.#at++;
        byte = this.#skipSpace();
        if (byte === CLOSE_MAP) break;
      }
      const key = this.#key();
      if (source[this.#at] !== COLON) this.#skipSpace();
      this.#at++;
      if (key === LARGE_T) this.#readType();
      this.#value(key);
    }
    this.#at++;
    this.#doubles = outer; // of a map in a map
    this.#setHead(head, size, MAP);
  }

  /** Writes a key; returns it as a number. */
  #key(): number {
    const source = this.#in;
    const out = this.#out;
    const at = this.#at;
    const to = this.#to;
    const first = source[at + 1] as number;
    const second = source[at + 2] as number;
    if (first !== BACKSLASH && first !== QUOTE) {
      if (second === QUOTE) {
        out[to] = 0xa1;
        out[to + 1] = first;
        this.#at = at + 3;
        this.#to = to + 2;
        return first;
      }
      if (source[at + 3] === QUOTE && second !== BACKSLASH) {
        out[to] = 0xa2;
        out[to + 1] = first;
        out[to + 2] = second;
        this.#at = at + 4;
        this.#to = to + 3;
        return (first << 8) | second;
      }
    }
    this.#text();
    if (this.#at - at !== LONG_TIME_LENGTH + 2) return OTHER_KEY;
    const isTime = LONG_TIME_BYTES.some((name) =>
      name.every((byte, i) => source[at + 1 + i] === byte)
    );
    return isTime ? SMALL_T : OTHER_KEY;
  }

  /** Notes the type of the message if that is the next value. */
  #readType(): void {
    if (this.#skipSpace() !== QUOTE || this.#in[this.#at + 2] !== QUOTE) return;
    this.#doubles = this.#doublesByType[this.#in[this.#at + 1] as number] ?? NO_KEYS;
  }

  #list(key: number): void {
    const head = this.#to++;
    let length = 0;
    for (this.#at++;; length++) {
      if (this.#skipSpace() === COMMA) this.#at++;
      if (this.#skipSpace() === CLOSE_LIST) break;
      this.#value(key);
    }
    this.#at++;
    this.#setHead(head, length, LIST);
  }

  /** Writes the head of a map or list whose values follow it; one byte was left for it. */
  #setHead(at: number, length: number, first: typeof MAP | typeof LIST): void {
    const more = headBytes(length) - 1;
    if (more > 0) {
      this.#out.copyWithin(at + 1 + more, at + 1, this.#to);
      this.#to += more;
    }
    writeHead(this.#view, at, length, first);
  }

  #text(): void {
    const source = this.#in;
    const out = this.#out;
    const end = this.#end;
    const head = this.#to;
    const from = this.#at + 1;
    let at = from;
    let to = head + 1;
    for (; at < end; at++) {
      const byte = source[at] as number;
      if (byte === QUOTE) break;
      if (byte === BACKSLASH) return this.#escapedText();
      out[to++] = byte;
    }
    if (at === end) throw new RangeError("The text has no end");
    this.#at = at + 1;
    this.#to = to;
    const length = at - from;
    if (length < 32) out[head] = 0xa0 | length;
    else this.#setTextHead(head, length);
  }

  #escapedText(): void {
    const from = this.#at;
    let at = from + 1;
    for (; this.#in[at] !== QUOTE; at++) {
      if (this.#in[at] === BACKSLASH) at++;
      if (at >= this.#end) throw new RangeError("The text has no end");
    }
    this.#at = at + 1;
    const text: string = JSON.parse(this.#slice(from, at + 1));
    const head = this.#to;
    const { written } = toUtf8.encodeInto(text, this.#out.subarray(head + 1));
    this.#to = head + 1 + written;
    this.#setTextHead(head, written);
  }

  /** Writes the head of a text that follows it; one byte was left for it. */
  #setTextHead(at: number, length: number): void {
    const out = this.#out;
    if (length < 32) {
      out[at] = 0xa0 | length;
      return;
    }
    const more = length < 0x100 ? 1 : length < 0x10000 ? 2 : 4;
    out.copyWithin(at + 1 + more, at + 1, this.#to);
    this.#to += more;
    if (more === 1) this.#view.setUint16(at, 0xd900 | length);
    else {
      out[at] = more === 2 ? 0xda : 0xdb;
      if (more === 2) this.#view.setUint16(at + 1, length);
      else this.#view.setUint32(at + 1, length);
    }
  }

  #word(byte: number, length: number): void {
    this.#out[this.#to++] = byte;
    this.#at += length;
  }

  /** @param isDouble whether a whole number is a double */
  #number(isDouble: boolean): void {
    const source = this.#in;
    const from = this.#at;
    const isNegative = source[from] === MINUS;
    let at = isNegative ? from + 1 : from;
    let mantissa = 0;
    let dot = 0;
    let byte = source[at] as number;
    for (;; byte = source[++at] as number) {
      const digit = byte - ZERO;
      if (digit >= 0 && digit <= 9) mantissa = mantissa * 10 + digit;
      else if (byte === DOT) dot = at + 1;
      else break;
    }
    const hasExponent = byte === SMALL_E || byte === LARGE_E;
    if (hasExponent) { while (isExponent(source[++at])); }
    this.#at = at;
    const scale = dot === 0 ? 0 : at - dot;
    const isWhole = dot === 0 && !hasExponent && (mantissa > 0 || !isNegative);
    // Then no digit was lost.
    const isExact = mantissa <= Number.MAX_SAFE_INTEGER && scale < POWERS.length && !hasExponent;
    if (!isExact) this.#longNumber(from, isWhole && !isDouble);
    else if (isWhole && !isDouble) {
      this.#to = writeInteger(this.#view, this.#to, isNegative ? -mantissa : mantissa);
    } else {
      // Both operands are exact, so the quotient is the double nearest to the text.
      const value = scale === 0 ? mantissa : mantissa / (POWERS[scale] as number);
      this.#to = writeDouble(this.#view, this.#to, isNegative ? -value : value);
    }
  }

  /** Writes a number that needs all its digits; a double if it has more than 64 bits. */
  #longNumber(from: number, isInteger: boolean): void {
    const text = this.#slice(from, this.#at);
    const value = isInteger && text.length <= MAX_INTEGER_LENGTH ? BigInt(text) : UINT_64;
    this.#to = value >= UINT_64 || value < -INT_64
      ? writeDouble(this.#view, this.#to, Number(text))
      : writeLargeInteger(this.#view, this.#to, value);
  }

  /** Writes a time as the extension; other text as it is. */
  #time(): void {
    const source = this.#in;
    const from = this.#at + 1;
    // Most times are in the same second as the one before; the end differs first.
    let same = SECOND_LENGTH - 1;
    while (same >= 0 && source[from + same] === this.#second[same]) same--;
    if (same >= 0 && !this.#readSecond(from)) return this.#text();
    let at = from + SECOND_LENGTH;
    let nanos = 0;
    if (source[at] === DOT) {
      const first = ++at;
      for (;; at++) {
        const digit = source[at] as number - ZERO;
        if (!(digit >= 0 && digit <= 9)) break;
        nanos = nanos * 10 + digit;
      }
      const digits = at - first;
      if (digits === 0 || digits > NANO_DIGITS) return this.#unusualTime();
      nanos *= POWERS[NANO_DIGITS - digits] as number;
    }
    if (source[at] !== LARGE_Z || source[at + 1] !== QUOTE) return this.#unusualTime();
    this.#at = at + 2;
    this.#to = writeTimestamp(this.#view, this.#to, this.#seconds, nanos);
  }

  /** Reads a time without its fraction; false if it is none. */
  #readSecond(from: number): boolean {
    const to = from + SECOND_LENGTH;
    const time = to < this.#end ? parseRfc3339(`${this.#slice(from, to)}Z`) : undefined;
    if (time === undefined) return false;
    this.#second.set(this.#in.subarray(from, to));
    this.#seconds = time.seconds;
    return true;
  }

  /** Writes a time in another form, such as with an offset; other text as it is. */
  #unusualTime(): void {
    const from = this.#at;
    const to = this.#to;
    this.#text();
    const time = parseRfc3339(this.#slice(from + 1, this.#at - 1));
    if (time) this.#to = writeTimestamp(this.#view, to, time.seconds, time.nanos);
  }

  #slice(from: number, to: number): string {
    return fromUtf8.decode(this.#in.subarray(from, to));
  }

  /** Moves to the next byte that is no space; returns it, or 0 at the end. */
  #skipSpace(): number {
    const source = this.#in;
    let byte = source[this.#at] ?? 0;
    while (byte <= SPACE && this.#at < this.#end) byte = source[++this.#at] ?? 0;
    return byte;
  }
}

/** Whether a byte can be part of an exponent. */
function isExponent(byte = 0): boolean {
  return byte === MINUS || byte === 0x2b || (byte >= ZERO && byte <= NINE);
}
