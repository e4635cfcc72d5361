/**
 * A clock that a test advances.
 *
 * Nothing moves until `advance` is called; then every sleeper that is due runs
 * in the order of its wake-up time (and of its call, when two are equal), with
 * the time standing at exactly that moment, and its effects
 * settle before the next one wakes. A sleeper that starts another sleep within
 * the advanced stretch is woken in the same `advance`.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Clock } from "../../src/application/ports/clock.ts";

interface Sleeper {
  readonly wakeAt: number;
  readonly order: number;
  readonly wake: () => void;
}

/** The default start of a manual clock: a Monday, 15:00 UTC. */
export const MANUAL_EPOCH = Date.UTC(2024, 0, 15, 15, 0, 0);

/** A `Clock` for tests: time passes only by `advance`. */
export class ManualClock implements Clock {
  readonly #sleepers = new Set<Sleeper>();
  #epoch: number;
  #elapsed = 0;
  #order = 0;

  constructor(epoch: number = MANUAL_EPOCH) {
    this.#epoch = epoch;
  }

  /** Wall clock ms: the epoch plus everything advanced so far. */
  now(): number {
    return this.#epoch + this.#elapsed;
  }

  /** Sets the wall clock forward by `ms`, or back; no time passes. */
  setWall(ms: number): void {
    this.#epoch += ms;
  }

  /** Everything advanced so far, in ms. */
  monotonic(): number {
    return this.#elapsed;
  }

  /** How many sleeps are pending: 0 proves that none has leaked. */
  get sleepers(): number {
    return this.#sleepers.size;
  }

  /** Ms until the next sleeper is due; undefined when there is none. */
  get nextWakeIn(): number | undefined {
    const next = this.#next();
    return next && next.wakeAt - this.#elapsed;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => {
      this.#sleepers.delete(sleeper);
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    const sleeper: Sleeper = {
      wakeAt: this.#elapsed + Math.max(0, ms),
      order: this.#order++,
      wake,
    };
    this.#sleepers.add(sleeper);
    signal?.addEventListener("abort", wake);
    return promise;
  }

  /** Lets `ms` pass, waking due sleepers in order and settling after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await settle();
    for (
      let next = this.#next();
      next && next.wakeAt <= end;
      next = this.#next()
    ) {
      this.#elapsed = Math.max(this.#elapsed, next.wakeAt);
      next.wake();
      await settle();
    }
    this.#elapsed = end;
    await settle();
  }

  /** Lets `ms` pass in which nothing runs, as while the process is suspended. */
  skip(ms: number): void {
    this.#elapsed += ms;
  }

  #next(): Sleeper | undefined {
    let first: Sleeper | undefined;
    for (const sleeper of this.#sleepers) {
      if (
        first === undefined || sleeper.wakeAt < first.wakeAt ||
        (sleeper.wakeAt === first.wakeAt && sleeper.order < first.order)
      ) first = sleeper;
    }
    return first;
  }
}

/**
 * Resolves when every pending microtask chain has run: a macrotask turn comes
 * after all of them, however deep they are.
 */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => resolve()));
}
