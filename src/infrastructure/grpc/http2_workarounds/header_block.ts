/**
 * Joins a header block that is sent in several frames into one frame.
 *
 * - Product: nghttp2 1.69.0 in Deno 2.9.6.
 * - Symptom: a header block with more than eight CONTINUATION frames (some 144 kB), or with a value
 *   above 64 KiB, ends the connection and all its streams. In one frame, without large values, only
 *   its call is refused.
 * - Report: none found for Deno. The limit is nghttp2's own (since 1.61.0, option
 *   `nghttp2_option_set_max_continuations`), and node:http2 has no setting for it:
 *   https://github.com/icing/mod_h2/issues/279
 * - Test: "node:http2 ends a connection for 200 kB of metadata" fails once this can go; "200 kB of
 *   metadata fail their call and not the connection" fails without it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { FLAG_END_HEADERS, FLAG_PADDED, type FrameHeader, frameOf } from "./frames.ts";

/** Bytes of the largest header block that is read. */
export const MAX_BLOCK_BYTES = 256 * 1024;

/** Fields above this many encoded bytes are left out. */
const LARGE_FIELD_BYTES = 16 * 1024;
/** PRIORITY of HEADERS, and the bytes that it adds before the block. */
const FLAG_PRIORITY = 0x20;
const PRIORITY_BYTES = 5;

/** Collects HEADERS and the CONTINUATION frames behind it. */
export class HeaderBlock {
  readonly #first: FrameHeader;
  readonly #payloads: Uint8Array[] = [];
  #missing = 0;
  #isLast = false;
  #bytes = 0;

  /** @param first the HEADERS frame, which lacks END_HEADERS */
  constructor(first: FrameHeader) {
    this.#first = first;
  }

  /** Id of the stream that is opened. */
  get stream(): number {
    return this.#first.stream;
  }

  /** Bytes that its frames announced. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Begins one of its frames, the first included. Bytes of the frame before it may still be added.
   */
  begin({ flags, length }: FrameHeader): void {
    this.#missing += length;
    this.#bytes += length;
    this.#isLast = (flags & FLAG_END_HEADERS) !== 0;
  }

  /** Adds bytes of the payload of the frame that has begun. */
  add(payload: Uint8Array): void {
    this.#payloads.push(payload);
    this.#missing -= payload.length;
  }

  /** Whether all of it has arrived. */
  get isComplete(): boolean {
    return this.#isLast && this.#missing === 0;
  }

  /** The block as one HEADERS frame. */
  join(): Uint8Array {
    const { flags, stream, type, length } = this.#first;
    let payload = Buffer.concat(this.#payloads);
    if ((flags & FLAG_PADDED) !== 0) {
      const padding = payload[0] ?? 0;
      payload = Buffer.concat([
        payload.subarray(1, Math.max(1, length - padding)),
        payload.subarray(length),
      ]);
    }
    const priority = (flags & FLAG_PRIORITY) === 0 ? 0 : PRIORITY_BYTES;
    return frameOf(type, {
      flags: flags & ~FLAG_PADDED | FLAG_END_HEADERS,
      stream,
      payload: Buffer.concat([
        payload.subarray(0, priority),
        ...withoutLargeFields(payload.subarray(priority)),
      ]),
    });
  }
}

/** An integer of HPACK (RFC 7541, 5.1), and the offset behind it. */
function readInteger(block: Uint8Array, from: number, bits: number) {
  const mask = (1 << bits) - 1;
  let value = (block[from] ?? 0) & mask;
  let at = from + 1;
  if (value < mask) return { value, at };
  for (let shift = 0; at < block.length && shift < 28; shift += 7) {
    const byte = block[at++] ?? 0;
    value += (byte & 0x7f) * 2 ** shift;
    if ((byte & 0x80) === 0) break;
  }
  return { value, at };
}

/** The offset behind a string of HPACK (RFC 7541, 5.2). */
function skipString(block: Uint8Array, from: number): number {
  const { value, at } = readInteger(block, from, 7);
  return at + value;
}

/**
 * The parts of a header block without large literal fields. Only fields that do not enter the
 * dynamic table are left out, so that its state is the same.
 */
function withoutLargeFields(block: Uint8Array): Uint8Array[] {
  const kept: Uint8Array[] = [];
  let from = 0;
  let at = 0;
  while (at < block.length) {
    const start = at;
    const first = block[at] ?? 0;
    const isIndexed = (first & 0x80) !== 0;
    const isAdded = (first & 0xc0) === 0x40;
    const isUpdate = (first & 0xe0) === 0x20;
    const name = readInteger(block, at, isIndexed ? 7 : isAdded ? 6 : isUpdate ? 5 : 4);
    at = name.at;
    if (isIndexed || isUpdate) continue;
    if (name.value === 0) at = skipString(block, at);
    at = skipString(block, at);
    if (isAdded || at - start <= LARGE_FIELD_BYTES || at > block.length) {
      continue;
    }
    kept.push(block.subarray(from, start));
    from = at;
  }
  kept.push(block.subarray(from));
  return kept;
}
