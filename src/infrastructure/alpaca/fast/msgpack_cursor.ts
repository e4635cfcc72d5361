/**
 * Reads values from the bytes of a MessagePack frame.
 *
 * Each method moves the position past the value that it reads and throws `UNSUPPORTED` at anything
 * else and at the end of the frame. Accepted values are equal to those of the general decoder.
 *
 * @module
 */
import { isTimestamp, type Timestamp } from "../../../domain/market/timestamp.ts";
import { FIXED_SIZES } from "../../../formats/msgpack_reader.ts";
import { UNSUPPORTED } from "./frame_batch.ts";
import { addToHash, type InternTable } from "./intern_table.ts";

// First bytes of values (MessagePack specification, "Formats").
const FIXMAP = 0x80, FIXARRAY = 0x90, FIXSTR = 0xa0;
const BIN_8 = 0xc4, EXT_8 = 0xc7, FLOAT_32 = 0xca, FLOAT_64 = 0xcb;
const UINT_8 = 0xcc, UINT_16 = 0xcd, UINT_32 = 0xce, UINT_64 = 0xcf;
const INT_8 = 0xd0, INT_16 = 0xd1, INT_32 = 0xd2, INT_64 = 0xd3;
const FIXEXT_4 = 0xd6, FIXEXT_8 = 0xd7, STR_8 = 0xd9;
const ARRAY_16 = 0xdc, NEGATIVE_FIXINT = 0xe0;

const SMALL_COUNT = 0x0f;
const SMALL_LENGTH = 0x1f;
/** Type −1, as a byte. */
const TIMESTAMP = 0xff;
const UINT32_RANGE = 2 ** 32;
/** Integers whose upper half is at least this may not be exact as a double. */
const SAFE_UPPER_HALF = 2 ** 21;

const TYPE_KEY = 0x54, SYMBOL_KEY = 0x53;

/** A position in a MessagePack frame. */
export class MsgpackCursor {
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #at = 0;

  /** Position in the frame. */
  get at(): number {
    return this.#at;
  }

  /** Starts reading a frame. */
  open(frame: Uint8Array): void {
    this.#bytes = frame;
    this.#view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    this.#at = 0;
  }

  /** Reads the head of a list and returns its length. */
  list(): number {
    const head = this.#byte();
    if ((head & ~SMALL_COUNT) === FIXARRAY) return head & SMALL_COUNT;
    if (head !== ARRAY_16) throw UNSUPPORTED;
    return this.#view.getUint16(this.#take(2));
  }

  /** Reads the head of a map and returns its number of fields. */
  map(): number {
    const head = this.#byte();
    if ((head & ~SMALL_COUNT) !== FIXMAP) throw UNSUPPORTED;
    return head & SMALL_COUNT;
  }

