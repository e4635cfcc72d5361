/**
 * The machine's own clock.
 *
 * A sleep holds one timer and at most one listener, and both are gone when it
 * resolves, whichever came first: a loop may sleep for ever on one long-lived
 * signal without growing.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";

/** What `setTimeout` can hold; it fires at once when asked for more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Time as the operating system tells it. */
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
    const delay = Math.max(0, Math.min(ms, LONGEST_TIMER_MS));
    const timer = setTimeout(wake, delay);
    signal?.addEventListener("abort", wake);
    return promise;
  },
};
