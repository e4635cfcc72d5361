/**
 * The port to a lease, which at most one process holds at a time.
 *
 * @module
 */

/** A lease that this process has taken. */
export interface HeldLease {
  /** Higher than that of every earlier holder. */
  readonly term: bigint;
  /** Time after which it expires without a renewal, in ms. */
  readonly ttlMs: number;
  /**
   * Begins its time again.
   *
   * @returns false when it has expired, or another process holds it
   * @throws when it is not known whether it was renewed
   */
  renew(): Promise<boolean>;
  /** Gives it up, so that another process can take it immediately; never rejects. */
  release(): Promise<void>;
}

/** What happened to a lease that another process holds. */
export type LeaseChange = "renewed" | "released";

/** A lease that several processes compete for. */
export interface Lease {
  /** Time after which the lease of another process expires, in ms. */
  readonly ttlMs: number;
  /**
   * Takes the lease unless another process holds it. What an earlier attempt of this process has
   * taken without an answer is taken again, with a new term.
   *
   * @throws when its store cannot be reached, or `signal` fires
   */
  acquire(signal: AbortSignal): Promise<HeldLease | undefined>;
  /** Sets what is called when a process has taken, renewed or released the lease. */
  onChange(listener: (change: LeaseChange) => void): void;
}
