/**
 * Makes MessagePack frames of JSON messages. Each message is transcoded once, into the first frame
 * that has it; later frames copy it from there.
 *
 * @module
 */
import type { Envelope } from "../../application/broadcast/envelope.ts";
import type { MessagePlace, RelayedMessage } from "../../application/relay/relayed_message.ts";
import { headerLength, MAX_HEADER_BYTES, writeHeader } from "./frame_header.ts";
import { JsonToMsgpack, maxTranscodedBytes } from "./json_to_msgpack.ts";
import { headBytes, LIST, MAX_HEAD_BYTES, writeHead } from "./msgpack_values.ts";

/** Room for the header of a frame and the head of its list, which are written last. */
const HEADROOM = MAX_HEADER_BYTES + MAX_HEAD_BYTES;
const FIRST_BYTES = 16 * 1024;
/** A larger scratch buffer is not kept. */
const MAX_KEPT_BYTES = 1_048_576;

/** A message that cannot be transcoded. */
const NO_PLACE: MessagePlace = { frame: new Uint8Array(0), start: 0, end: 0 };

/** A place in the frame that is being made. */
interface NewPlace {
  frame: Uint8Array;
  start: number;
  end: number;
}

/** The frames of one batch. */
export interface BatchContent {
  /** None if no message could be transcoded. */
  readonly frames: readonly Uint8Array[];
  /** Messages that could not be transcoded. */
  readonly lost: number;
}

/** What {@linkcode TranscodedFrames} needs. */
interface TranscodedFramesOptions {
  /** Whether sizes are doubles. */
  readonly isCrypto: boolean;
  /** Bytes of messages at which a frame is complete. */
  readonly maxBytes: number;
  /** Called with the error of a message that cannot be transcoded, which is left out. */
  readonly onError: (error: unknown) => void;
}

/** Makes MessagePack frames of JSON messages. */
export class TranscodedFrames {
  readonly #options: TranscodedFramesOptions;
  readonly #transcoder: JsonToMsgpack;
  /** The frame that is being made, from {@linkcode HEADROOM} on. */
  #scratch = new Uint8Array(FIRST_BYTES);
  #at = HEADROOM;
  #messages = 0;
  /** Messages of the batch that cannot be transcoded. */
  #lost = 0;
  #places: NewPlace[] = [];

  constructor(options: TranscodedFramesOptions) {
    this.#options = options;
    this.#transcoder = new JsonToMsgpack({ hasTimes: true, isCrypto: options.isCrypto });
  }

  /** Makes the frames of a batch. */
  make(batch: readonly Envelope<RelayedMessage>[]): BatchContent {
    const frames: Uint8Array[] = [];
    this.#lost = 0;
    for (let i = 0; i < batch.length;) {
      const { transcoded } = (batch[i] as Envelope<RelayedMessage>).event;
      i = transcoded ? this.#copy(transcoded, batch, i) : this.#add(batch, i);
      if (this.#at - HEADROOM >= this.#options.maxBytes) frames.push(this.#finish());
    }
    if (this.#messages > 0) frames.push(this.#finish());
    if (this.#scratch.length > MAX_KEPT_BYTES) this.#scratch = new Uint8Array(FIRST_BYTES);
    return { frames, lost: this.#lost };
  }

  /** Transcodes a message of the batch; returns the position after it. */
  #add(batch: readonly Envelope<RelayedMessage>[], i: number): number {
    const { event } = batch[i] as Envelope<RelayedMessage>;
    this.#reserve(maxTranscodedBytes(event.end - event.start));
    const start = this.#at;
    try {
      this.#at = this.#transcoder.write(event, this.#scratch, start);
    } catch (error) {
      event.transcoded = NO_PLACE;
      this.#lost++;
      this.#options.onError(error);
      return i + 1;
    }
    const place = { frame: NO_PLACE.frame, start, end: this.#at };
    event.transcoded = place;
    this.#places.push(place);
    this.#messages++;
    return i + 1;
  }

  /** Copies messages that follow one another in a frame; returns the position after them. */
  #copy(
    { frame, start, end: first }: MessagePlace,
    batch: readonly Envelope<RelayedMessage>[],
    from: number,
  ): number {
    if (frame === NO_PLACE.frame) {
      this.#lost++;
      return from + 1;
    }
    let end = first;
    let to = from + 1;
    for (; to < batch.length && end - start < this.#options.maxBytes; to++) {
      const next = (batch[to] as Envelope<RelayedMessage>).event.transcoded;
      if (next === undefined || next.frame !== frame || next.start !== end) break;
      end = next.end;
    }
    this.#reserve(end - start);
    this.#scratch.set(frame.subarray(start, end), this.#at);
    this.#at += end - start;
    this.#messages += to - from;
    return to;
  }

  /** Completes the frame and begins another one. */
  #finish(): Uint8Array {
    const scratch = this.#scratch;
    const list = HEADROOM - headBytes(this.#messages);
    writeHead(new DataView(scratch.buffer), list, this.#messages, LIST);
    const length = this.#at - list;
    const from = list - headerLength(length);
    writeHeader(scratch, { at: from, length, opcode: "binary" });
    const frame = scratch.slice(from, this.#at);
    for (const place of this.#places) {
      place.frame = frame;
      place.start -= from;
      place.end -= from;
    }
    this.#places = [];
    this.#messages = 0;
    this.#at = HEADROOM;
    return frame;
  }

  /** Makes room for more bytes. */
  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#scratch.length) return;
    const larger = new Uint8Array(2 * needed);
    larger.set(this.#scratch.subarray(0, this.#at));
    this.#scratch = larger;
  }
}
