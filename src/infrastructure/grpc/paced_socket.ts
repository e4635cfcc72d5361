/**
 * Stands between a client's socket and HTTP/2: looks at the frames, and hands
 * them on at the pace of a {@linkcode ReadScheduler}.
 *
 * While bytes wait here the socket is paused, so that at most one chunk of a
 * connection is held; TCP makes its client wait. So does a client that does not
 * read: its frames are not answered any more. When the socket has closed, its
 * streams end at the same pace before HTTP/2 ends the session: ending thousands
 * in one call would stop everything else for that long.
 *
 * It relies on how Deno 2.9.6 uses a socket for HTTP/2: its session listens to
 * the events `data`, `error` and `close`. `admission_test.ts` fails should that
 * change.
 *
 * @module
 */
import type { Socket } from "node:net";
import { type FrameHeader, FrameReader } from "./frame_reader.ts";
import { HeaderBlock } from "./header_block.ts";
import type { PacedReader, ReadScheduler } from "./read_scheduler.ts";
import type { SocketBacklog } from "./socket_backlog.ts";

/** What a connection's frames are judged by. */
export interface FrameRules {
  /** Units of work that a frame costs. */
  costOf(frame: FrameHeader): number;
  /**
   * Called before a frame is handed on. `payload` is as much of its payload as
   * has arrived. Returns what is handed on instead of it:
   *
   * - `true`: itself;
   * - bytes: these, and then itself;
   * - `false`: nothing, which is allowed for frames without a payload;
   * - a header block: nothing until that is complete.
   */
  begin(
    frame: FrameHeader,
    payload: Uint8Array,
  ): boolean | Uint8Array | HeaderBlock;
  /** Ends at most `count` streams; returns how many ended. */
  endStreams(count: number): number;
}

type Listener = (...args: unknown[]) => void;

function listeners(socket: Socket, event: string): Listener[] {
  return socket.listeners(event) as Listener[];
}

/** The reading half of one connection. */
export class PacedSocket implements PacedReader {
  readonly #socket: Socket;
  readonly #scheduler: ReadScheduler;
  readonly #rules: FrameRules;
  readonly #backlog: SocketBacklog;
  readonly #deliver: Listener;
  readonly #onClosed: readonly Listener[];
  readonly #frames = new FrameReader();
  /** Unread bytes; more than one chunk only while a pause takes effect. */
  #chunks: Uint8Array[] = [];
  #at = 0;
  /** A frame whose header was read, and that has not begun. */
  #held: FrameHeader | undefined;
  /** Offset behind that header in the first chunk. */
  #heldTo = 0;
  /** A header block that is not complete. */
  #block: HeaderBlock | undefined;
  #isPaused = false;
  /** Whether reading waits for the client to read. */
  #isHeld = false;
  #isClosed = false;
  /** Whether the socket has closed and the session has not. */
  #isGone = false;

