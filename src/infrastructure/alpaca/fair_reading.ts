/**
 * Reads what upstream sends in slices, so that a flood of it does not keep
 * everybody else waiting.
 *
 * The law: a slice of frames in a row is at most so long, and makes at most so
 * many deliveries; then reading rests, for the shortest timer there is or
 * longer in proportion to the deliveries, and the sockets of clients get their
 * turn. It waits for nothing else (not for a client, a log or a disk): how long
 * it rests depends on what was published, never on who takes it. What upstream
 * sends meanwhile lies in the kernel's buffer. A frame that comes alone is
 * handled at once and never delayed.
 *
 * Without it, a flood is read and decoded for as long as the kernel has bytes,
 * and no client is written to for tens to hundreds of milliseconds: its queue
 * overflows although it reads. Deliveries count because reading is by far the
 * cheaper part: what is read in a millisecond can take ten to write to ten
 * clients. A timer, because the next turn of the event loop (`setImmediate`) is
 * not enough: as long as there is something to run, the runtime asks the kernel
 * about other sockets in every 61st turn only, so what clients say (their
 * HTTP/2 windows) would go unheard just the same.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";

/** Longest handling of frames in a row, in ms. */
const SLICE_MS = 1;
/** Deliveries after which a slice ends, and for each of which reading rests. */
const DELIVERIES_PER_MS = 5_000;
/** Longest rest, in ms. */
const LONGEST_REST_MS = 20;
/** A pause between two frames in which the loop has seen to others, in ms. */
const QUIET_MS = 0.2;

/** A socket whose reading can rest. */
export interface PausableSocket {
  pause(): void;
  resume(): void;
}

/** What the reading goes by. */
export interface FairReadingOptions {
  readonly clock: Pick<Clock, "monotonic">;
  /** Deliveries that were made so far, by whatever is read. @default none */
  readonly deliveries?: (() => number) | undefined;
  /** Runs a function after `ms`, or after the shortest time that is more. */
  readonly later?: (run: () => void, ms: number) => void;
}

/** Gives the event loop its turn between slices of frames. */
export class FairReading {
  readonly #socket: PausableSocket;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #deliveries: () => number;
  readonly #later: (run: () => void, ms: number) => void;
  #sliceStart = -Infinity;
  #lastEnd = -Infinity;
  #deliveredBefore = 0;
  #resting = false;

  constructor(socket: PausableSocket, options: FairReadingOptions) {
    this.#socket = socket;
    this.#clock = options.clock;
    this.#deliveries = options.deliveries ?? (() => 0);
    this.#later = options.later ?? ((run, ms) => void setTimeout(run, ms));
  }

  /** Handles one frame, and rests if the slice is used up. */
  handle(run: () => void): void {
    const start = this.#clock.monotonic();
    if (start - this.#lastEnd > QUIET_MS) this.#startSlice(start);
    run();
    this.#lastEnd = this.#clock.monotonic();
    // What the socket had already read when it was paused still comes.
    if (this.#resting) return;
    const delivered = this.#deliveries() - this.#deliveredBefore;
    const isOver = this.#lastEnd - this.#sliceStart >= SLICE_MS ||
      delivered >= DELIVERIES_PER_MS;
    if (isOver) this.#rest();
  }

  #startSlice(now: number): void {
    this.#sliceStart = now;
    this.#deliveredBefore = this.#deliveries();
  }

  #rest(): void {
    this.#resting = true;
    this.#socket.pause();
    this.#later(() => this.#wake(), 0);
  }

  /** Goes on, or rests for what has been delivered beyond one slice's share. */
  #wake(): void {
    const delivered = this.#deliveries() - this.#deliveredBefore;
    const owed = delivered / DELIVERIES_PER_MS - 1;
    const now = this.#clock.monotonic();
    const rested = now - this.#lastEnd;
    if (owed > rested && rested < LONGEST_REST_MS) {
      return this.#later(
        () => this.#wake(),
        Math.min(owed, LONGEST_REST_MS) - rested,
      );
    }
    this.#resting = false;
    this.#startSlice(now);
    this.#socket.resume();
  }
}
