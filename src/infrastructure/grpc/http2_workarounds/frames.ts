/**
 * Reads and writes HTTP/2 frames (RFC 9113) beside node:http2, without decoding their payloads.
 *
 * @module
 */

/** Frame types (RFC 9113, section 6). */
export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

/** END_STREAM of DATA and HEADERS. */
export const FLAG_END_STREAM = 1;
/** ACK of SETTINGS and PING. */
export const FLAG_ACK = 1;
/** END_HEADERS of HEADERS and CONTINUATION. */
export const FLAG_END_HEADERS = 4;
/** PADDED of DATA and HEADERS. */
export const FLAG_PADDED = 8;

/** Bytes of a frame before its payload; the fourth is its type. */
export const HEADER_BYTES = 9;
/** Bytes that a client sends before its first frame. */
const PREFACE_BYTES = 24;

/** The fixed part of one frame. */
export interface FrameHeader {
  readonly type: number;
  readonly flags: number;
  /** Stream id; 0 is the connection. */
  readonly stream: number;
  /** Bytes of the payload. */
  readonly length: number;
  /** The header as it was received. */
  readonly bytes: Uint8Array;
}

/** Follows the frames of one connection across the chunks that carry them. */
export class FrameReader {
  #header = new Uint8Array(HEADER_BYTES);
  #headerBytes = 0;
  /** Bytes until the next frame begins. */
  #rest = PREFACE_BYTES;

  /**
   * Skips bytes of the current frame (at first, of the preface) from offset `from` of `chunk`;
   * returns the offset behind them.
   */
  skipPayload(chunk: Uint8Array, from: number): number {
    const skipped = Math.min(this.#rest, chunk.length - from);
    this.#rest -= skipped;
    return from + skipped;
  }

  /**
   * Reads the next frame's header at offset `from`, where the current frame has ended. Returns
   * `undefined` when `chunk` ends first; the header is continued with the next chunk then.
   */
  readHeader(
    chunk: Uint8Array,
    from: number,
  ): { readonly frame: FrameHeader; readonly at: number } | undefined {
    let at = from;
    const header = this.#header;
    while (this.#headerBytes < HEADER_BYTES) {
      if (at === chunk.length) return undefined;
      header[this.#headerBytes++] = chunk[at++] as number;
    }
    const byte = (index: number) => header[index] as number;
    const frame = {
      length: byte(0) << 16 | byte(1) << 8 | byte(2),
      type: byte(3),
      flags: byte(4),
      stream: (byte(5) & 0x7f) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8),
      bytes: header,
    };
    this.#rest = frame.length;
    this.#headerBytes = 0;
    this.#header = new Uint8Array(HEADER_BYTES);
    return { frame, at };
  }
}

/** Writes a frame. */
export function frameOf(
  type: number,
  { flags = 0, stream = 0, payload = [] }: {
    readonly flags?: number;
    readonly stream?: number;
    readonly payload?: ArrayLike<number>;
  },
): Uint8Array {
  const { length } = payload;
  const frame = new Uint8Array(HEADER_BYTES + length);
  frame.set([length >> 16, length >> 8, length, type, flags]);
  frame.set(uint32(stream), 5);
  frame.set(payload, HEADER_BYTES);
  return frame;
}

/** RST_STREAM with an error code. */
export function resetOf(stream: number, code: number): Uint8Array {
  return frameOf(FrameType.RST_STREAM, { stream, payload: uint32(code) });
}

/**
 * GOAWAY that announces the end of a connection: the client opens no stream on it any more, and all
 * that it has opened are served (RFC 9113, section 6.8). `goaway` of node:http2 would ignore those
 * that are on their way; connect-es 2.2.0 on Deno 2.9.6 notices that by a ping timeout only.
 */
export function closeNotice(): Uint8Array {
  const noError = 0;
  return goawayOf(noError);
}

/** GOAWAY that names no stream as the last; `debugData` in ASCII. */
export function goawayOf(code: number, debugData = ""): Uint8Array {
  const text = new TextEncoder().encode(debugData);
  const payload = [...uint32(2 ** 31 - 1), ...uint32(code), ...text];
  return frameOf(FrameType.GOAWAY, { payload });
}

/** The four bytes of an unsigned number, big-endian. */
export function uint32(value: number): [number, number, number, number] {
  return [value >>> 24, value >>> 16, value >>> 8, value];
}
