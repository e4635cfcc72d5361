/**
 * The pairs that upstream rejects, why, and when each is retested.
 *
 * No rejection is permanent: each has a timer whose interval grows. A rejection
 * that contradicts an explicit setting, or what upstream acknowledged recently, is
 * retested after seconds.
 *
 * @module
 */
import { isRejection, type Pair, pairKey, type UpstreamError, WILDCARD } from "./pairs.ts";

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

/** A requested pair that upstream does not carry, and why. */
export interface Rejection extends Pair {
  readonly error: UpstreamError;
  /**
   * True where the error contradicts what was carried recently, or reports the
   * symbol limit: the pair is expected to succeed later and keeps its slot in
   * the count of requested pairs.
   */
  readonly isTransient?: true;
}

interface Entry {
  readonly rejection: Rejection;
  /** Absent where another rule decides when the pair is requested again. */
  readonly timer?: RetestTimer;
  /** Slots in use when upstream had none for the pair; absent otherwise. */
  readonly usedSlots?: number;
}

/** Rejections by pair. */
export class RejectedSymbols {
  /** Oldest first. */
  readonly #entries = new Map<string, Entry>();

  /** Every rejection, oldest first. */
  get all(): readonly Rejection[] {
    return Array.from(this.#entries.values(), ({ rejection }) => rejection);
  }

  /** Whether a pair is set aside. */
  has(pair: Pair): boolean {
    return this.#entries.size > 0 && this.#entries.has(pairKey(pair));
  }

  /**
   * Sets aside a pair that upstream rejects. A repeated rejection keeps the
   * timer unless the pace changes.
   *
   * @param options.isRecent whether upstream carried the pair recently
   */
  reject(
    pair: Pair,
    error: UpstreamError,
    options: { readonly now: number; readonly isRecent: boolean },
  ): Rejection {
    const { now, isRecent } = options;
    const rejection = isRecent
      ? { ...pair, error, isTransient: true as const }
      : { ...pair, error };
    // The quota, which outlives the session, has the timer of a refused `*`.
    if (pair.symbol === WILDCARD) return this.#set({ rejection });
    const pace = isRecent ? CONTRADICTED : REJECTED;
    const before = this.#entries.get(pairKey(pair))?.timer;
    const timer = before?.pace === pace ? before : new RetestTimer(pace, now);
    return this.#set({ rejection, timer });
  }

  /** Sets aside a pair that was requested often enough without effect. */
  giveUp(pair: Pair, error: UpstreamError): Rejection {
    return this.#set({ rejection: { ...pair, error } });
  }

  /** Sets aside a pair that upstream had no slot for with `usedSlots` in use. */
  addOverLimit(pair: Pair, error: UpstreamError, usedSlots: number): Rejection {
    const rejection = { ...pair, error, isTransient: true as const };
    return this.#set({ rejection, usedSlots });
  }

  /** Removes a pair. */
  delete(pair: Pair): void {
    this.#entries.delete(pairKey(pair));
  }

  /**
   * Removes and returns the pairs that may have a slot by now.
   *
   * @param countUsed counts the slots in use; called only if the count matters
   */
  takeRetryable(countUsed: () => number): readonly Pair[] {
    let used: number | undefined;
    return this.#take(({ usedSlots }) =>
      usedSlots !== undefined && usedSlots > (used ??= countUsed())
    );
  }

  /** The first pair that upstream had no slot for. */
  get firstOverLimit(): Pair | undefined {
    for (const { rejection, usedSlots } of this.#entries.values()) {
      if (usedSlots !== undefined) return rejection;
    }
    return undefined;
  }

  /** The rejected pair whose retest is due first. */
  get nextRetest():
    | { readonly pair: Pair; readonly timer: RetestTimer }
    | undefined {
    let next: { pair: Pair; timer: RetestTimer } | undefined;
    for (const { rejection, timer } of this.#entries.values()) {
      if (!timer || (next && next.timer.at <= timer.at)) continue;
      const { channel, symbol } = rejection;
      next = { pair: { channel, symbol }, timer };
    }
    return next;
  }

  /** Whether a pair was given up without being rejected. */
  get hasGivenUp(): boolean {
    return this.all.some(({ error }) => !isRejection(error));
  }

  /** Removes the pairs that were given up without being rejected. */
  deleteGivenUp(): void {
    this.#take(({ rejection }) => !isRejection(rejection.error));
  }

  /** Removes the pairs that upstream had no slot for. */
  deleteOverLimit(): void {
    this.#take(({ usedSlots }) => usedSlots !== undefined);
  }

  /** Removes the pairs whose rejection contradicts what was carried recently. */
  deleteContradicted(): void {
    this.#take(({ timer }) => timer?.pace === CONTRADICTED);
  }

  #take(isTaken: (entry: Entry) => boolean): readonly Rejection[] {
    const taken: Rejection[] = [];
    for (const [key, entry] of this.#entries) {
      if (!isTaken(entry)) continue;
      this.#entries.delete(key);
      taken.push(entry.rejection);
    }
    return taken;
  }

  #set(entry: Entry): Rejection {
    this.#entries.set(pairKey(entry.rejection), entry);
    return entry.rejection;
  }
}
