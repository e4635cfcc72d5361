/**
 * Runs functions in later turns of the event loop.
 *
 * @module
 */
import { setImmediate } from "node:timers";

/** How functions are run in later turns of the event loop. */
export interface EventLoop {
  /** Runs a function in the next turn. */
  readonly next: (run: () => void) => void;
  /** Runs a function after all sockets were polled; returns what cancels it. */
  readonly polled: (run: () => void) => () => void;
  /** Monotonic ms. */
  readonly now: () => number;
}

/** A timer that is late by less, in ms, ran on an idle event loop. */
const PUNCTUAL_MS = 1;
/** Longest wait for an idle event loop, in ms. */
const LONGEST_WAIT_MS = 20;

/**
 * Waits until all sockets were polled.
 *
 * While something is ready to run, the runtime (Deno 2.9.6 on tokio, whose `event_interval` is 61)
 * polls sockets only in every 61st turn. Something usually is: each write to HTTP/2 leaves work for
 * the next turn, and a timer that becomes due during a long turn runs in the next one. Schedulers
 * that fill turns of 10 ms would keep Alpaca, clients and health checks waiting for 600 ms.
 *
 * So all schedulers wait for one timer of a millisecond, and again if it was late: a timer is
 * punctual when the event loop had nothing else to do, and then it has polled. The wait is bounded
 * for an event loop that is never idle.
 */
export class PollWait {
  readonly #waiting = new Set<() => void>();
  readonly #now: () => number;
  readonly #later: (run: () => void) => () => void;
  #cancel: (() => void) | undefined;
  /** When the first function began to wait, and when the timer was started. */
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

function afterMillisecond(run: () => void): () => void {
  const timer = setTimeout(run, 1);
  return () => clearTimeout(timer);
}

/** The event loop of this process. */
export const EVENT_LOOP: EventLoop = {
  next: (run) => void setImmediate(run),
  polled: new PollWait().wait,
  now: () => performance.now(),
};
