/**
 * Limits how often a connection sends PINGs that nothing gives it a reason to send.
 *
 * Client libraries send them for keepalive, every 10 s at most, and to measure bandwidth, once for
 * each burst of data that they receive.
 *
 * @module
 */
import type { Clock } from "../../../application/ports/clock.ts";

/** PINGs that a connection may send beyond the rate. */
const PING_BURST = 2_000;
/** PINGs that a connection may send per ms, on average. */
const PINGS_PER_MS = 1 / 1_000;
/**
 * PINGs that follow a counted one within these ms are not counted: a burst is one attempt. Floods
 * have the limit of control frames.
 */
const BURST_MS = 50;

/** The PINGs of one connection. */
export class PingBudget {
  readonly #clock: Pick<Clock, "monotonic">;
  #left = PING_BURST;
  #countedAt: number;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
    this.#countedAt = clock.monotonic();
  }

  /** Counts a PING; returns whether the connection has sent too many. */
  isExceeded(): boolean {
    const now = this.#clock.monotonic();
    const passed = now - this.#countedAt;
    if (passed < BURST_MS) return this.#left < 0;
    this.#countedAt = now;
    this.#left = Math.min(PING_BURST, this.#left + passed * PINGS_PER_MS) - 1;
    return this.#left < 0;
  }
}
