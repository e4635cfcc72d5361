/**
 * Encodes MessagePack as Alpaca's streams do, from the format's specification:
 * minimal-width integers, float64 for prices and for fractions, `T` first in
 * every message, timestamps as extension −1 in its 4, 8 and 12 byte forms.
 *
 * Not a library on purpose: clients under test decode with libraries, and a
 * shared misreading would hide on both sides.
 *
 * @module
 */
import type { StreamKind } from "./endpoints.ts";
import { type Encodable, floatKeys, TIME_KEYS } from "./messages.ts";
import { parseTimestamp, Timestamp } from "./timestamp.ts";

const UTF8 = new TextEncoder();
const NO_FLOATS: ReadonlySet<string> = new Set();
const MAX_SAFE_EXT_SECONDS = 2 ** 34;

/** A growing byte buffer with the writers of the format's types. */
class MsgpackWriter {
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #kind: StreamKind = "stocks";

  /** Discards the content and keeps the memory; what follows is of a stream of this kind. */
  reset(kind: StreamKind): void {
    this.#length = 0;
    this.#kind = kind;
  }

  /** A copy of the content. */
  take(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Writes any value; `floats` names the members that are float64. */
  value(value: Encodable | object, floats: ReadonlySet<string>): void {
    if (typeof value === "string") this.#text(value);
    else if (typeof value === "number") this.#number(value);
    else if (typeof value === "bigint") this.#bigint(value);
    else if (typeof value === "boolean") this.#byte(value ? 0xc3 : 0xc2);
    else if (value === null) this.#byte(0xc0);
    else if (value instanceof Timestamp) this.#timestamp(value);
    else if (value instanceof Uint8Array) this.#binary(value);
    else if (Array.isArray(value)) this.#array(value, floats);
    else this.#map(value as Record<string, Encodable | undefined>, floats);
  }

  #map(
    value: Record<string, Encodable | undefined>,
    outer: ReadonlySet<string>,
  ): void {
    const type = value["T"];
    const floats = typeof type === "string" ? floatKeys(type, this.#kind) : outer;
    let count = 0;
    for (const key in value) if (value[key] !== undefined) count++;
    this.#header(count, { fix: 0x80, fixMax: 15, wide: 0xde });
    if (type !== undefined) {
      this.#text("T");
      this.value(type, floats);
    }
    for (const key in value) {
      const member = value[key];
      if (key === "T" || member === undefined) continue;
      this.#text(key);
      this.#member(key, member, floats);
    }
  }

  #member(key: string, member: Encodable, floats: ReadonlySet<string>): void {
    if (typeof member === "number" && floats.has(key)) this.#float(member);
    else if (typeof member === "string" && TIME_KEYS.has(key)) {
      const timestamp = parseTimestamp(member);
      if (timestamp) this.#timestamp(timestamp);
      else this.#text(member);
    } else this.value(member, floats);
  }

