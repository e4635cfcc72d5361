/**
 * The headers of WebSocket frames that are not masked (RFC 6455).
 *
 * @module
 */

/** Opcode of a frame. */
export type Opcode = "text" | "binary";

/** First byte: the last fragment, and the opcode. */
const FIRST_BYTE: Readonly<Record<Opcode, number>> = { text: 0x81, binary: 0x82 };
/** Bytes of the longest header. */
export const MAX_HEADER_BYTES = 10;

/** Bytes of the header of a payload with a number of bytes. */
export function headerLength(payload: number): number {
  if (payload < 126) return 2;
  return payload < 0x10000 ? 4 : MAX_HEADER_BYTES;
}

/** Writes the header of a payload of `length` bytes at a position. */
export function writeHeader(
  frame: Uint8Array,
  { at, length, opcode }: {
    readonly at: number;
    readonly length: number;
    readonly opcode: Opcode;
  },
): void {
  frame[at] = FIRST_BYTE[opcode];
  if (length < 126) frame[at + 1] = length;
  else if (length < 0x10000) {
    frame[at + 1] = 126;
    frame[at + 2] = length >>> 8;
    frame[at + 3] = length & 0xff;
  } else {
    frame[at + 1] = 127;
    new DataView(frame.buffer, frame.byteOffset).setBigUint64(at + 2, BigInt(length));
  }
}
