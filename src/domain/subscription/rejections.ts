/**
 * The pairs that a session has set aside, why, and when each is retested.
 *
 * No rejection is permanent: each has a timer whose interval grows. A rejection
 * that contradicts an explicit setting, or what upstream acknowledged recently, is
 * retested after seconds.
 *
 * @module
 */
import type { Pair, UpstreamError } from "./pairs.ts";

/** Intervals of a retest: the first, then doubling up to the longest. */
interface RetestPace {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** Rejections that contradict a setting or what was acknowledged recently. */
export const CONTRADICTED: RetestPace = { firstMs: 5_000, longestMs: 60_000 };
/** A symbol limit learned from upstream's rejections. */
export const LEARNED_LIMIT: RetestPace = { firstMs: 60_000, longestMs: 600_000 };
/** A symbol, or `*` on a channel, that upstream rejects. */
export const REJECTED: RetestPace = { firstMs: 600_000, longestMs: 3_600_000 };
/** Retry interval of pairs given up without an error, in ms; constant. */
export const RETRY_MS = 60_000;

/** How long a pair counts as recently acknowledged, in ms. */
export const RECENT_MS = 600_000;

/** When a rejection is retested. */
export interface RetestTimer {
  readonly pace: RetestPace;
  /** Monotonic ms at which the retest is due. */
  at: number;
  /** The interval that ends then, in ms. */
  intervalMs: number;
}

/**
 * Returns the timer of a rejection.
 *
 * @param now monotonic ms of the rejection
 * @param before the timer of the same rejection, which continues unless the pace changes
 */
export function startTimer(pace: RetestPace, now: number, before?: RetestTimer): RetestTimer {
  if (before?.pace === pace) return before;
  return { pace, at: now + pace.firstMs, intervalMs: pace.firstMs };
}

/** Schedules the next retest after twice the interval; a retest is made now. */
export function advanceTimer(timer: RetestTimer, now: number): void {
  timer.intervalMs = Math.min(2 * timer.intervalMs, timer.pace.longestMs);
  timer.at = now + timer.intervalMs;
}

/** A requested pair that is excluded from requests, and why. */
export interface Rejection extends Pair {
  readonly error: UpstreamError;
  /**
   * True where the error contradicts what was acknowledged recently, or reports
   * the symbol limit: the pair is expected to succeed later and keeps its slot in
   * the count of requested pairs.
   */
  readonly isTransient?: true;
}

/** A rejection, and what decides when its pair is requested again. */
export interface RejectedPair {
  readonly rejection: Rejection;
  /** Absent where another rule decides. */
  readonly timer?: RetestTimer;
  /** Slots in use when upstream had none for the pair; absent otherwise. */
  readonly usedSlots?: number;
}
