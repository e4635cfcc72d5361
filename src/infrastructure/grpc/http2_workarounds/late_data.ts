/**
 * Keeps DATA of streams that are over from HTTP/2.
 *
 * - Product: nghttp2 1.69.0 in Deno 2.9.6.
 * - Symptom: after 1000 such frames, plus 33 a second, it ends the connection with
 *   GOAWAY(ENHANCE_YOUR_CALM), and with it all open streams. But such frames are usual: a call is
 *   refused when its HEADERS arrive, and its request follows. Deno has no setting for the limit.
 * - Report: none found; the limit is nghttp2's own.
 * - Test: "node:http2 ends a connection for data of streams that are over" fails once this can go;
 *   "refused calls with later requests keep the connection and its streams" fails without it.
 *
 * @module
 */
import { type FrameHeader, frameOf, FrameType, uint32 } from "./frames.ts";

/** Bytes after which the window of the connection is extended: a client may have 65 535. */
const EXTEND_BYTES = 8_192;

/** The late DATA of one connection. */
export class LateData {
  readonly #write: (frame: Uint8Array) => void;
  /** Bytes by which the window is too small. */
  #bytes = 0;

  /** @param write sends a frame to the client */
  constructor(write: (frame: Uint8Array) => void) {
    this.#write = write;
  }

  /** Extends the window of the client by the bytes of a frame that HTTP/2 is not given. */
  drop({ length }: FrameHeader): void {
    this.#bytes += length;
    if (this.#bytes < EXTEND_BYTES) return;
    this.#write(frameOf(FrameType.WINDOW_UPDATE, { payload: uint32(this.#bytes) }));
    this.#bytes = 0;
  }
}
