/**
 * Reads what upstream sends in slices, so that a flood of it does not keep
 * everybody else waiting.
 *
 * The law: after a slice of frames in a row, reading rests for the shortest
 * timer there is, in which the sockets of clients get their turn. It waits for
 * nothing else (not for a client, a log or a disk); what upstream sends
 * meanwhile lies in the kernel's buffer. A frame that comes alone is handled at
 * once and never delayed.
 *
 * Without it, a flood is read and decoded for as long as the kernel has bytes,
 * and no client is written to for tens to hundreds of milliseconds: its queue
 * overflows although it reads. A timer, because the next turn of the event loop
 * (`setImmediate`) is not enough: as long as there is something to run, the
 * runtime asks the kernel about other sockets in every 61st turn only, so what
 * clients say (their HTTP/2 windows) would go unheard just the same.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";

/** Longest handling of frames in a row, in ms. */
const SLICE_MS = 1;
/** A pause between two frames in which the loop has seen to others, in ms. */
const QUIET_MS = 0.2;

/** A socket whose reading can rest. */
export interface PausableSocket {
  pause(): void;
  resume(): void;
}

/** Gives the event loop its turn between slices of frames. */
export class FairReading {
  readonly #socket: PausableSocket;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #later: (run: () => void) => void;
  #sliceStart = -Infinity;
  #lastEnd = -Infinity;
  #resting = false;

  /** @param options.later runs a function after the shortest time */
  constructor(
    socket: PausableSocket,
    options: {
      readonly clock: Pick<Clock, "monotonic">;
      readonly later?: (run: () => void) => void;
    },
  ) {
    this.#socket = socket;
    this.#clock = options.clock;
    this.#later = options.later ?? ((run) => void setTimeout(run, 0));
  }

  /** Handles one frame, and rests if the slice is used up. */
  handle(run: () => void): void {
    const start = this.#clock.monotonic();
    if (start - this.#lastEnd > QUIET_MS) this.#sliceStart = start;
    run();
    this.#lastEnd = this.#clock.monotonic();
    // What the socket had already read when it was paused still comes.
    if (this.#resting || this.#lastEnd - this.#sliceStart < SLICE_MS) return;
    this.#resting = true;
    this.#socket.pause();
    this.#later(() => {
      this.#resting = false;
      this.#sliceStart = this.#clock.monotonic();
      this.#socket.resume();
    });
  }
}
