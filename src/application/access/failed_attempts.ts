/**
 * Counts failed attempts to authenticate, by address.
 *
 * Each address has a number of failures, which is refilled over time. The table is bounded: entries
 * expire when they are full again, and at the limit the one that failed longest ago is removed.
 *
 * @module
 */
import { addressBlock } from "../../domain/limits/address_block.ts";
import type { Clock } from "../ports/clock.ts";

/** Failures that an address may have at one time. */
const BURST = 20;
/** Time in which one of them is refilled, in ms. */
const REFILL_MS = 3_000;
/** Addresses of which failures are remembered. */
const MAX_ADDRESSES = 10_000;

/** The failures of one address. */
interface Attempts {
  /** Failures that are left at `at`. */
  readonly left: number;
  /** Monotonic ms. */
  readonly at: number;
}

/** Limits the failures of addresses; an IPv6 network counts as one. */
export class FailedAttempts {
  readonly #clock: Pick<Clock, "monotonic">;
  /** By address, the oldest failure first. */
  readonly #addresses = new Map<string, Attempts>();

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  /** Addresses in the table. */
  get size(): number {
    return this.#addresses.size;
  }

  /** Time in ms until an address may fail again; 0 when it may now. */
  blockedMs(address: string): number {
    const attempts = this.#addresses.get(addressBlock(address));
    if (attempts === undefined) return 0;
    return Math.max(0, Math.ceil((1 - this.#left(attempts)) * REFILL_MS));
  }

  /** Counts a failure. */
  add(address: string): void {
    const group = addressBlock(address);
    const attempts = this.#addresses.get(group);
    const left = attempts === undefined ? BURST : this.#left(attempts);
    this.#addresses.delete(group);
    this.#addresses.set(group, { left: Math.max(0, left - 1), at: this.#clock.monotonic() });
    this.#removeOld();
  }

  #left({ left, at }: Attempts): number {
    return Math.min(BURST, left + (this.#clock.monotonic() - at) / REFILL_MS);
  }

  #removeOld(): void {
    for (const [group, attempts] of this.#addresses) {
      const isOld = this.#left(attempts) >= BURST;
      if (!isOld && this.#addresses.size <= MAX_ADDRESSES) return;
      this.#addresses.delete(group);
    }
  }
}
