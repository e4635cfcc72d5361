/**
 * The send queue of one session.
 *
 * Messages collect until `flush`, which puts them into array frames. While the
 * client is slow nothing is written and the arrays grow: this is how Alpaca
 * coalesces. The bytes that wait here and in the socket are bounded; above the
 * bound the queue is dropped and `overflow` runs, which closes with error 407.
 *
 * @module
 */
import { type Encoded, type Encoding, frameOf } from "../protocol/encoding.ts";

/** The socket of a session. */
export interface SessionSocket {
  /** Bytes written but not yet accepted by the network. */
  readonly bufferedBytes: number;
  /** Writes a frame; `written` runs when the network has accepted it. */
  sendFrame(frame: Encoded, written?: () => void): void;
  /** Starts a clean close; cuts the connection if the client does not reply. */
  close(code: number, reason: string): void;
}

/** Bounds of an outbox, in bytes. */
export interface OutboxLimits {
  /** Maximum of bytes that wait, here and in the socket together. */
  readonly maxBytes: number;
  /** Above this many bytes in the socket, messages wait and coalesce. */
  readonly coalesceAboveBytes: number;
  /** A frame is complete when it has reached this many bytes. */
  readonly maxFrameBytes: number;
}

/** Messages and frames for one session, in order. */
export class Outbox {
  readonly #encoding: Encoding;
  readonly #socket: SessionSocket;
  readonly #limits: OutboxLimits;
  readonly #overflow: () => void;
  #frames: Encoded[] = [];
  #messages: Encoded[] = [];
  #messageBytes = 0;
  #frameBytes = 0;
  #overflowed = false;

  constructor(
    socket: SessionSocket,
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

  /** Bytes in this queue, without those in the socket. */
  get pendingBytes(): number {
    return this.#messageBytes + this.#frameBytes;
  }

  /** Adds one encoded message to the current frame. */
  add(message: Encoded): void {
    if (this.#overflowed) return;
    this.#messages.push(message);
    this.#messageBytes += message.length + 1;
    if (this.#messageBytes >= this.#limits.maxFrameBytes) this.#seal();
  }

  /** Adds a complete frame. */
  addFrame(frame: Encoded): void {
    if (this.#overflowed) return;
    this.#seal();
    this.#frames.push(frame);
    this.#frameBytes += frame.length;
  }

  /** Writes frames until the socket has too many unsent bytes. */
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

  /** Drops all messages. */
  clear(): void {
    this.#frames = [];
    this.#messages = [];
    this.#frameBytes = 0;
    this.#messageBytes = 0;
  }

  get #hasPending(): boolean {
    return this.#frames.length > 0 || this.#messages.length > 0;
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
    if (this.#messages.length === 0) return;
    const frame = frameOf(this.#encoding, this.#messages);
    this.#frames.push(frame);
    this.#frameBytes += frame.length;
    this.#messages = [];
    this.#messageBytes = 0;
  }
}
