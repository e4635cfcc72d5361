/**
 * Reads WINDOW_UPDATE frames in place of HTTP/2, see `data_frames.ts`.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type DataWriter, MAX_WINDOW, type StreamData } from "./data_frames.ts";
import { type FrameHeader, frameOf, FrameType, uint32 } from "./frames.ts";
import type { CollectedFrames } from "./paced_socket.ts";

/** Bytes of the payload. */
const PAYLOAD_BYTES = 4;

/**
 * Extends the window that a frame names. HTTP/2 is given those that it has to answer as errors.
 *
 * @param stream of the frame; `undefined` when it is not open
 * @returns what is delivered: the frame (`true`), bytes and then the frame, or nothing
 */
export function extendWindow(
  frame: FrameHeader,
  payload: Uint8Array,
  { writer, stream }: { readonly writer: DataWriter; readonly stream: StreamData | undefined },
): boolean | Uint8Array {
  const isKnown = frame.stream === 0 || stream !== undefined;
  if (!isKnown || frame.length !== PAYLOAD_BYTES) return true;
  const increment = new DataView(payload.buffer, payload.byteOffset).getUint32(0) & MAX_WINDOW;
  if (increment === 0) return true;
  if (writer.extend(stream, increment)) return false;
  // The windows of HTTP/2 have their initial size, so that this makes them too large as well.
  return frameOf(FrameType.WINDOW_UPDATE, { stream: frame.stream, payload: uint32(MAX_WINDOW) });
}

/** A frame whose payload arrives in several chunks. */
export class SplitWindowUpdate implements CollectedFrames {
  readonly #frame: FrameHeader;
  readonly #extend: (payload: Uint8Array) => boolean | Uint8Array;
  #payload: Uint8Array = new Uint8Array(0);

  /** @param extend as {@linkcode extendWindow} */
  constructor(frame: FrameHeader, extend: (payload: Uint8Array) => boolean | Uint8Array) {
    this.#frame = frame;
    this.#extend = extend;
  }

  add(payload: Uint8Array): void {
    this.#payload = Buffer.concat([this.#payload, payload]);
  }

  get isComplete(): boolean {
    return this.#payload.length === this.#frame.length;
  }

  join(): Uint8Array {
    const delivered = this.#extend(this.#payload);
    if (delivered === false) return new Uint8Array(0);
    const before = delivered === true ? [] : [delivered];
    return Buffer.concat([...before, this.#frame.bytes, this.#payload]);
  }
}

/** Whether the payload of a frame is not complete, and it would be read here. */
export function isSplit(frame: FrameHeader, payload: Uint8Array): boolean {
  return frame.length === PAYLOAD_BYTES && payload.length < PAYLOAD_BYTES;
}
