/**
 * Appends a message's metadata to its bytes.
 *
 * Concatenated protobuf messages are one message with the fields of both, so the metadata is field
 * 15 of the response after the data. Written by hand, because it is made for every tick that a
 * stream with metadata receives; tests compare the bytes with the generated code.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Envelope } from "../../../application/broadcast/envelope.ts";
import type { ChannelEvents, ChannelName } from "../../../domain/market/channels.ts";
import type { ExactValue, WithExactValues } from "../../../domain/market/exact_value.ts";
import type { Origin as DomainOrigin } from "../../../domain/market/notices.ts";
import { Origin } from "../../../gen/cream/v1/stream_proxy_pb.ts";

/** Tag of field 15, length-delimited. */
const META_TAG = 15 << 3 | 2;
/** Most bytes of the four numeric fields. */
const NUMBERS_BYTES = 64;
/** Most bytes of a tag and a length. */
const PREFIX_BYTES = 6;
/** Most bytes of a UTF-16 unit in UTF-8. */
const UTF8_BYTES = 3;

const UINT32_RANGE = 0x1_0000_0000;
const MS_PER_SECOND = 1_000;
const NANOS_PER_MS = 1_000_000;
/** The years 1 to 9999, which a timestamp can hold, in ms. */
const FIRST_MS = -62_135_596_800_000;
const LAST_MS = 253_402_300_799_999;

/** Schema values of the origins. */
export const ORIGINS: Readonly<Record<DomainOrigin, Origin>> = {
  live: Origin.LIVE,
  snapshot: Origin.SNAPSHOT,
  replay: Origin.REPLAY,
  backfill: Origin.BACKFILL,
  reconciled: Origin.RECONCILED,
};

/**
 * Splits wall clock ms into seconds and nanoseconds, cut off at the nanosecond; undefined for a
 * time that a timestamp cannot hold. Frames differ by a 1024th of a ms, so their times do too.
 */
export function splitMs(
  ms: number,
): { seconds: number; nanos: number } | undefined {
  if (!(ms >= FIRST_MS && ms <= LAST_MS)) return undefined;
  const seconds = Math.floor(ms / MS_PER_SECOND);
  return {
    seconds,
    nanos: Math.floor((ms - seconds * MS_PER_SECOND) * NANOS_PER_MS),
  };
}

/** Returns what reads an event as Alpaca spells it: empty except for order updates. */
export function eventWord<C extends ChannelName>(channel: C): (event: ChannelEvents[C]) => string {
  if (channel !== "orderUpdates") return () => "";
  return (event) => (event as ChannelEvents["orderUpdates"]).event;
}

const utf8 = new TextEncoder();

/** Encodes metadata, one message at a time, in one scratch buffer. */
export class MetaEncoder {
  #bytes: Buffer = Buffer.allocUnsafeSlow(256);
  #at = 0;

  /**
   * Returns the bytes of a message with its metadata.
   *
   * @param base bytes of the message
   * @param word the event as Alpaca spells it; empty if the channel has none
   */
  append(
    base: Uint8Array,
    envelope: Envelope<unknown>,
    word: string,
  ): Uint8Array {
    const { event, sequence, symbolSequence, receivedAt, origin } = envelope;
    this.#at = 0;
    this.#reserve(NUMBERS_BYTES);
    this.#number(1, sequence);
    this.#number(2, symbolSequence);
    this.#time(3, receivedAt);
    this.#number(4, ORIGINS[origin]);
    const { exact } = event as WithExactValues;
    if (exact !== undefined) {
      for (const value of exact) this.#exactValue(5, value);
    }
    if (word !== "") this.#text(6, word);
    const length = this.#at;
    const prefix = 1 + varintBytes(length);
    const message = Buffer.allocUnsafe(base.length + prefix + length);
    message.set(base);
    message[base.length] = META_TAG;
    writeVarint(message, base.length + 1, length);
    // `copy` of Deno 2.9.6 takes longer than a loop over this many bytes.
    const bytes = this.#bytes;
    for (let from = 0, to = base.length + prefix; from < length;) {
      message[to++] = bytes[from++] as number;
    }
    return message;
  }

  /** Writes a field with a safe integer of at least 0; 0 is left out. */
  #number(field: number, value: number): void {
    if (value === 0) return;
    this.#bytes[this.#at++] = field << 3;
    this.#at = writeVarint(this.#bytes, this.#at, value);
  }

  #time(field: number, ms: number): void {
    const time = splitMs(ms);
    if (time === undefined) return;
    const bytes = this.#bytes;
    bytes[this.#at] = field << 3 | 2;
    const first = this.#at += 2;
    if (time.seconds < 0) this.#negative(1, time.seconds);
    else this.#number(1, time.seconds);
    this.#number(2, time.nanos);
    bytes[first - 1] = this.#at - first;
  }

  /** Writes a field with a negative number, as its two's complement of 64 bits. */
  #negative(field: number, value: number): void {
    this.#bytes[this.#at++] = field << 3;
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest > 0x7fn; rest >>= 7n) {
      this.#bytes[this.#at++] = Number(rest & 0x7fn) | 0x80;
    }
    this.#bytes[this.#at++] = Number(rest);
  }

  #exactValue(field: number, { field: name, value }: ExactValue): void {
    const bytes = UTF8_BYTES * (name.length + value.length) + 3 * PREFIX_BYTES;
    this.#reserve(bytes);
    const start = this.#at;
    if (name !== "") this.#text(1, name);
    if (value !== "") this.#text(2, value);
    const length = this.#at - start;
    const prefix = 1 + varintBytes(length);
    this.#bytes.copyWithin(start + prefix, start, this.#at);
    this.#bytes[start] = field << 3 | 2;
    writeVarint(this.#bytes, start + 1, length);
    this.#at += prefix;
  }

  #text(field: number, value: string): void {
    this.#reserve(UTF8_BYTES * value.length + PREFIX_BYTES);
    // Ill-formed UTF-16 becomes U+FFFD.
    const text = utf8.encode(value);
    this.#bytes[this.#at++] = field << 3 | 2;
    this.#at = writeVarint(this.#bytes, this.#at, text.length);
    this.#bytes.set(text, this.#at);
    this.#at += text.length;
  }

  #reserve(size: number): void {
    if (this.#at + size <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(
      Math.max(this.#at + size, 2 * this.#bytes.length),
    );
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

/** Number of bytes of a varint below 2^32. */
function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > 0x7f; rest >>>= 7) bytes++;
  return bytes;
}

/** Writes a safe integer of at least 0; returns the position after it. */
function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  // Bitwise operators have 32 bits.
  for (; rest >= UINT32_RANGE; rest = Math.floor(rest / 128)) {
    bytes[at++] = (rest % 128) | 0x80;
  }
  for (; rest > 0x7f; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
  bytes[at++] = rest;
  return at;
}