  #array(items: readonly Encodable[], floats: ReadonlySet<string>): void {
    this.#header(items.length, { fix: 0x90, fixMax: 15, wide: 0xdc });
    for (const item of items) this.value(item, floats);
  }

  #header(
    count: number,
    form: { fix: number; fixMax: number; wide: number },
  ): void {
    this.#reserve(5);
    if (count <= form.fixMax) this.#byte(form.fix | count);
    else if (count <= 0xffff) this.#byte(form.wide).#u16(count);
    else this.#byte(form.wide + 1).#u32(count);
  }

  #text(text: string): void {
    const length = text.length;
    if (length < 32) {
      this.#reserve(1 + length);
      const start = this.#length;
      this.#bytes[this.#length++] = 0xa0 | length;
      let index = 0;
      for (; index < length; index++) {
        const code = text.charCodeAt(index);
        if (code > 0x7f) break;
        this.#bytes[this.#length++] = code;
      }
      if (index === length) return;
      this.#length = start;
    }
    this.#longText(UTF8.encode(text));
  }

  #longText(bytes: Uint8Array): void {
    const length = bytes.length;
    this.#reserve(5 + length);
    if (length < 32) this.#byte(0xa0 | length);
    else if (length <= 0xff) this.#byte(0xd9).#byte(length);
    else if (length <= 0xffff) this.#byte(0xda).#u16(length);
    else this.#byte(0xdb).#u32(length);
    this.#raw(bytes);
  }

  #binary(bytes: Uint8Array): void {
    const length = bytes.length;
    this.#reserve(5 + length);
    if (length <= 0xff) this.#byte(0xc4).#byte(length);
    else if (length <= 0xffff) this.#byte(0xc5).#u16(length);
    else this.#byte(0xc6).#u32(length);
    this.#raw(bytes);
  }

  #number(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      this.#float(value);
    } else if (value >= 0) this.#unsigned(value);
    else this.#negative(value);
  }

  #unsigned(value: number): void {
    this.#reserve(9);
    if (value < 0x80) this.#byte(value);
    else if (value <= 0xff) this.#byte(0xcc).#byte(value);
    else if (value <= 0xffff) this.#byte(0xcd).#u16(value);
    else if (value <= 0xffffffff) this.#byte(0xce).#u32(value);
    else {
      this.#byte(0xcf).#u32(Math.floor(value / 2 ** 32)).#u32(value >>> 0);
    }
  }

  #negative(value: number): void {
    this.#reserve(9);
    if (value >= -32) this.#byte(value & 0xff);
    else if (value >= -0x80) this.#byte(0xd0).#byte(value & 0xff);
    else if (value >= -0x8000) this.#byte(0xd1).#u16(value & 0xffff);
    else if (value >= -0x80000000) this.#byte(0xd2).#u32(value >>> 0);
    else this.#int64(BigInt(value));
  }

  #bigint(value: bigint): void {
    if (value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER) {
      this.#number(Number(value));
    } else if (value < 0n) this.#int64(value);
    else {
      this.#reserve(9);
      this.#byte(0xcf);
      this.#view.setBigUint64(this.#length, value);
      this.#length += 8;
    }
  }

  #int64(value: bigint): void {
    this.#reserve(9);
    this.#byte(0xd3);
    this.#view.setBigInt64(this.#length, value);
    this.#length += 8;
  }

  #float(value: number): void {
    this.#reserve(9);
    this.#byte(0xcb);
    this.#view.setFloat64(this.#length, value);
    this.#length += 8;
  }

  #timestamp({ seconds, nanos }: Timestamp): void {
    this.#reserve(15);
    if (seconds < 0 || seconds >= MAX_SAFE_EXT_SECONDS) {
      this.#byte(0xc7).#byte(12).#byte(0xff).#u32(nanos);
      this.#view.setBigInt64(this.#length, BigInt(seconds));
      this.#length += 8;
    } else if (nanos === 0 && seconds <= 0xffffffff) {
      this.#byte(0xd6).#byte(0xff).#u32(seconds);
    } else {
      // nanoseconds << 34 | seconds, as two 32-bit halves
      const high = nanos * 4 + Math.floor(seconds / 2 ** 32);
      this.#byte(0xd7).#byte(0xff).#u32(high).#u32(seconds >>> 0);
    }
  }

  #raw(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #byte(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  #u16(value: number): this {
    this.#view.setUint16(this.#length, value);
    this.#length += 2;
    return this;
  }

  #u32(value: number): this {
    this.#view.setUint32(this.#length, value);
    this.#length += 4;
    return this;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

// Encoding is synchronous and never re-entered, so one scratch buffer serves.
const writer = new MsgpackWriter();

/** Encodes one value; undefined members are left out. */
export function encodeMsgpack(
  value: Encodable | object,
  kind: StreamKind = "stocks",
): Uint8Array {
  writer.reset(kind);
  writer.value(value, NO_FLOATS);
  return writer.take();
}

/** One frame (an array) of encoded messages. */
export function msgpackFrame(messages: readonly Uint8Array[]): Uint8Array {
  const head = arrayHeader(messages.length);
  let length = head.length;
  for (const message of messages) length += message.length;
  const frame = new Uint8Array(length);
  frame.set(head);
  let at = head.length;
  for (const message of messages) {
    frame.set(message, at);
    at += message.length;
  }
  return frame;
}

function arrayHeader(count: number): number[] {
  if (count < 16) return [0x90 | count];
  if (count <= 0xffff) return [0xdc, count >> 8, count & 0xff];
  return [0xdd, count >>> 24, count >> 16 & 255, count >> 8 & 255, count & 255];
}
