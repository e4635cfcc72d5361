/**
 * Limits how many frames of a connection HTTP/2 reads in one turn of the event loop, and lets
 * {@linkcode FrameRules} inspect each of them before.
 *
 * - Product: node:http2 of Deno 2.9.6.
 * - Symptom: it reads all frames of a chunk in one call and ends all streams of a lost connection
 *   in one call. A chunk of 64 KiB opens thousands of streams, each some 200 to 400 µs, before
 *   anything else runs. It has no limit on the rate of control frames either.
 * - Report: none found.
 * - Test: "node:http2 opens all streams of a chunk in one turn" fails once this can go; "streams of
 *   one packet are opened over several turns of the event loop" and "streams of a lost connection
 *   end over several turns of the event loop" fail without it.
 *
 * The socket is paused while bytes wait here, so that at most one chunk of a connection is held and
 * TCP makes its client wait. Reading also stops for a client that does not read what it is sent.
 *
 * It relies on the listeners that a session adds to its socket: `data`, `error` and `close`. The
 * constructor throws if they are others.
 *
 * @module
 */
import type { Socket } from "node:net";
import type { TurnScheduler, WaitingWork } from "../limits/turn_scheduler.ts";
import { type FrameHeader, FrameReader } from "./frames.ts";
import type { SocketBacklog } from "./socket_backlog.ts";

/** Collects the bytes of frames that are delivered together once they are complete. */
export interface CollectedFrames {
  /** Adds bytes of the payload. */
  add(payload: Uint8Array): void;
  readonly isComplete: boolean;
  /** What is delivered to HTTP/2. */
  join(): Uint8Array;
}

/** Inspects the frames of a connection. */
export interface FrameRules {
  /** Units of work that a frame costs, see `READ_LIMITS`. */
  costOf(frame: FrameHeader): number;
  /**
   * Called before a frame is delivered to HTTP/2. `payload` is as much of its payload as has
   * arrived. Returns what is delivered instead of it:
   *
   * - `true`: itself;
   * - bytes: these, and then itself;
   * - `false`: nothing;
   * - collected frames: nothing until they are complete.
   */
  begin(frame: FrameHeader, payload: Uint8Array): boolean | Uint8Array | CollectedFrames;
  /** Called when the socket has closed; `endSession` has HTTP/2 end the session. */
  closed(endSession: () => void): void;
}

type Listener = (...args: unknown[]) => void;

function listeners(socket: Socket, event: string): Listener[] {
  return socket.listeners(event) as Listener[];
}

/** The reading half of one connection. */
export class PacedSocket implements WaitingWork {
  readonly #socket: Socket;
  readonly #scheduler: TurnScheduler;
  readonly #rules: FrameRules;
  readonly #backlog: SocketBacklog;
  readonly #deliver: Listener;
  readonly #frames = new FrameReader();
  /** Unread bytes; more than one chunk only until a pause takes effect. */
  #chunks: Uint8Array[] = [];
  #at = 0;
  /** A frame whose header was read, and that has not begun. */
  #held: FrameHeader | undefined;
  /** Offset behind that header in the first chunk. */
  #heldTo = 0;
  /** Whether the payload of the last frame is not delivered. */
  #isDropped = false;
  /** Frames that are not complete. */
  #collected: CollectedFrames | undefined;
  #isPaused = false;
  /** Whether reading waits until the client reads. */
  #isStopped = false;
  #isClosed = false;

