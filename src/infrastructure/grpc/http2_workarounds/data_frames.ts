/**
 * Writes the DATA frames of a connection to its socket, beside node:http2.
 *
 * Cost
 * - Product: node:http2 of Deno 2.9.6.
 * - Symptom: a small write to a stream costs more than twice a write to its socket. Each one makes
 *   a callback for the next turn of the event loop, four native calls and two copies.
 * - Report: "Report for Deno" in docs/performance-notes.md.
 * - Test: `bench/experiments/http2_writes.ts` prints both costs; this can go once they are close.
 *
 * Order of streams
 * - Product: nghttp2 1.69.0 in Deno 2.9.6.
 * - Symptom: with extensible priorities (RFC 9218) it sends all data of the oldest stream before
 *   that of a younger one, unless a client asks for `priority: i`, which gRPC clients do not. A
 *   stream here writes again as soon as its last write was taken, so on a connection that takes
 *   less than its streams have to send, the youngest would receive nothing.
 * - Report: none; it follows the RFC.
 * - Test: "node:http2 sends the data of the oldest stream first" fails once this can go; "on a slow
 *   connection all streams receive equally" fails without it.
 *
 * HTTP/2 sends and reads everything else, but neither DATA nor WINDOW_UPDATE of streams that are
 * open: the windows of flow control are here. While the connection can take nothing, because its
 * window is used up or its socket is full, writes wait; then all streams send one frame in turn. A
 * stream whose own window is used up delays no other.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import process from "node:process";
import { setImmediate } from "node:timers";
import { FrameType, HEADER_BYTES } from "./frames.ts";
import type { SocketBacklog } from "./socket_backlog.ts";

/** Window of a connection and of its streams before the client changes it, in bytes. */
const DEFAULT_WINDOW = 65_535;
/** Largest window that flow control allows, in bytes. */
export const MAX_WINDOW: number = 2 ** 31 - 1;
/** Largest payload of a frame that every client accepts, in bytes. */
const MAX_PAYLOAD = 16_384;

/** The writing half of a socket. */
interface FrameSink {
  write(frames: Uint8Array): boolean;
}

/** Called when a write was taken. */
type OnTaken = () => void;

/** A write that was not sent completely. */
interface PendingWrite {
  readonly chunk: Uint8Array;
  /** Bytes that were sent. */
  sent: number;
  readonly onTaken: OnTaken;
}

/**
 * Reports writes as taken in the next turn of the event loop, for all connections together: so a
 * stream writes once per turn, and everything that is published until then is its next batch.
 */
export class TakenWrites {
  readonly #next: (run: () => void) => void;
  #streams: StreamData[] = [];
  #callbacks: OnTaken[] = [];

  /** @param next runs a function in the next turn of the event loop */
  constructor(next: (run: () => void) => void = (run) => void setImmediate(run)) {
    this.#next = next;
  }

  /** Reports a write of a stream. */
  add(stream: StreamData, onTaken: OnTaken): void {
    this.#callbacks.push(onTaken);
    if (this.#streams.push(stream) === 1) this.#next(this.#run);
  }

  readonly #run = (): void => {
    const streams = this.#streams;
    const callbacks = this.#callbacks;
    this.#streams = [];
    this.#callbacks = [];
    for (let i = 0; i < streams.length; i++) streams[i]?.report(callbacks[i] as OnTaken);
  };
}

/** What {@linkcode DataWriter} needs. */
interface DataWriterOptions {
  readonly socket: FrameSink;
  readonly backlog: Pick<SocketBacklog, "isFull" | "wait" | "cancel">;
  /** Shared by all connections. */
  readonly taken: TakenWrites;
}

/** Sends the data of one connection's streams. */
export class DataWriter {
  readonly #options: DataWriterOptions;
  /** Bytes that the connection may send. */
  #window = DEFAULT_WINDOW;
  /** Initial window of streams. */
  #initialWindow = DEFAULT_WINDOW;
  /** Streams that wait for the connection, in the order in which they will send. */
  readonly #waiting = new Set<StreamData>();
  /** Streams that wait for their own windows. */
  readonly #exhausted = new Set<StreamData>();
  #isScheduled = false;
  #waitsForRoom = false;

