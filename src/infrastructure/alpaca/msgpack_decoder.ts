/**
 * Decodes untrusted MessagePack.
 *
 * Memory is proportional to the bytes of the frame, and values that no message uses are skipped:
 * fields whose key is not short ASCII text, and values nested deeper than the symbol list of an
 * acknowledgement. `@msgpack/msgpack` 3.1.3 is not used for input because it allocates the length
 * that a header claims (an array of 65,535 slots for three bytes, once per nesting level) and
 * rejects a frame for the key `__proto__` or a key that is not text.
 *
 * @module
 */
import type { Timestamp } from "../../domain/market/timestamp.ts";
import { MAX_SYMBOL_LENGTH, MAX_TEXT_LENGTH } from "./fields.ts";

/** Deepest nesting of the protocol: frame, message, list. */
const MAX_DEPTH = 2;
/** Bytes of the longest key that is read; the protocol's longest has 12. */
const MAX_KEY_LENGTH = 16;
/** UTF-8 bytes of the longest text that is read whole. */
const MAX_TEXT_BYTES = 4 * MAX_TEXT_LENGTH;
const TIMESTAMP_TYPE = -1;

// Placeholders that no field accepts; the descriptions are for error messages.
const BINARY: unique symbol = Symbol("binary data");
const EXTENSION: unique symbol = Symbol("an extension");
const INVALID_UTF8: unique symbol = Symbol("text that is not UTF-8");
// Shared instances for empty and for too deeply nested values, which need only one byte each.
const EMPTY_LIST: readonly unknown[] = Object.freeze([]);
const EMPTY_MAP: Readonly<Record<string, unknown>> = Object.freeze({});

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Decodes a frame that holds exactly one value.
 *
 * Integers that a double cannot hold are `bigint`, timestamp extensions are {@linkcode Timestamp}.
 * Text is cut to 4,096 bytes. A `symbol` represents binary data, other extensions and invalid
 * UTF-8.
 *
 * @throws RangeError when the frame is truncated, has trailing bytes or contains the unused byte
 *   0xc1
 */
