/**
 * SETTINGS frames that are sent and received beside those of HTTP/2.
 *
 * @module
 */
import { FLAG_ACK, FrameType, HEADER_BYTES } from "./frame_reader.ts";

/** Id of SETTINGS_MAX_CONCURRENT_STREAMS. */
const MAX_CONCURRENT_STREAMS = 3;
/** SETTINGS without payload, with ACK. */
export const SETTINGS_ACK = Uint8Array.of(
  0,
  0,
  0,
  FrameType.SETTINGS,
  FLAG_ACK,
  0,
  0,
  0,
  0,
);
/**
 * SETTINGS that announce how many streams the connection may have.
 *
 * nghttp2 (1.69.0, in Deno 2.9.6) does not know of it, because it would end a
 * connection after some 500 refusals: streams that were opened before this
 * frame was read.
 */
export function streamLimit(streams: number): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + 6);
  const view = new DataView(frame.buffer);
  frame[2] = 6;
  frame[3] = FrameType.SETTINGS;
  view.setUint16(HEADER_BYTES, MAX_CONCURRENT_STREAMS);
  view.setUint32(HEADER_BYTES + 2, streams);
  return frame;
}