  /**
   * Has `serve` give the socket to HTTP/2 and takes over its events.
   *
   * @throws {Error} when HTTP/2 does not listen to them as expected
   */
  constructor(
    socket: Socket,
    { serve, scheduler, rules, backlog }: {
      readonly serve: () => void;
      readonly scheduler: ReadScheduler;
      readonly rules: FrameRules;
      readonly backlog: SocketBacklog;
    },
  ) {
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
    this.#onClosed = added("close");
    if (
      deliver === undefined || others.length > 0 || this.#onClosed.length === 0
    ) {
      throw new Error(
        "Cannot pace HTTP/2: this version of Deno uses sockets in another " +
          "way; use the pinned version",
      );
    }
    this.#deliver = deliver;
    socket.on("data", (chunk: Uint8Array) => this.#receive(chunk));
    socket.off("data", deliver);
    for (const listener of this.#onClosed) socket.off("close", listener);
    // `close` follows every `error`, and ends the session as well.
    for (const listener of added("error")) socket.off("error", listener);
    socket.once("close", () => {
      this.stop();
      this.#isGone = true;
      scheduler.enqueue(this);
    });
  }

  /** Whether bytes can be handed on, or streams be ended. */
  get isWaiting(): boolean {
    return this.#isGone || this.#chunks.length > 0 && !this.#isHeld;
  }

  /** Reads nothing more. */
  stop(): void {
    this.#isClosed = true;
    this.#chunks = [];
    this.#scheduler.remove(this);
  }

  /** Hands on frames that cost at most `units`, at least one. */
  advance(units: number): number {
    if (this.#isGone) return this.#end(units);
    if (this.#holds()) return 0;
    const used = this.#read(units, true);
    this.#settle();
    return used;
  }

  /** Ends streams of a closed socket, and the session after them. */
  #end(units: number): number {
    const ended = this.#rules.endStreams(units);
    if (ended === units) return ended;
    this.#isGone = false;
    for (const listener of this.#onClosed) listener.call(this.#socket, false);
    return ended;
  }

  #receive(chunk: Uint8Array): void {
    if (this.#isClosed) return;
    const waited = this.#chunks.length > 0;
    this.#chunks.push(chunk);
    if (!waited && !this.#holds()) {
      this.#scheduler.use(this.#read(this.#scheduler.available, false));
    }
    if (this.isWaiting) this.#scheduler.enqueue(this);
    this.#settle();
  }

  /** Holds bytes while the client does not read what it is sent. */
  #holds(): boolean {
    if (this.#isHeld || !this.#backlog.isOverfull) return this.#isHeld;
    this.#isHeld = true;
    this.#backlog.wait(() => {
      this.#isHeld = false;
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

  /** Hands on frames while their cost allows; returns the cost. */
  #read(units: number, force: boolean): number {
    let used = 0;
    let chunk: Uint8Array | undefined;
    while ((chunk = this.#chunks[0]) !== undefined) {
      // Bytes from `from` to `at` are read and not handed on yet.
      let from = this.#at;
      let at = from;
      if (this.#held !== undefined) at = this.#heldTo;
      for (;;) {
        let frame = this.#held;
        if (frame === undefined) {
          at = this.#frames.skipPayload(chunk, at);
          const read = this.#frames.readHeader(chunk, at);
          // A header that goes on in the next chunk is handed on with it.
          if (read === undefined) break;
          frame = read.frame;
          at = read.at;
        }
        // Negative where the header began in the chunk before.
        const start = at - frame.bytes.length;
        const cost = this.#rules.costOf(frame);
        if (used + cost > units && !(force && used === 0)) {
          this.#hand(chunk, from, start);
          this.#at = Math.max(from, start);
          this.#held = frame;
          this.#heldTo = at;
          return used;
        }
        this.#held = undefined;
        used += cost;
        const action = this.#rules.begin(
          frame,
          chunk.subarray(at, at + frame.length),
        );
        if (this.#isClosed) return used;
        const isBatched = action === true && this.#block === undefined;
        if (start >= from && isBatched) continue;
        this.#hand(chunk, from, start);
        from = at;
        if (action instanceof HeaderBlock) this.#block = action;
        else if (action !== false) {
          if (action !== true) this.#hand(action, 0, action.length);
          this.#hand(frame.bytes, 0, frame.bytes.length);
        }
      }
      this.#hand(chunk, from, at);
      if (this.#isClosed) return used;
      this.#chunks.shift();
      this.#at = 0;
    }
    return used;
  }

  #hand(chunk: Uint8Array, from: number, to: number): void {
    if (to <= from || this.#isClosed) return;
    const bytes = chunk.subarray(from, to);
    const block = this.#block;
    if (block === undefined) return this.#deliver(bytes);
    block.add(bytes);
    if (!block.isComplete) return;
    this.#block = undefined;
    this.#deliver(block.join());
  }
}
