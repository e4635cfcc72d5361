/**
 * Reads untrusted MessagePack of clients: maps, lists, texts and null. Memory is proportional to
 * the bytes; other values, and those nested deeper than any request, are skipped.
 *
 * @module
 */
import { isList, isMap, isText, MsgpackReader } from "../../formats/msgpack_reader.ts";

/** Deepest nesting of a request: message, `data`, list. */
const MAX_DEPTH = 3;
/** Keys of the largest map that is read. */
const MAX_KEYS = 64;
/** Values of a message: as many symbols as a client may have by default, on three channels. */
export const MAX_VALUES = 65_536;
/** Bytes of the longest text that is not given to the decoder if it is ASCII. */
const SHORT_TEXT = 32;

const NIL = 0xc0;

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
  readonly #in: MsgpackReader;
  #values = 0;

  constructor(bytes: Uint8Array) {
    this.#in = new MsgpackReader(bytes);
  }

  message(): unknown {
    const value = this.#value(0);
    if (this.#in.left > 0) throw new RangeError("Bytes follow the value");
    return value;
  }

  #value(depth: number): unknown {
    const { head } = this.#in;
    if (depth <= MAX_DEPTH && (isText(head) || isMap(head) || isList(head))) {
      this.#count(1);
      return isText(head) ? this.#text() : isMap(head) ? this.#map(depth) : this.#list(depth);
    }
    this.#skip();
    return head === NIL && depth <= MAX_DEPTH ? null : OTHER;
  }

  #text(): string {
    const length = this.#in.textLength();
    const from = this.#in.take(length);
    const short = length <= SHORT_TEXT ? this.#in.ascii(from, length) : undefined;
    return short ?? utf8.decode(this.#in.bytes.subarray(from, from + length));
  }

  #map(depth: number): unknown {
    const size = this.#in.mapSize();
    if (size > MAX_KEYS) throw new RangeError("Too many keys");
    const map: Record<string, unknown> = Object.create(null);
    for (let i = 0; i < size; i++) {
      const key = this.#value(MAX_DEPTH);
      if (typeof key === "string") map[key] = this.#value(depth + 1);
      else this.#skip();
    }
    return map;
  }

  #list(depth: number): unknown {
    const length = this.#in.listLength();
    this.#in.expect(length);
    const list: unknown[] = [];
    for (let i = 0; i < length; i++) list.push(this.#value(depth + 1));
    return list;
  }

  #skip(): void {
    this.#count(this.#in.skip(1));
  }

  #count(values: number): void {
    this.#values += values;
    if (this.#values > MAX_VALUES) throw new RangeError("Too many values");
  }
}
