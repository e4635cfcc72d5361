/**
 * What waits to be sent to one session.
 *
 * Elements gather until `flush`, which puts them into array frames. While the
 * socket is behind, nothing is written and the arrays grow longer: this is
 * how Alpaca coalesces for a slow client. What waits here and in the socket is
 * bounded by bytes; over the bound the client is told 407, if it can still be
 * told, and `overflow` runs.
 *
 * @module
 */
import { type Encoded, type Encoding, frameOf } from "../protocol/encoding.ts";

/** The part of a socket that an outbox writes to. */
export interface OutboxSocket {
  /** Bytes written but not yet taken by the network. */
  readonly bufferedBytes: number;
  /** Writes a frame; `taken` runs when the network has it. */
  sendFrame(frame: Encoded, taken?: () => void): void;
}

/** Bounds of an outbox, in bytes. */
export interface OutboxLimits {
  /** Most bytes that may wait, here and in the socket together. */
  readonly maxBytes: number;
  /** Above this many bytes in the socket, elements wait and coalesce. */
  readonly coalesceAboveBytes: number;
  /** A frame is closed when it has reached this many bytes. */
  readonly maxFrameBytes: number;
}

/** Elements and frames on their way to one session, in order. */
export class Outbox {
  readonly #encoding: Encoding;
  readonly #socket: OutboxSocket;
  readonly #limits: OutboxLimits;
  readonly #overflow: () => void;
  #frames: Encoded[] = [];
  #elements: Encoded[] = [];
  #elementBytes = 0;
  #frameBytes = 0;
  #overflowed = false;

  constructor(
    socket: OutboxSocket,
    options: {
      encoding: Encoding;
      limits: OutboxLimits;
      overflow: () => void;
    },
  ) {
    this.#socket = socket;
    this.#encoding = options.encoding;
    this.#limits = options.limits;
    this.#overflow = options.overflow;
  }

  /** Bytes that wait in this outbox; the socket's own are not counted. */
  get pendingBytes(): number {
    return this.#elementBytes + this.#frameBytes;
  }

  /** Adds one encoded element to the frame that is being gathered. */
  add(element: Encoded): void {
    if (this.#overflowed) return;
    this.#elements.push(element);
    this.#elementBytes += element.length + 1;
    if (this.#elementBytes >= this.#limits.maxFrameBytes) this.#seal();
  }

  /** Adds a whole frame behind everything that was added before it. */
  addFrame(frame: Encoded): void {
    if (this.#overflowed) return;
    this.#seal();
    this.#frames.push(frame);
    this.#frameBytes += frame.length;
  }

  /** Writes what waits, as far as the socket keeps up. */
  flush(): void {
    if (this.#overflowed) return;
    while (this.#hasPending && !this.#isBehind) {
      if (this.#frames.length === 0) this.#seal();
      const frames = this.#frames;
      this.#frames = [];
      this.#frameBytes = 0;
      this.#write(frames);
    }
    if (
      this.pendingBytes + this.#socket.bufferedBytes > this.#limits.maxBytes
    ) {
      this.#overflowed = true;
      this.clear();
      this.#overflow();
    }
  }

  /** Drops everything that waits. */
  clear(): void {
    this.#frames = [];
    this.#elements = [];
    this.#frameBytes = 0;
    this.#elementBytes = 0;
  }

  get #hasPending(): boolean {
    return this.#frames.length > 0 || this.#elements.length > 0;
  }

  get #isBehind(): boolean {
    return this.#socket.bufferedBytes > this.#limits.coalesceAboveBytes;
  }

  #write(frames: readonly Encoded[]): void {
    let written = 0;
    for (const frame of frames) {
      if (this.#isBehind) break;
      written++;
      this.#socket.sendFrame(frame, this.#resume);
    }
    const rest = frames.slice(written);
    for (const frame of rest) this.#frameBytes += frame.length;
    this.#frames = [...rest, ...this.#frames];
  }

  readonly #resume = () => {
    if (this.#hasPending && !this.#isBehind) this.flush();
  };

  #seal(): void {
    if (this.#elements.length === 0) return;
    const frame = frameOf(this.#encoding, this.#elements);
    this.#frames.push(frame);
    this.#frameBytes += frame.length;
    this.#elements = [];
    this.#elementBytes = 0;
  }
}
