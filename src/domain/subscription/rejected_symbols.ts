/**
 * The pairs that a session has set aside: why, and when each is retested.
 *
 * @module
 */
import { isRejection, type UpstreamError } from "./request.ts";
import { CONTRADICTED, REJECTED, RetestTimer } from "./retest_timer.ts";
import { type Pair, pairKey, WILDCARD } from "./symbol_sets.ts";

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
}

/** Rejections by pair. */
export class RejectedSymbols {
  readonly #byPair = new Map<string, Entry>();
  /** Slots that were in use when there was none for a pair, by pair. */
  readonly #overLimitAt = new Map<string, number>();

  /** Every rejection, oldest first. */
  get all(): readonly Rejection[] {
    return Array.from(this.#byPair.values(), ({ rejection }) => rejection);
  }

  /** Whether a pair is set aside. */
  has(pair: Pair): boolean {
    return this.#byPair.size > 0 && this.#byPair.has(pairKey(pair));
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
    const key = pairKey(pair);
    this.#overLimitAt.delete(key);
    const rejection = isRecent
      ? { ...pair, error, isTransient: true as const }
      : { ...pair, error };
    // The quota, which outlives the session, has the timer of a refused `*`.
    if (pair.symbol === WILDCARD) return this.#set(key, { rejection });
    const pace = isRecent ? CONTRADICTED : REJECTED;
    const before = this.#byPair.get(key)?.timer;
    const timer = before?.pace === pace ? before : new RetestTimer(pace, now);
    return this.#set(key, { rejection, timer });
  }

  /** Sets aside a pair that was requested often enough without effect. */
  giveUp(pair: Pair, error: UpstreamError): Rejection {
    return this.#set(pairKey(pair), { rejection: { ...pair, error } });
  }

  /** Sets aside a pair that upstream had no slot for while `used` were in use. */
  addOverLimit(pair: Pair, error: UpstreamError, used: number): Rejection {
    const key = pairKey(pair);
    this.#overLimitAt.set(key, used);
    const rejection = { ...pair, error, isTransient: true as const };
    return this.#set(key, { rejection });
  }

  /** Removes a pair. */
  delete(pair: Pair): void {
    const key = pairKey(pair);
    this.#byPair.delete(key);
    this.#overLimitAt.delete(key);
  }

  /**
   * Removes and returns the pairs that may have a slot by now.
   *
   * @param countUsed counts the slots in use; called only if the count matters
   */
  takeRetryable(countUsed: () => number): readonly Pair[] {
    if (this.#overLimitAt.size === 0) return [];
    const used = countUsed();
    const retryable = this.all.filter((pair) =>
      (this.#overLimitAt.get(pairKey(pair)) ?? 0) > used
    );
    for (const pair of retryable) this.delete(pair);
    return retryable;
  }

  /** The first pair that upstream had no slot for. */
  get firstOverLimit(): Pair | undefined {
    if (this.#overLimitAt.size === 0) return undefined;
    return this.all.find((pair) => this.#overLimitAt.has(pairKey(pair)));
  }

  /** The rejected pair whose retest is due first. */
  get nextRetest():
    | { readonly pair: Pair; readonly timer: RetestTimer }
    | undefined {
    let next: { pair: Pair; timer: RetestTimer } | undefined;
    for (const { rejection, timer } of this.#byPair.values()) {
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
    for (const rejection of this.all) {
      if (!isRejection(rejection.error)) this.delete(rejection);
    }
  }

  /** Removes the pairs that upstream had no slot for. */
  deleteOverLimit(): void {
    for (const pair of this.all) {
      if (this.#overLimitAt.has(pairKey(pair))) this.delete(pair);
    }
  }

  /** Removes the pairs whose rejection contradicts what was carried recently. */
  deleteContradicted(): void {
    for (const { rejection, timer } of [...this.#byPair.values()]) {
      if (timer?.pace === CONTRADICTED) this.delete(rejection);
    }
  }

  #set(key: string, entry: Entry): Rejection {
    this.#byPair.set(key, entry);
    return entry.rejection;
  }
}
