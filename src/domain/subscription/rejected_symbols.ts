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
