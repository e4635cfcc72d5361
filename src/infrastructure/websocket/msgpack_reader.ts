/**
 * Reads untrusted MessagePack of clients: maps, lists, texts and null. Memory is proportional to
 * the bytes; other values, and those nested deeper than any request, are skipped.
 *
 * @module
 */

/** Deepest nesting of a request: message, `data`, list. */
const MAX_DEPTH = 3;
/** Keys of the largest map that is read. */
const MAX_KEYS = 64;
/** Values of a message: as many symbols as a client may have by default, on three channels. */
export const MAX_VALUES = 65_536;
/** Bytes of the longest text that is not given to the decoder if it is ASCII. */
const SHORT_TEXT = 32;

/** Stands for a value that no request has. */
const OTHER: unique symbol = Symbol("another value");

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads the one value of a message; `undefined` when the message is not valid. */
export function readMsgpack(bytes: Uint8Array): unknown {
  try {
    return new Reader(bytes).message();
  } catch {
    return undefined;
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #values = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  message(): unknown {
    const value = this.#value(0);
    if (this.#at < this.#bytes.length) throw new RangeError("Bytes follow the value");
    return value;
  }

  #value(depth: number): unknown {
    const head = this.#bytes[this.#at] ?? 0;
    if (depth > MAX_DEPTH) {
      this.#skip(1);
      return OTHER;
    }
    this.#count();
    if ((head & 0xe0) === 0xa0 || (head >= 0xd9 && head <= 0xdb)) return this.#text();
    if ((head & 0xf0) === 0x80 || head === 0xde || head === 0xdf) return this.#map(depth);
    if ((head & 0xf0) === 0x90 || head === 0xdc || head === 0xdd) return this.#list(depth);
    this.#skip(1);
    return head === 0xc0 ? null : OTHER;
  }

  #text(): string {
    const head = this.#uint(1);
    const length = head < 0xc0 ? head & 0x1f : this.#uint(1 << (head - 0xd9));
    const from = this.#take(length);
    return this.#shortText(from, length) ??
      utf8.decode(this.#bytes.subarray(from, from + length));
  }

  /** A short text of ASCII, for which the decoder takes ten times as long. */
  #shortText(from: number, length: number): string | undefined {
    if (length > SHORT_TEXT) return undefined;
    let text = "";
    for (let at = from; at < from + length; at++) {
      const byte = this.#bytes[at] as number;
      if (byte >= 0x80) return undefined;
      text += String.fromCharCode(byte);
    }
    return text;
  }

  #count(): void {
    if (++this.#values > MAX_VALUES) throw new RangeError("Too many values");
  }

  #map(depth: number): unknown {
    const head = this.#uint(1);
    const size = head < 0x90 ? head & 0x0f : this.#uint(head === 0xde ? 2 : 4);
    if (size > MAX_KEYS) throw new RangeError("Too many keys");
    const map: Record<string, unknown> = Object.create(null);
    for (let i = 0; i < size; i++) {
      const key = this.#value(MAX_DEPTH);
      if (typeof key === "string") map[key] = this.#value(depth + 1);
      else this.#skip(1);
    }
    return map;
  }

  #list(depth: number): unknown {
    const head = this.#uint(1);
    const length = head < 0xa0 ? head & 0x0f : this.#uint(head === 0xdc ? 2 : 4);
    this.#expect(length);
    const list: unknown[] = [];
    for (let i = 0; i < length; i++) list.push(this.#value(depth + 1));
    return list;
  }

  /** Skips values of any depth without recursion. */
  #skip(count: number): void {
    for (let left = count; left > 0; left--) {
      this.#expect(left);
      this.#count();
      const head = this.#uint(1);
      if (head < 0x80 || head >= 0xe0) continue;
      if (head < 0x90) left += 2 * (head & 0x0f);
      else if (head < 0xa0) left += head & 0x0f;
      else if (head < 0xc0) this.#take(head & 0x1f);
      else if (head >= 0xdc) {
        const length = this.#uint(2 << (head & 1));
        left += head < 0xde ? length : 2 * length;
      } else this.#take(this.#scalarLength(head));
    }
  }

  /** Bytes after the head of a value that contains no other values. */
  #scalarLength(head: number): number {
    if (head >= 0xd9) return this.#uint(1 << (head - 0xd9)); // str
    if (head >= 0xd4) return 1 + (1 << (head - 0xd4)); // fixext
    if (head >= 0xd0) return 1 << (head - 0xd0); // int
    if (head >= 0xcc) return 1 << (head - 0xcc); // uint
    if (head >= 0xca) return 4 << (head - 0xca); // float
    if (head >= 0xc7) return 1 + this.#uint(1 << (head - 0xc7)); // ext
    if (head >= 0xc4) return this.#uint(1 << (head - 0xc4)); // bin
    if (head === 0xc1) throw new RangeError("Byte 0xc1 starts no value");
    return 0;
  }

  #uint(width: number): number {
    const at = this.#take(width);
    let value = 0;
    for (let i = at; i < at + width; i++) value = value * 256 + (this.#bytes[i] as number);
    return value;
  }

  /** Throws unless there is at least one byte for each of `count` values. */
  #expect(count: number): void {
    if (count > this.#bytes.length - this.#at) throw new RangeError("The message is cut short");
  }

  #take(length: number): number {
    this.#expect(length);
    const at = this.#at;
    this.#at = at + length;
    return at;
  }
}
