/**
 * Compresses the frames of the server (permessage-deflate, RFC 7692). Each is compressed without
 * the ones before it, which a server may always do, so that clients share the result.
 *
 * @module
 */
import { constants, deflateRawSync } from "node:zlib";

/**
 * Base-two logarithm of the window in bytes. The Python library `websockets` demands 12; the fixed
 * cost of a frame is lower than with the largest window of 15.
 */
const WINDOW_BITS = 12;
/** Larger frames are not compressed: each MiB takes about 6 ms of the event loop. */
const MAX_BYTES = 1_048_576;
const OPTIONS = {
  level: 1,
  windowBits: WINDOW_BITS,
  memLevel: 5,
  finishFlush: constants.Z_SYNC_FLUSH,
};
/** Bytes that a sync flush ends with, and that frames are sent without. */
const TAIL_BYTES = 4;
/** Set in the first byte of a compressed frame. */
const COMPRESSED = 0x40;

/**
 * Whether a client can read compressed frames.
 *
 * @param extensions the header `Sec-WebSocket-Extensions` of its request, of which an offer of
 *   permessage-deflate was accepted; with a window below 4 KiB in any offer the answer is no
 */
export function readsCompressed(extensions: string): boolean {
  for (const [, bits] of extensions.matchAll(/server_max_window_bits\s*=\s*"?(\d+)/gi)) {
    if (Number(bits) < WINDOW_BITS) return false;
  }
  return true;
}

/**
 * Whether a client may refer to its earlier messages in compressed ones.
 *
 * @param extensions the header `Sec-WebSocket-Extensions` of its request
 */
export function mayKeepContext(extensions: string): boolean {
  return extensions.split(",").some((offer) =>
    offer.includes("permessage-deflate") && !offer.includes("client_no_context_takeover")
  );
}

/**
 * Compresses a frame that is not masked.
 *
 * @param frameOf makes a frame of a payload, with the opcode of `frame`
 * @returns the frame itself if compression does not make it smaller, or if it is too large
 */
export function compressFrame(
  frame: Uint8Array,
  frameOf: (payload: Uint8Array) => Uint8Array,
): Uint8Array {
  if (frame.length > MAX_BYTES) return frame;
  const length = frame[1] ?? 0;
  const header = length < 126 ? 2 : length === 126 ? 4 : 10;
  const deflated = deflateRawSync(frame.subarray(header), OPTIONS);
  const compressed = frameOf(deflated.subarray(0, -TAIL_BYTES));
  if (compressed.length >= frame.length) return frame;
  compressed[0] = (compressed[0] ?? 0) | COMPRESSED;
  return compressed;
}
