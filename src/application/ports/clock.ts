/** Time as a port, so that tests need no real time. */
export interface Clock {
  /** Wall clock: milliseconds since the Unix epoch. */
  now(): number;
  /** Monotonic milliseconds with a fraction; only differences are meaningful. */
  monotonic(): number;
  /**
   * Resolves after `ms`, or as soon as `signal` fires. It never rejects, so that
   * a loop only re-checks its signal.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