  constructor(options: DataWriterOptions) {
    this.#options = options;
  }

  get backlog(): DataWriterOptions["backlog"] {
    return this.#options.backlog;
  }

  get taken(): TakenWrites {
    return this.#options.taken;
  }

  /** The client has changed the initial window of its streams. */
  setInitialWindow(bytes: number): void {
    this.#initialWindow = bytes;
    for (const stream of this.#exhausted) this.#resume(stream);
  }

  /**
   * The client has extended the window of a stream, or of the connection without one.
   *
   * @returns false when the window would become larger than flow control allows
   */
  extend(stream: StreamData | undefined, bytes: number): boolean {
    if (stream === undefined) {
      if (this.#window + bytes > MAX_WINDOW) return false;
      this.#window += bytes;
      if (this.#waiting.size > 0) this.#schedule();
      return true;
    }
    if (this.#windowOf(stream) + bytes > MAX_WINDOW) return false;
    stream.credit += bytes;
    if (this.#exhausted.has(stream)) this.#resume(stream);
    return true;
  }

  /** Sends what a stream has to send, or has it wait. */
  advance(stream: StreamData): void {
    if (!stream.isStarted || stream.writes.length === 0) return;
    if (this.#waiting.size === 0 && this.#hasRoom()) this.#send(stream, Infinity);
    this.#settle(stream);
  }

  /** Sends what a stream has to send although its socket is full. */
  force(stream: StreamData): void {
    if (stream.isStarted) this.#send(stream, Infinity);
  }

  /** Removes a stream that is over. */
  remove(stream: StreamData): void {
    this.#waiting.delete(stream);
    this.#exhausted.delete(stream);
  }

  #hasRoom(): boolean {
    return this.#window > 0 && !this.#options.backlog.isFull;
  }

  #windowOf(stream: StreamData): number {
    return this.#initialWindow + stream.credit;
  }

  /** Sends at most `most` bytes of a stream, as far as the windows allow. */
  #send(stream: StreamData, most: number): void {
    const { writes } = stream;
    let left = most;
    for (let write = writes[0]; write !== undefined; write = writes[0]) {
      const { chunk, sent } = write;
      const window = Math.min(this.#window, this.#windowOf(stream), left);
      const bytes = Math.min(chunk.length - sent, window);
      if (bytes <= 0) return;
      this.#window -= bytes;
      stream.credit -= bytes;
      left -= bytes;
      write.sent += bytes;
      this.#options.socket.write(dataFrames(stream.id, chunk, sent, bytes));
      if (write.sent < chunk.length) return;
      writes.shift();
      this.taken.add(stream, write.onTaken);
    }
    stream.drained();
  }

  /** Has a stream wait whose writes were not sent completely. */
  #settle(stream: StreamData): void {
    if (stream.writes.length === 0) return;
    if (this.#windowOf(stream) <= 0) this.#exhausted.add(stream);
    else {
      this.#waiting.add(stream);
      this.#waitForRoom();
    }
  }

  #resume(stream: StreamData): void {
    if (this.#windowOf(stream) <= 0) return;
    this.#exhausted.delete(stream);
    this.#waiting.add(stream);
    this.#schedule();
  }

  /** Sends after the frames were read that have arrived together. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  /** Has the streams that wait send a frame each, in rounds. */
  #flush(): void {
    // A stream that is added again comes last.
    for (const stream of this.#waiting) {
      if (!this.#hasRoom()) break;
      this.#waiting.delete(stream);
      this.#send(stream, MAX_PAYLOAD);
      this.#settle(stream);
    }
    this.#waitForRoom();
  }

  #waitForRoom(): void {
    const { backlog } = this.#options;
    if (this.#waitsForRoom || this.#waiting.size === 0 || !backlog.isFull) return;
    this.#waitsForRoom = true;
    backlog.wait(() => {
      this.#waitsForRoom = false;
      this.#flush();
    });
  }
}

/** The data of one stream. */
export class StreamData {
  readonly id: number;
  /** Bytes by which its window differs from the initial one. */
  credit = 0;
  /** Whether its response headers were sent. */
  isStarted = false;
  /** Writes that were not sent completely, oldest first. */
  writes: PendingWrite[] = [];
  readonly #writer: DataWriter;
  #isOver = false;
  #onDrained: (() => void) | undefined;
  /** Callbacks that wait for room in the socket. */
  #blocked: Set<() => void> | undefined;

  constructor(id: number, writer: DataWriter) {
    this.id = id;
    this.#writer = writer;
  }

  /** Its response headers were sent, so that data can follow. */
  start(): void {
    if (this.isStarted) return;
    this.isStarted = true;
    // More frames of the headers may follow in this call.
    if (this.writes.length > 0) process.nextTick(() => this.#writer.advance(this));
  }

  /** Sends a chunk; `onTaken` is called when it was sent and the socket has room again. */
  write(chunk: Uint8Array, onTaken: OnTaken): void {
    if (this.#isOver) return;
    if (chunk.length === 0) return this.#writer.taken.add(this, onTaken);
    this.writes.push({ chunk, sent: 0, onTaken });
    if (this.writes.length === 1) this.#writer.advance(this);
  }

  /**
   * Runs `end` after all data was sent. What has not begun to leave for a full socket is dropped:
   * it would wait for a client that does not read, whose status may still arrive in time.
   */
  end(end: () => void): void {
    if (this.#writer.backlog.isFull) {
      this.#unblock();
      this.writes = this.writes.filter(({ sent }) => sent > 0);
      this.#writer.force(this);
    }
    if (this.writes.length === 0) end();
    else this.#onDrained = end;
  }

  /** Drops what was not sent: the stream is over. */
  close(): void {
    this.#isOver = true;
    this.writes = [];
    this.#onDrained = undefined;
    this.#unblock();
    this.#writer.remove(this);
  }

  /** All data was sent. */
  drained(): void {
    const end = this.#onDrained;
    this.#onDrained = undefined;
    end?.();
  }

  /** Reports a write as taken when the socket has room. */
  report(onTaken: OnTaken): void {
    if (this.#isOver) return;
    const { backlog } = this.#writer;
    if (!backlog.isFull) return onTaken();
    const run = () => {
      this.#blocked?.delete(run);
      onTaken();
    };
    this.#blocked ??= new Set();
    this.#blocked.add(run);
    backlog.wait(run);
  }

  #unblock(): void {
    for (const run of this.#blocked ?? []) this.#writer.backlog.cancel(run);
    this.#blocked = undefined;
  }
}

/**
 * The frames of the last chunk that was sent completely: streams that are woken together mostly
 * send the same chunk, and most connections have one stream, with the same id.
 */
let lastChunk: Uint8Array | undefined;
let lastId = 0;
let lastFrames: Uint8Array = new Uint8Array(0);

/** The bytes `from` up to `from + bytes` of a chunk in DATA frames; not to be written to. */
function dataFrames(id: number, chunk: Uint8Array, from: number, bytes: number): Uint8Array {
  const isWhole = bytes === chunk.length;
  if (isWhole && chunk === lastChunk && id === lastId) return lastFrames;
  const frames = Buffer.allocUnsafe(bytes + HEADER_BYTES * Math.ceil(bytes / MAX_PAYLOAD));
  const end = from + bytes;
  for (let at = from, to = 0; at < end; at += MAX_PAYLOAD) {
    const length = Math.min(MAX_PAYLOAD, end - at);
    frames[to] = length >>> 16;
    frames[to + 1] = length >>> 8;
    frames[to + 2] = length;
    frames[to + 3] = FrameType.DATA;
    frames[to + 4] = 0;
    frames[to + 5] = id >>> 24;
    frames[to + 6] = id >>> 16;
    frames[to + 7] = id >>> 8;
    frames[to + 8] = id;
    to += HEADER_BYTES;
    frames.set(length === chunk.length ? chunk : chunk.subarray(at, at + length), to);
    to += length;
  }
  if (isWhole) {
    lastChunk = chunk;
    lastId = id;
    lastFrames = frames;
  }
  return frames;
}
