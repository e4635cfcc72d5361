/**
 * A clock that runs by itself from a given time of day, faster than the machine's.
 *
 * @module
 */
import type { Clock } from "../../src/application/ports/clock.ts";

/** Seconds of the clock per second of the machine. */
const SCALE = 10;

/** Longest time for `setTimeout`, which fires immediately above it. */
const LONGEST_MS = 2 ** 31 - 1;

/** A running clock. */
export class ScaledClock implements Clock {
  readonly #startedAt = performance.now();
  readonly #epoch: number;

  /** @param start the time to start at, with an offset from UTC */
  constructor(start: string) {
    this.#epoch = Date.parse(start);
  }

  now(): number {
    return this.#epoch + this.monotonic();
  }

  monotonic(): number {
    return (performance.now() - this.#startedAt) * SCALE;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, Math.min(ms / SCALE, LONGEST_MS));
    const wake = () => {
      clearTimeout(timer);
      resolve();
    };
    signal?.addEventListener("abort", wake, { once: true });
    return promise.finally(() => signal?.removeEventListener("abort", wake));
  }
}
