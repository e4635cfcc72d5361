/**
 * Counts refusals at limits, and logs them at a bounded rate.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import type { RefusalReason } from "../../application/status/counters.ts";

/** Shortest time between two lines about one limit, in ms. */
const LOG_EVERY_MS = 10_000;

/** Where refusals are reported. */
export interface RefusalLogOptions {
  /** Counted by limit. */
  readonly counts: Record<RefusalReason, number>;
  readonly log: Log;
  readonly clock: Pick<Clock, "monotonic">;
}

/** Reports refusals to the operator. */
export class RefusalLog {
  readonly #options: RefusalLogOptions;
  readonly #lines = new Map<RefusalReason, { at: number; counted: number }>();

  constructor(options: RefusalLogOptions) {
    this.#options = options;
  }

  /** Counts one refusal; at most one line per limit and 10 s is logged. */
  report(limit: RefusalReason, peer: string, reason: string): void {
    const { counts, log, clock } = this.#options;
    const count = ++counts[limit];
    const now = clock.monotonic();
    const last = this.#lines.get(limit);
    if (last !== undefined && now - last.at < LOG_EVERY_MS) return;
    this.#lines.set(limit, { at: now, counted: count });
    log.warn("Refused a client at a limit", {
      limit,
      peer,
      reason,
      refusals: count - (last?.counted ?? 0),
    });
  }
}
