/**
 * Ends the calls of identities that have expired.
 *
 * @module
 */
import { Unauthenticated } from "../../application/access/access.ts";
import { IDENTITY_EXPIRED } from "../../application/access/expiry.ts";
import type { Clock } from "../../application/ports/clock.ts";
import { refusalOf } from "./call_error.ts";
import { RepeatedCheck } from "./limits/repeated_check.ts";

/** How often calls are checked, in ms. */
const CHECK_EVERY_MS = 500;

/** The part of a call that is needed to end it. */
type ExpiringCall = Pick<AbortController, "abort" | "signal">;

/** Aborts calls at a time of the wall clock, which may be set meanwhile. */
export class Expirations {
  readonly #clock: Pick<Clock, "now">;
  /** Epoch ms at which each call ends. */
  readonly #calls = new Map<ExpiringCall, number>();
  readonly #checks: RepeatedCheck;

  constructor(clock: Pick<Clock, "now" | "sleep">) {
    this.#clock = clock;
    this.#checks = new RepeatedCheck(clock, CHECK_EVERY_MS, () => this.#endExpired());
  }

  /** Calls that will be ended. */
  get size(): number {
    return this.#calls.size;
  }

  /** Aborts a call with UNAUTHENTICATED within a second after `expiresAt`, unless it has ended. */
  add(call: ExpiringCall, expiresAt: number): void {
    this.#calls.set(call, expiresAt);
    call.signal.addEventListener("abort", () => {
      this.#calls.delete(call);
      if (this.#calls.size === 0) this.#checks.stop();
    }, { once: true });
    this.#checks.start();
  }

  #endExpired(): void {
    const now = this.#clock.now();
    for (const [call, expiresAt] of this.#calls) {
      if (expiresAt > now) continue;
      call.abort(refusalOf(new Unauthenticated("expired", IDENTITY_EXPIRED)));
    }
  }
}
