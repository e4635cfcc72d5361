/**
 * Time as the client uses it, replaceable in tests.
 *
 * @module
 */

/** Monotonic time and sleep. */
export interface ClientClock {
  /** Milliseconds; only differences are meaningful. */
  monotonic(): number;
  /** Resolves after `ms`, or as soon as `signal` fires; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The clock of the process. */
export const processClock: ClientClock = {
  monotonic: () => performance.now(),
  sleep(ms, signal) {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      signal?.addEventListener("abort", wake);
    });
  },
};
