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
  /**
   * Writes a frame; `written` runs when the network has accepted it. False if
   * the socket does not send, because it is closing or because of a fault.
   */
  sendFrame(frame: Encoded, written?: () => void): boolean;
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

/** One complete frame. */
interface Frame {
  readonly data: Encoded;
  /** Number of messages that were added one by one; 0 for a foreign frame. */
  readonly messages: number;
}

/** Messages and frames for one session, in order. */
export class Outbox {
  readonly #encoding: Encoding;
  readonly #socket: SessionSocket;
  readonly #limits: OutboxLimits;
  readonly #overflow: () => void;
  readonly #wrote: ((messages: number, isSent: boolean) => void) | undefined;
  #frames: Frame[] = [];
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
      /** Runs after a frame: how many messages of `add` it had, in order. */
      wrote?: (messages: number, isSent: boolean) => void;
    },
  ) {
    this.#socket = socket;
    this.#encoding = options.encoding;
    this.#limits = options.limits;
    this.#overflow = options.overflow;
    this.#wrote = options.wrote;
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
    this.#frames.push({ data: frame, messages: 0 });
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

  #write(frames: readonly Frame[]): void {
    let written = 0;
    for (const frame of frames) {
      if (this.#isBehind) break;
      written++;
      const isSent = this.#socket.sendFrame(frame.data, this.#resume);
      if (frame.messages > 0) this.#wrote?.(frame.messages, isSent);
    }
    const rest = frames.slice(written);
    for (const { data } of rest) this.#frameBytes += data.length;
    this.#frames = [...rest, ...this.#frames];
  }

  readonly #resume = () => {
    if (this.#hasPending && !this.#isBehind) this.flush();
  };

  #seal(): void {
    if (this.#messages.length === 0) return;
    const data = frameOf(this.#encoding, this.#messages);
    this.#frames.push({ data, messages: this.#messages.length });
    this.#frameBytes += data.length;
    this.#messages = [];
    this.#messageBytes = 0;
  }
}
