/**
 * The machine's own clock.
 *
 * A sleep holds one timer and at most one listener; both are removed when it
 * resolves, so that a loop may sleep on one long-lived signal without growing.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";

/** The longest delay of `setTimeout`, which fires immediately above it. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The operating system's time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    const delay = Math.max(0, Math.min(ms, MAX_TIMER_MS));
    const timer = setTimeout(wake, delay);
    signal?.addEventListener("abort", wake);
    return promise;
  },
};