  /**
   * @param options.serve gives the socket to HTTP/2
   * @throws {Error} when HTTP/2 does not listen to the socket as expected
   */
  constructor(socket: Socket, { serve, scheduler, rules, backlog }: {
    readonly serve: () => void;
    readonly scheduler: TurnScheduler;
    readonly rules: FrameRules;
    readonly backlog: SocketBacklog;
  }) {
    this.#socket = socket;
    this.#scheduler = scheduler;
    this.#rules = rules;
    this.#backlog = backlog;
    const before = {
      error: listeners(socket, "error"),
      close: listeners(socket, "close"),
    };
    serve();
    const [deliver, ...others] = listeners(socket, "data");
    const added = (name: "error" | "close") =>
      listeners(socket, name).filter((one) => !before[name].includes(one));
    const onClosed = added("close");
    if (deliver === undefined || others.length > 0 || onClosed.length === 0) {
      throw new Error(
        "Cannot limit HTTP/2 reads: node:http2 of this Deno version uses " +
          "sockets differently; use Deno 2.9.6",
      );
    }
    this.#deliver = deliver;
    socket.on("data", (chunk: Uint8Array) => this.#receive(chunk));
    socket.off("data", deliver);
    for (const listener of onClosed) socket.off("close", listener);
    // `close` follows every `error`, and ends the session as well.
    for (const listener of added("error")) socket.off("error", listener);
    socket.once("close", () => {
      this.stop();
      rules.closed(() => onClosed.forEach((listener) => listener.call(socket, false)));
    });
  }

  /** Whether bytes can be delivered. */
  get isWaiting(): boolean {
    return this.#chunks.length > 0 && !this.#isStopped;
  }

  /** Drops what was not read, and reads nothing more. */
  stop(): void {
    this.#isClosed = true;
    this.#chunks = [];
    this.#scheduler.remove(this);
  }

  /** Delivers frames that cost at most `units`, at least one. */
  advance(units: number): number {
    if (this.#mustStop()) return 0;
    const used = this.#read(units, true);
    this.#settle();
    return used;
  }

  #receive(chunk: Uint8Array): void {
    if (this.#isClosed) return;
    const waited = this.#chunks.length > 0;
    this.#chunks.push(chunk);
    if (!waited && !this.#mustStop()) {
      this.#scheduler.use(this.#read(this.#scheduler.available, false));
    }
    if (this.isWaiting) this.#scheduler.enqueue(this);
    this.#settle();
  }

  /** Stops reading while the client does not read what it is sent. */
  #mustStop(): boolean {
    if (this.#isStopped || !this.#backlog.isOverfull) return this.#isStopped;
    this.#isStopped = true;
    this.#backlog.wait(() => {
      this.#isStopped = false;
      if (this.isWaiting) this.#scheduler.enqueue(this);
    });
    return true;
  }

  /** Pauses the socket while bytes wait. */
  #settle(): void {
    const isPaused = this.#chunks.length > 0;
    if (this.#isClosed || isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    if (this.#isPaused) this.#socket.pause();
    else this.#socket.resume();
  }

  /** Delivers frames while their cost allows; returns the cost. */
  #read(units: number, force: boolean): number {
    let used = 0;
    let chunk: Uint8Array | undefined;
    while ((chunk = this.#chunks[0]) !== undefined) {
      // Bytes from `from` to `at` are read and not delivered yet.
      let from = this.#at;
      let at = from;
      if (this.#held !== undefined) at = this.#heldTo;
      for (;;) {
        let frame = this.#held;
        if (frame === undefined) {
          at = this.#frames.skipPayload(chunk, at);
          if (this.#isDropped) from = at;
          const read = this.#frames.readHeader(chunk, at);
          // A header that goes on in the next chunk is delivered with it.
          if (read === undefined) break;
          frame = read.frame;
          at = read.at;
        }
        // Negative where the header began in the chunk before.
        const start = at - frame.bytes.length;
        const cost = this.#rules.costOf(frame);
        if (used + cost > units && !(force && used === 0)) {
          this.#forward(chunk, from, start);
          this.#at = Math.max(from, start);
          this.#held = frame;
          this.#heldTo = at;
          return used;
        }
        this.#held = undefined;
        this.#isDropped = false;
        used += cost;
        const action = this.#rules.begin(frame, chunk.subarray(at, at + frame.length));
        if (this.#isClosed) return used;
        const isBatched = action === true && this.#collected === undefined;
        if (start >= from && isBatched) continue;
        this.#forward(chunk, from, start);
        from = at;
        if (action === false) this.#isDropped = true;
        else if (action === true || action instanceof Uint8Array) {
          if (action !== true) this.#forward(action, 0, action.length);
          this.#forward(frame.bytes, 0, frame.bytes.length);
        } else this.#collected = action;
      }
      this.#forward(chunk, from, at);
      if (this.#isClosed) return used;
      this.#chunks.shift();
      this.#at = 0;
    }
    return used;
  }

  #forward(chunk: Uint8Array, from: number, to: number): void {
    if (to <= from || this.#isClosed) return;
    const bytes = chunk.subarray(from, to);
    const collected = this.#collected;
    if (collected === undefined) return this.#deliver(bytes);
    collected.add(bytes);
    if (!collected.isComplete) return;
    this.#collected = undefined;
    const joined = collected.join();
    if (joined.length > 0) this.#deliver(joined);
  }
}
