/**
 * The pairs that a session has set aside, why, and when each is retested.
 *
 * No rejection is permanent: each has a timer whose interval grows. A rejection
 * that contradicts an explicit setting, or what upstream acknowledged recently, is
 * retested after seconds.
 *
 * @module
 */
import { type Pair, pairKey, type UpstreamError } from "./pairs.ts";

/** Intervals of a retest: the first, then doubling up to the longest. */
export interface RetestPace {
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

/** Schedules the retests of one rejection. */
export class RetestTimer {
  readonly pace: RetestPace;
  #at: number;
  #intervalMs: number;

  /** @param now monotonic ms of the rejection */
  constructor(pace: RetestPace, now: number) {
    this.pace = pace;
    this.#intervalMs = pace.firstMs;
    this.#at = now + pace.firstMs;
  }

  /** Returns the timer of a repeated rejection: `before` unless the pace changes. */
  static of(pace: RetestPace, before: RetestTimer | undefined, now: number): RetestTimer {
    return before?.pace === pace ? before : new RetestTimer(pace, now);
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

/** Rejected pairs, oldest first. */
export class RejectedPairs {
  readonly #pairs = new Map<string, RejectedPair>();

  /** Iterates over the pairs. */
  values(): IteratorObject<RejectedPair> {
    return this.#pairs.values();
  }

  /** Number of pairs. */
  get size(): number {
    return this.#pairs.size;
  }

  /** Returns a pair that is set aside. */
  get(pair: Pair): RejectedPair | undefined {
    return this.#pairs.size > 0 ? this.#pairs.get(pairKey(pair)) : undefined;
  }

  /** Sets aside a pair. */
  add(rejected: RejectedPair): Rejection {
    this.#pairs.set(pairKey(rejected.rejection), rejected);
    return rejected.rejection;
  }

  /** Removes one pair. */
  delete(pair: Pair): void {
    this.#pairs.delete(pairKey(pair));
  }

  /** Removes and returns the pairs for which `isTaken` holds. */
  take(isTaken: (rejected: RejectedPair) => boolean): readonly Rejection[] {
    const taken = [...this.values().filter(isTaken)];
    for (const { rejection } of taken) this.delete(rejection);
    return taken.map(({ rejection }) => rejection);
  }
}
