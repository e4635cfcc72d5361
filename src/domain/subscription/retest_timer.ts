/**
 * When a refusal of upstream is retested.
 *
 * No refusal is permanent: each has a timer whose interval grows. A refusal
 * that contradicts an explicit setting, or what upstream carried recently, is
 * retested after seconds.
 *
 * @module
 */

/** Intervals of a retest: the first, then doubling up to the longest. */
export interface RetestPace {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** Refusals that contradict a setting or what was carried recently. */
export const CONTRADICTED: RetestPace = { firstMs: 5_000, longestMs: 60_000 };
/** A symbol limit learned from upstream's refusals. */
export const LEARNED_LIMIT: RetestPace = {
  firstMs: 60_000,
  longestMs: 600_000,
};
/** A symbol, or `*` on a channel, that upstream rejects. */
export const REJECTED: RetestPace = {
  firstMs: 600_000,
  longestMs: 3_600_000,
};
/** Retry interval of pairs given up without an error, in ms; constant. */
export const RETRY_MS = 60_000;

/** How long a pair that was carried counts as recently carried, in ms. */
export const RECENT_MS = 600_000;

/** Schedules the retests of one refusal. */
export class RetestTimer {
  readonly pace: RetestPace;
  #at: number;
  #intervalMs: number;

  /** @param now monotonic ms of the refusal */
  constructor(pace: RetestPace, now: number) {
    this.pace = pace;
    this.#intervalMs = pace.firstMs;
    this.#at = now + pace.firstMs;
  }

  /** Monotonic ms at which the retest is due. */
  get at(): number {
    return this.#at;
  }

  /**
   * Restarts the intervals when a session begins. An earlier due time is kept,
   * so that frequent reconnects do not postpone the retest.
   */
  restart(now: number): void {
    this.#intervalMs = this.pace.firstMs;
    this.#at = Math.min(this.#at, now + this.pace.firstMs);
  }

  /** Schedules the next retest after twice the interval; a retest is made now. */
  advance(now: number): void {
    this.#intervalMs = Math.min(2 * this.#intervalMs, this.pace.longestMs);
    this.#at = now + this.#intervalMs;
  }
}
