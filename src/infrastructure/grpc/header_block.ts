/**
 * Puts a header block that comes in several frames into one.
 *
 * nghttp2 ends a connection whose header block has more than eight CONTINUATION
 * frames, some 144 kB. In one frame the block is read, and only its call is
 * refused. A single value above 64 KiB is an error of the connection too; it is
 * left out. Both were seen with nghttp2 1.69.0 in Deno 2.9.6, and
 * `admission_test.ts` ("200 kB of metadata") fails without this.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  FLAG_END_HEADERS,
  FLAG_PADDED,
  type FrameHeader,
  HEADER_BYTES,
} from "./frame_reader.ts";

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
   * Begins one of its frames, the first included. Bytes of the frame before it
   * may still be added.
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
    payload = Buffer.concat([
      payload.subarray(0, priority),
      ...withoutLargeFields(payload.subarray(priority)),
    ]);
    const frame = Buffer.alloc(HEADER_BYTES + payload.length);
    frame.writeUIntBE(payload.length, 0, 3);
    frame[3] = type;
    frame[4] = flags & ~FLAG_PADDED | FLAG_END_HEADERS;
    frame.writeUInt32BE(stream, 5);
    payload.copy(frame, HEADER_BYTES);
    return frame;
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
 * The parts of a header block without large literal fields. Only fields that do
 * not enter the dynamic table are left out, so that its state is the same.
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
    const name = readInteger(
      block,
      at,
      isIndexed ? 7 : isAdded ? 6 : isUpdate ? 5 : 4,
    );
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
