/**
 * Reads the initial window of streams from SETTINGS in place of HTTP/2, see `data_frames.ts`.
 *
 * HTTP/2 is given the other settings. It sends the end of a stream, which has no data, only while
 * its own window of the stream is above 0. It does not extend that window, so it has to keep the
 * default for clients that begin with 0.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type DataWriter, MAX_WINDOW } from "./data_frames.ts";
import { type FrameHeader, frameOf, FrameType } from "./frames.ts";
import type { CollectedFrames } from "./paced_socket.ts";

/** Id of SETTINGS_INITIAL_WINDOW_SIZE. */
const INITIAL_WINDOW_SIZE = 4;
/** Bytes of an id and its value. */
const SETTING_BYTES = 6;
/** Bytes of the largest frame that is read; HTTP/2 answers less as a flood. */
const MAX_SETTINGS_BYTES = 16_384;

/** Whether a SETTINGS frame is read here; HTTP/2 is given those that it has to answer as errors. */
export function hasSettings({ stream, length }: FrameHeader): boolean {
  return stream === 0 && length > 0 && length % SETTING_BYTES === 0 && length <= MAX_SETTINGS_BYTES;
}

/** A SETTINGS frame of a client. */
export class ClientSettings implements CollectedFrames {
  readonly #frame: FrameHeader;
  readonly #writer: Pick<DataWriter, "setInitialWindow">;
  readonly #payloads: Uint8Array[] = [];
  #missing: number;

  constructor(frame: FrameHeader, writer: Pick<DataWriter, "setInitialWindow">) {
    this.#frame = frame;
    this.#writer = writer;
    this.#missing = frame.length;
  }

  add(payload: Uint8Array): void {
    this.#payloads.push(payload);
    this.#missing -= payload.length;
  }

  get isComplete(): boolean {
    return this.#missing === 0;
  }

  join(): Uint8Array {
    const payload = Buffer.concat(this.#payloads);
    const others: Uint8Array[] = [];
    let window: number | undefined;
    for (let at = 0; at < payload.length; at += SETTING_BYTES) {
      if (payload.readUInt16BE(at) === INITIAL_WINDOW_SIZE) window = payload.readUInt32BE(at + 2);
      else others.push(payload.subarray(at, at + SETTING_BYTES));
      // An error, which HTTP/2 answers.
      if (window !== undefined && window > MAX_WINDOW) {
        return Buffer.concat([this.#frame.bytes, payload]);
      }
    }
    if (window !== undefined) this.#writer.setInitialWindow(window);
    return frameOf(FrameType.SETTINGS, {
      flags: this.#frame.flags,
      payload: Buffer.concat(others),
    });
  }
}
