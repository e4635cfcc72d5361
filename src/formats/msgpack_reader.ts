/**
 * Reads the structure of untrusted MessagePack: heads, lengths, and past values of any depth
 * without recursion and without copying. What a text or number becomes is up to the caller.
 *
 * @module
 */

// First bytes of values (MessagePack specification, "Formats").
const FIXMAP = 0x80, FIXARRAY = 0x90, FIXSTR = 0xa0, NIL = 0xc0, BIN_8 = 0xc4, EXT_8 = 0xc7;
const STR_8 = 0xd9, STR_32 = 0xdb, ARRAY_16 = 0xdc, ARRAY_32 = 0xdd, MAP_16 = 0xde, MAP_32 = 0xdf;
const NEGATIVE_FIXINT = 0xe0;
const SMALL_COUNT = 0x0f;
const SMALL_LENGTH = 0x1f;

/** Bytes of nil, booleans, floats, integers, fixed extensions, from 0xc0 on; 0 when they vary. */
const SCALAR_SIZES = [1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 5, 9, 2, 3, 5, 9, 2, 3, 5, 9, 3, 4, 6, 10, 18];

/**
 * Bytes of a value by its first byte, which is included; 0 when they vary, when it contains other
 * values, and for the unused byte 0xc1.
 */
export const FIXED_SIZES: Uint8Array = Uint8Array.from({ length: 256 }, (_, head) => {
  if (head < FIXMAP || head >= NEGATIVE_FIXINT) return 1;
  if (head < FIXSTR) return 0;
  return head < NIL ? 1 + (head & SMALL_LENGTH) : SCALAR_SIZES[head - NIL] ?? 0;
});

/** Whether a value that begins with a byte is a text. */
export function isText(head: number): boolean {
  return (head & 0xe0) === FIXSTR || (head >= STR_8 && head <= STR_32);
}

/** Whether a value that begins with a byte is a map. */
export function isMap(head: number): boolean {
  return (head & 0xf0) === FIXMAP || head === MAP_16 || head === MAP_32;
}

/** Whether a value that begins with a byte is a list. */
export function isList(head: number): boolean {
  return (head & 0xf0) === FIXARRAY || head === ARRAY_16 || head === ARRAY_32;
}

/** A position in MessagePack. All methods throw a `RangeError` where the bytes end too early. */
export class MsgpackReader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Position of the next byte. */
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes that follow. */
  get left(): number {
    return this.bytes.length - this.at;
  }

  /** The first byte of the next value, which is not read; 0 at the end. */
  get head(): number {
    return this.bytes[this.at] ?? 0;
  }

  /** Reads an unsigned integer of 1, 2 or 4 bytes. */
  uint(width: number): number {
    const at = this.take(width);
    if (width === 1) return this.bytes[at] as number;
    return width === 2 ? this.view.getUint16(at) : this.view.getUint32(at);
  }

  /** Reads the head of a text; returns its length in bytes. */
  textLength(): number {
    const head = this.uint(1);
    return head < NIL ? head & SMALL_LENGTH : this.uint(1 << (head - STR_8));
  }

  /** Reads the head of a map; returns its number of keys. */
  mapSize(): number {
    const head = this.uint(1);
    return head < FIXARRAY ? head & SMALL_COUNT : this.uint(head === MAP_16 ? 2 : 4);
  }

  /** Reads the head of a list; returns its length. */
  listLength(): number {
    const head = this.uint(1);
    return head < FIXSTR ? head & SMALL_COUNT : this.uint(head === ARRAY_16 ? 2 : 4);
  }

  /**
   * The ASCII text of bytes that were read, faster than `TextDecoder`; `undefined` for other text.
   *
   * @param length at most some hundred bytes
   */
  ascii(from: number, length: number): string | undefined {
    const bytes = this.bytes.subarray(from, from + length);
    for (let i = 0; i < bytes.length; i++) {
      if (bytes[i] as number >= 0x80) return undefined;
    }
    return String.fromCharCode(...bytes);
  }

  /** Skips values of any depth; returns their number with those that they contain. */
  skip(count: number): number {
    const bytes = this.bytes;
    let at = this.at;
    let values = 0;
    for (let left = count; left > 0; left--, values++) {
      // Each value has at least one byte.
      if (left > bytes.length - at) throw cutShort();
      const head = bytes[at] as number;
      const size = FIXED_SIZES[head] as number;
      if (size > 0) at += size;
      else {
        this.at = at + 1;
        left += this.#skipHead(head);
        at = this.at;
      }
    }
    if (at > bytes.length) throw cutShort();
    this.at = at;
    return values;
  }

  /** Skips a value of another size after its first byte; returns how many values it contains. */
  #skipHead(head: number): number {
    if (head < FIXARRAY) return 2 * (head & SMALL_COUNT);
    if (head < FIXSTR) return head & SMALL_COUNT;
    if (head >= ARRAY_16) {
      const length = this.uint(2 << (head & 1));
      return head < MAP_16 ? length : 2 * length;
    }
    if (head >= STR_8) this.take(this.uint(1 << (head - STR_8)));
    else if (head >= EXT_8) this.take(1 + this.uint(1 << (head - EXT_8)));
    else if (head >= BIN_8) this.take(this.uint(1 << (head - BIN_8)));
    else throw new RangeError(`Byte 0x${head.toString(16)} starts no value`);
    return 0;
  }

  /** Throws unless there is at least one byte for each of `count` values. */
  expect(count: number): void {
    if (count > this.bytes.length - this.at) throw cutShort();
  }

  /** Moves past the next `length` bytes and returns where they start. */
  take(length: number): number {
    const at = this.at;
    if (length > this.bytes.length - at) throw cutShort();
    this.at = at + length;
    return at;
  }
}

function cutShort(): RangeError {
  return new RangeError("The frame ends within a value");
}