  /** Throws unless the whole frame has been read. */
  expectEnd(): void {
    if (this.#at !== this.#bytes.length) throw UNSUPPORTED;
  }

  /** Reads a key, or other short text; returns its `keyCode`, or 0 when longer. */
  key(): number {
    const head = this.#byte();
    if ((head & ~SMALL_LENGTH) !== FIXSTR) throw UNSUPPORTED;
    const length = head & SMALL_LENGTH;
    const at = this.#take(length);
    const first = this.#bytes[at] as number;
    if (length === 1) return first;
    // With a first byte of zero it would equal a key of one letter.
    return length === 2 && first !== 0 ? (first << 8) | (this.#bytes[at + 1] as number) : 0;
  }

  /** Returns the symbol among `count` fields that follow, without moving the position. */
  peekSymbol(table: InternTable<string>, count: number): string {
    const at = this.#at;
    for (let left = count; left > 0; left--) {
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
    const head = this.#byte();
    if ((head & ~SMALL_LENGTH) !== FIXSTR) throw UNSUPPORTED;
    const from = this.#take(head & SMALL_LENGTH);
    const to = this.#at;
    const bytes = this.#bytes;
    let hash = 0;
    for (let at = from; at < to; at++) {
      const byte = bytes[at] as number;
      if (!(byte >= 0x20 && byte < 0x7f)) throw UNSUPPORTED;
      hash = addToHash(hash, byte);
    }
    return table.intern(bytes, from, to, hash);
  }

  /** Reads an integer of up to 53 bits or a double. */
  number(): number {
    const head = this.#byte();
    if (head < FIXMAP) return head;
    if (head >= NEGATIVE_FIXINT) return head - 0x100;
    const view = this.#view;
    switch (head) {
      case FLOAT_64:
        return view.getFloat64(this.#take(8));
      case FLOAT_32:
        return view.getFloat32(this.#take(4));
      case UINT_8:
        return view.getUint8(this.#take(1));
      case UINT_16:
        return view.getUint16(this.#take(2));
      case UINT_32:
        return view.getUint32(this.#take(4));
      case UINT_64: {
        const at = this.#take(8);
        const upper = view.getUint32(at);
        if (upper >= SAFE_UPPER_HALF) throw UNSUPPORTED;
        return upper * UINT32_RANGE + view.getUint32(at + 4);
      }
      case INT_8:
        return view.getInt8(this.#take(1));
      case INT_16:
        return view.getInt16(this.#take(2));
      case INT_32:
        return view.getInt32(this.#take(4));
      case INT_64: {
        const at = this.#take(8);
        const upper = view.getInt32(at);
        if (upper >= SAFE_UPPER_HALF || upper < -SAFE_UPPER_HALF) {
          throw UNSUPPORTED;
        }
        return upper * UINT32_RANGE + view.getUint32(at + 4);
      }
      default:
        throw UNSUPPORTED;
    }
  }

  /** Reads a timestamp extension of 4, 8 or 12 bytes. */
  time(): Timestamp {
    const view = this.#view;
    switch (this.#byte()) {
      case FIXEXT_4:
        this.#expect(TIMESTAMP);
        return { seconds: view.getUint32(this.#take(4)), nanos: 0 };
      case FIXEXT_8: {
        this.#expect(TIMESTAMP);
        const at = this.#take(8);
        // 30 bits of nanoseconds, then 34 bits of seconds.
        const upper = view.getUint32(at);
        const seconds = (upper & 0b11) * UINT32_RANGE + view.getUint32(at + 4);
        return checked(seconds, upper >>> 2);
      }
      case EXT_8: {
        this.#expect(12);
        this.#expect(TIMESTAMP);
        const at = this.#take(12);
        const upper = view.getInt32(at + 4);
        if (upper >= SAFE_UPPER_HALF || upper < -SAFE_UPPER_HALF) {
          throw UNSUPPORTED;
        }
        const seconds = upper * UINT32_RANGE + view.getUint32(at + 8);
        return checked(seconds, view.getUint32(at));
      }
      default:
        throw UNSUPPORTED;
    }
  }

  /** Skips a value that contains no other value. */
  skipValue(): void {
    this.#at = this.#endOf(this.#at);
    if (!(this.#at <= this.#bytes.length)) throw UNSUPPORTED;
  }

  /**
   * Skips fields of such values. A second type or symbol is not supported, because the last of
   * equal keys takes effect.
   */
  skipFields(count: number): void {
    const bytes = this.#bytes;
    let at = this.#at;
    for (let left = count; left > 0; left--) {
      const head = bytes[at] as number;
      if ((head & ~SMALL_LENGTH) !== FIXSTR) throw UNSUPPORTED;
      if (head === FIXSTR + 1) {
        const key = bytes[at + 1];
        if (key === TYPE_KEY || key === SYMBOL_KEY) throw UNSUPPORTED;
      }
      at = this.#endOf(at + 1 + (head & SMALL_LENGTH));
    }
    if (!(at <= bytes.length)) throw UNSUPPORTED;
    this.#at = at;
  }

  /** Where the value at a position ends; NaN or past the end when it is cut. */
  #endOf(at: number): number {
    const head = this.#bytes[at] as number;
    const size = FIXED_SIZES[head];
    if (size) return at + size;
    if (head === STR_8 || head === BIN_8) {
      return at + 2 + (this.#bytes[at + 1] as number);
    }
    if (head === EXT_8) return at + 3 + (this.#bytes[at + 1] as number);
    throw UNSUPPORTED;
  }

  #byte(): number {
    const at = this.#at++;
    if (at >= this.#bytes.length) throw UNSUPPORTED;
    return this.#bytes[at] as number;
  }

  #expect(byte: number): void {
    if (this.#byte() !== byte) throw UNSUPPORTED;
  }

  /** Moves past the next `length` bytes and returns where they start. */
  #take(length: number): number {
    const at = this.#at;
    this.#at = at + length;
    if (this.#at > this.#bytes.length) throw UNSUPPORTED;
    return at;
  }
}

function checked(seconds: number, nanos: number): Timestamp {
  const time = { seconds, nanos };
  if (!isTimestamp(time)) throw UNSUPPORTED;
  return time;
}
