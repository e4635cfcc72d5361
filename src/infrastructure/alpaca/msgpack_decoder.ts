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
import { MsgpackReader } from "../../formats/msgpack_reader.ts";
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
  readonly #in: MsgpackReader;

  constructor(frame: Uint8Array) {
    this.#in = new MsgpackReader(frame);
  }

  frame(): unknown {
    const value = this.#value(0);
    const { left } = this.#in;
    if (left > 0) throw new RangeError(`${left} bytes follow the value`);
    return value;
  }

  #value(depth: number): unknown {
    const head = this.#in.uint(1);
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
        this.#in.take(this.#in.uint(1 << (head - 0xc4)));
        return BINARY;
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.#extension(this.#in.uint(1 << (head - 0xc7)));
      case 0xca:
        return this.#in.view.getFloat32(this.#in.take(4));
      case 0xcb:
        return this.#in.view.getFloat64(this.#in.take(8));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#in.uint(1 << (head - 0xcc));
      case 0xcf:
        return exact(this.#in.view.getBigUint64(this.#in.take(8)));
      case 0xd0:
        return this.#in.view.getInt8(this.#in.take(1));
      case 0xd1:
        return this.#in.view.getInt16(this.#in.take(2));
      case 0xd2:
        return this.#in.view.getInt32(this.#in.take(4));
      case 0xd3:
        return exact(this.#in.view.getBigInt64(this.#in.take(8)));
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.#extension(1 << (head - 0xd4));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#in.uint(1 << (head - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#list(this.#in.uint(2 << (head - 0xdc)), depth);
      case 0xde:
      case 0xdf:
        return this.#map(this.#in.uint(2 << (head - 0xde)), depth);
      default:
        throw new RangeError(`Byte 0x${head.toString(16)} starts no value`);
    }
  }

  #list(length: number, depth: number): readonly unknown[] {
    if (depth > MAX_DEPTH) {
      this.#in.skip(length);
      return EMPTY_LIST;
    }
    if (length === 0) return EMPTY_LIST;
    this.#in.expect(length);
    const list: unknown[] = [];
    for (let i = 0; i < length; i++) list.push(this.#value(depth + 1));
    return list;
  }

  #map(size: number, depth: number): Readonly<Record<string, unknown>> {
    if (depth > MAX_DEPTH) {
      this.#in.skip(2 * size);
      return EMPTY_MAP;
    }
    if (size === 0) return EMPTY_MAP;
    this.#in.expect(2 * size);
    const map: Record<string, unknown> = {};
    for (let i = 0; i < size; i++) {
      const key = this.#key();
      // Assigning this key would change the prototype of the map.
      if (key === undefined || key === "__proto__") this.#in.skip(1);
      else map[key] = this.#value(depth + 1);
    }
    return map;
  }

  /** Reads a key; `undefined` for one that is not short ASCII text. */
  #key(): string | undefined {
    const start = this.#in.at;
    const head = this.#in.uint(1);
    const length = head >= 0xa0 && head < 0xc0
      ? head & 0x1f
      : head >= 0xd9 && head <= 0xdb
      ? this.#in.uint(1 << (head - 0xd9))
      : Infinity;
    if (length > MAX_KEY_LENGTH) {
      this.#in.at = start;
      this.#in.skip(1);
      return undefined;
    }
    return this.#in.ascii(this.#in.take(length), length);
  }

  #text(length: number): string | symbol {
    const from = this.#in.take(length);
    if (length > MAX_TEXT_BYTES) {
      // No field accepts this length, so it may be cut inside a character.
      return lenient.decode(this.#in.bytes.subarray(from, from + MAX_TEXT_BYTES));
    }
    const ascii = length <= MAX_SYMBOL_LENGTH ? this.#in.ascii(from, length) : undefined;
    if (ascii !== undefined) return ascii;
    try {
      return strict.decode(this.#in.bytes.subarray(from, from + length));
    } catch {
      return INVALID_UTF8;
    }
  }

  /** Reads the timestamp extension of 4, 8 or 12 bytes. */
  #extension(length: number): Timestamp | symbol {
    const type = this.#in.view.getInt8(this.#in.take(1));
    const at = this.#in.take(length);
    if (type !== TIMESTAMP_TYPE) return EXTENSION;
    const view = this.#in.view;
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
}

function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
