/**
 * Later turns of the event loop.
 *
 * @module
 */
import { setImmediate } from "node:timers";

/** Longest part of a turn that one scheduler uses, in ms. */
export const TURN_MS = 5;

/** How later turns of the event loop are had. */
export interface Turns {
  /** Runs a function in the next turn. */
  readonly next: (run: () => void) => void;
  /** Runs a function after all sockets were polled; returns what cancels it. */
  readonly polled: (run: () => void) => () => void;
  /** Monotonic ms. */
  readonly now: () => number;
}

/** A timer that is late by less, in ms, was waited for by an idle event loop. */
const PUNCTUAL_MS = 1;
/** Longest wait for an idle event loop, in ms. */
const LONGEST_WAIT_MS = 20;

/**
 * Waits until all sockets were polled.
 *
 * While something is ready to run, the runtime (Deno 2.9.6 on tokio) polls
 * sockets only in every 61st turn. Something is: each write to HTTP/2 leaves
 * work for the next turn, and a timer that becomes due during a long turn runs
 * in the next one. Schedulers that fill turns of 10 ms would keep Alpaca,
 * clients and health checks waiting for 600 ms.
 *
 * So everybody waits for the same timer of a millisecond, and again if it was
 * late: a timer is punctual when the event loop had nothing else to do, and then
 * it has polled. Under a load that never lets it rest, the wait is bounded.
 */
export class PollWait {
  readonly #waiting = new Set<() => void>();
  readonly #now: () => number;
  readonly #later: (run: () => void) => () => void;
  #cancel: (() => void) | undefined;
  /** When the first began to wait, and when the timer was started. */
  #since = 0;
  #armedAt = 0;

  /**
   * @param now monotonic ms
   * @param later runs a function after 1 ms; returns what cancels it
   */
  constructor(
    now: () => number = () => performance.now(),
    later: (run: () => void) => () => void = afterMillisecond,
  ) {
    this.#now = now;
    this.#later = later;
  }

  /** Runs `run` after all sockets were polled; returns what cancels it. */
  readonly wait = (run: () => void): () => void => {
    this.#waiting.add(run);
    if (this.#cancel === undefined) {
      this.#since = this.#now();
      this.#arm();
    }
    return () => {
      this.#waiting.delete(run);
      if (this.#waiting.size > 0) return;
      this.#cancel?.();
      this.#cancel = undefined;
    };
  };

  #arm(): void {
    this.#armedAt = this.#now();
    this.#cancel = this.#later(this.#due);
  }

  readonly #due = (): void => {
    const now = this.#now();
    const late = now - this.#armedAt - 1;
    if (late >= PUNCTUAL_MS && now - this.#since < LONGEST_WAIT_MS) {
      return this.#arm();
    }
    this.#cancel = undefined;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const run of waiting) run();
  };
}

/** Turns of the event loop of this process. */
export const EVENT_LOOP: Turns = {
  next: (run) => void setImmediate(run),
  polled: new PollWait().wait,
  now: () => performance.now(),
};

function afterMillisecond(run: () => void): () => void {
  const timer = setTimeout(run, 1);
  return () => clearTimeout(timer);
}
