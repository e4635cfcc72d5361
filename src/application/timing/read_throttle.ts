/**
 * Limits how much of the event loop reading takes.
 *
 * Under load, reading pauses after 1 ms of handling frames, 5,000 deliveries or 5 ms, for the
 * shortest timer there is, or for 1 ms per 5,000 deliveries beyond the first. The length of a pause
 * depends only on what was published, never on a client, a log or a disk. Meanwhile the kernel
 * buffers what Alpaca sends. A frame that arrives alone is handled immediately and never delayed.
 *
 * Without this, a flood is read and decoded as long as the kernel has bytes, and no client is
 * written to for tens to hundreds of milliseconds: its queue overflows although it reads.
 * Deliveries count because reading is by far the cheaper part: what is read in 1 ms can take 10 ms
 * to write to ten clients. A timer is used because `setImmediate` is not enough: as long as there
 * is something to run, Deno 2.9.6 polls other sockets in every 61st turn of the event loop only, so
 * HTTP/2 windows of clients would not be read either.
 *
 * @module
 */
import type { Clock } from "../ports/clock.ts";

/** Longest handling of frames without a pause, in ms. */
const SLICE_MS = 1;
/** Longest time without a pause in which frames follow each other closely, in ms. */
const LONGEST_SLICE_MS = 5;
/** Deliveries that end a slice, and that take 1 ms of pause. */
const DELIVERIES_PER_MS = 5_000;
/** Longest pause, in ms. */
const MAX_PAUSE_MS = 20;
/** A gap between two frames in which the event loop served others, in ms. */
const IDLE_MS = 0.2;

/** A socket, or another source of frames, that can stop reading. */
interface PausableSocket {
  pause(): void;
  resume(): void;
}

/** Dependencies of a throttle. */
interface ReadThrottleOptions {
  readonly clock: Pick<Clock, "monotonic">;
  /** Deliveries since the process started. @default none */
  readonly deliveries?: (() => number) | undefined;
  /** Runs a function after `ms`, or the shortest time that is more: a timer of the runtime. */
  readonly later: (run: () => void, ms: number) => void;
}

/** Pauses a socket between slices of frames. */
export class ReadThrottle {
  readonly #socket: PausableSocket;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #deliveries: () => number;
  readonly #later: (run: () => void, ms: number) => void;
  #sliceStart = -Infinity;
  #frameStart = 0;
  /** Time in which frames of the slice were handled, in ms. */
  #handledMs = 0;
  #lastEnd = -Infinity;
  #deliveredBefore = 0;
  #isPaused = false;

  constructor(socket: PausableSocket, options: ReadThrottleOptions) {
    this.#socket = socket;
    this.#clock = options.clock;
    this.#deliveries = options.deliveries ?? (() => 0);
    const { later } = options;
    // Timers of the runtime are functions, not methods.
    this.#later = (run, ms) => later(run, ms);
  }

  /** Call before handling a frame; returns the monotonic time in ms. */
  begin(): number {
    const now = this.#clock.monotonic();
    if (now - this.#lastEnd > IDLE_MS) this.#startSlice(now);
    this.#frameStart = now;
    return now;
  }

  /** Call after handling a frame; pauses the socket when the slice is used up. */
  end(): void {
    const now = this.#clock.monotonic();
    this.#lastEnd = now;
    this.#handledMs += now - this.#frameStart;
    // Frames that the socket had read before the pause still arrive.
    if (this.#isPaused) return;
    const delivered = this.#deliveries() - this.#deliveredBefore;
    const isOver = this.#handledMs >= SLICE_MS ||
      now - this.#sliceStart >= LONGEST_SLICE_MS ||
      delivered >= DELIVERIES_PER_MS;
    if (isOver) this.#pause();
  }

  #startSlice(now: number): void {
    this.#sliceStart = now;
    this.#handledMs = 0;
    this.#deliveredBefore = this.#deliveries();
  }

  #pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
    this.#later(() => this.#continue(), 0);
  }

  /** Resumes, or waits for the deliveries beyond those of one slice. */
  #continue(): void {
    const delivered = this.#deliveries() - this.#deliveredBefore;
    const pauseMs = delivered / DELIVERIES_PER_MS - 1;
    const now = this.#clock.monotonic();
    const pausedMs = now - this.#lastEnd;
    if (pauseMs > pausedMs && pausedMs < MAX_PAUSE_MS) {
      const leftMs = Math.min(pauseMs, MAX_PAUSE_MS) - pausedMs;
      return this.#later(() => this.#continue(), leftMs);
    }
    this.#isPaused = false;
    this.#startSlice(now);
    this.#socket.resume();
  }
}
