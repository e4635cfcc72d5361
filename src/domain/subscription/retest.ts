/**
 * When something that upstream refused is requested again.
 *
 * A refusal is a fact of a moment. Each one has a timer with a growing
 * interval; a refusal that contradicts an explicit setting, or what upstream
 * carried a moment ago, is doubted and retested soon.
 *
 * @module
 */

/** Intervals of a retest: the first, then doubling up to the longest. */
export interface RetestPace {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** Refusals that contradict a setting or what was carried a moment ago. */
export const DOUBTED: RetestPace = { firstMs: 5_000, longestMs: 60_000 };
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
/** What was given up without an error of upstream, in ms; it does not grow. */
export const RETRY_MS = 60_000;

/** How long what was carried counts as "a moment ago", in ms. */
export const RECENT_MS = 600_000;

/** The next retest of one refusal. */
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
   * A connection begins: intervals grow from the first one again. What is due
   * before is not put off, so that a connection which often ends puts off none.
   */
  restart(now: number): void {
    this.#intervalMs = this.pace.firstMs;
    this.#at = Math.min(this.#at, now + this.pace.firstMs);
  }

  /** A retest is made now; the next one is due after twice the interval. */
  advance(now: number): void {
    this.#intervalMs = Math.min(2 * this.#intervalMs, this.pace.longestMs);
    this.#at = now + this.#intervalMs;
  }
}