export function decodeMsgpack(frame: Uint8Array): unknown {
  return new Reader(frame).frame();
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(frame: Uint8Array) {
    this.#bytes = frame;
    this.#view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  }

  frame(): unknown {
    const value = this.#value(0);
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw new RangeError(`${left} bytes follow the value`);
    return value;
  }

  #value(depth: number): unknown {
    const head = this.#uint(1);
    if (head < 0x80) return head;
    if (head < 0x90) return this.#map(head & 0x0f, depth);
    if (head < 0xa0) return this.#list(head & 0x0f, depth);
    if (head < 0xc0) return this.#text(head & 0x1f);
    if (head >= 0xe0) return head - 0x100;
    switch (head) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        this.#take(this.#uint(1 << (head - 0xc4)));
        return BINARY;
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.#extension(this.#uint(1 << (head - 0xc7)));
      case 0xca:
        return this.#view.getFloat32(this.#take(4));
      case 0xcb:
        return this.#view.getFloat64(this.#take(8));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#uint(1 << (head - 0xcc));
      case 0xcf:
        return exact(this.#view.getBigUint64(this.#take(8)));
      case 0xd0:
        return this.#view.getInt8(this.#take(1));
      case 0xd1:
        return this.#view.getInt16(this.#take(2));
      case 0xd2:
        return this.#view.getInt32(this.#take(4));
      case 0xd3:
        return exact(this.#view.getBigInt64(this.#take(8)));
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.#extension(1 << (head - 0xd4));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#uint(1 << (head - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#list(this.#uint(2 << (head - 0xdc)), depth);
      case 0xde:
      case 0xdf:
        return this.#map(this.#uint(2 << (head - 0xde)), depth);
      default:
        throw new RangeError(`Byte 0x${head.toString(16)} starts no value`);
    }
  }

  #list(length: number, depth: number): readonly unknown[] {
    if (depth > MAX_DEPTH) {
      this.#skip(length);
      return EMPTY_LIST;
    }
    if (length === 0) return EMPTY_LIST;
    this.#expect(length);
    const list: unknown[] = [];
    for (let i = 0; i < length; i++) list.push(this.#value(depth + 1));
    return list;
  }

  #map(size: number, depth: number): Readonly<Record<string, unknown>> {
    if (depth > MAX_DEPTH) {
      this.#skip(2 * size);
      return EMPTY_MAP;
    }
    if (size === 0) return EMPTY_MAP;
    this.#expect(2 * size);
    const map: Record<string, unknown> = {};
    for (let i = 0; i < size; i++) {
      const key = this.#key();
      // Assigning this key would change the prototype of the map.
      if (key === undefined || key === "__proto__") this.#skip(1);
      else map[key] = this.#value(depth + 1);
    }
    return map;
  }

  /** Reads a key; `undefined` for one that is not short ASCII text. */
  #key(): string | undefined {
    const start = this.#at;
    const head = this.#uint(1);
    const length = head >= 0xa0 && head < 0xc0
      ? head & 0x1f
      : head >= 0xd9 && head <= 0xdb
      ? this.#uint(1 << (head - 0xd9))
      : Infinity;
    if (length > MAX_KEY_LENGTH) {
      this.#at = start;
      this.#skip(1);
      return undefined;
    }
    return this.#ascii(this.#take(length), length);
  }

  #text(length: number): string | symbol {
    const from = this.#take(length);
    if (length > MAX_TEXT_BYTES) {
      // No field accepts this length, so it may be cut inside a character.
      return lenient.decode(this.#bytes.subarray(from, from + MAX_TEXT_BYTES));
    }
    const ascii = length <= MAX_SYMBOL_LENGTH ? this.#ascii(from, length) : undefined;
    if (ascii !== undefined) return ascii;
    try {
      return strict.decode(this.#bytes.subarray(from, from + length));
    } catch {
      return INVALID_UTF8;
    }
  }

  /** Reads short ASCII text, faster than `TextDecoder`; `undefined` for other text. */
  #ascii(from: number, length: number): string | undefined {
    const bytes = this.#bytes.subarray(from, from + length);
    for (let i = 0; i < bytes.length; i++) {
      if (bytes[i] as number >= 0x80) return undefined;
    }
    // At most as many arguments as a symbol has characters.
    return String.fromCharCode(...bytes);
  }

  /** Reads the timestamp extension of 4, 8 or 12 bytes. */
  #extension(length: number): Timestamp | symbol {
    const type = this.#view.getInt8(this.#take(1));
    const at = this.#take(length);
    if (type !== TIMESTAMP_TYPE) return EXTENSION;
    const view = this.#view;
    switch (length) {
      case 4:
        return { seconds: view.getUint32(at), nanos: 0 };
      case 8: {
        // 30 bits of nanoseconds, then 34 bits of seconds.
        const high = view.getUint32(at);
        const seconds = (high & 0b11) * 2 ** 32 + view.getUint32(at + 4);
        return { seconds, nanos: high >>> 2 };
      }
      case 12:
        return {
          seconds: Number(view.getBigInt64(at + 4)),
          nanos: view.getUint32(at),
        };
      default:
        return EXTENSION;
    }
  }

  /** Skips values of any depth without recursion and without copying. */
  #skip(count: number): void {
    for (let left = count; left > 0; left--) {
      this.#expect(left);
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

  /** Reads an unsigned integer of 1, 2 or 4 bytes. */
  #uint(width: number): number {
    const at = this.#take(width);
    if (width === 1) return this.#view.getUint8(at);
    return width === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  /** Throws unless there is at least one byte for each of `count` values. */
  #expect(count: number): void {
    if (count > this.#bytes.length - this.#at) throw cutShort();
  }

  /** Moves past the next `length` bytes and returns where they start. */
  #take(length: number): number {
    this.#expect(length);
    const at = this.#at;
    this.#at = at + length;
    return at;
  }
}

function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function cutShort(): RangeError {
  return new RangeError("The frame ends within a value");
}
