/** Time as a port, so that no rule about time needs real time to be tested. */
export interface Clock {
  /** Wall clock: milliseconds since the Unix epoch. */
  now(): number;
  /** Monotonic milliseconds with a fraction; only differences mean anything. */
  monotonic(): number;
  /**
   * Resolves after `ms`, or at once when `signal` fires: it never rejects, so
   * a loop simply re-checks its signal.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
