/**
 * Pairs that a connection has set aside, why, and when each is retested.
 *
 * @module
 */
import { isObjection, type UpstreamError } from "./request.ts";
import { DOUBTED, REJECTED, RetestTimer } from "./retest.ts";
import { type Pair, pairKey, WILDCARD } from "./symbol_sets.ts";

/** A pair that upstream does not give us, and why. */
export interface Refusal extends Pair {
  readonly error: UpstreamError;
  /**
   * True where the refusal contradicts what was carried a moment ago, or says
   * that there was no place: the pair is expected back and keeps its place in
   * the count of what streams want.
   */
  readonly isPassing?: true;
}

interface Entry {
  readonly refusal: Refusal;
  /** Absent where another rule decides when the pair is requested again. */
  readonly timer?: RetestTimer;
}

/** Refusals by pair. */
export class Refusals {
  readonly #byPair = new Map<string, Entry>();
  /** Places that were taken when there was none for a pair, by pair. */
  readonly #fullAt = new Map<string, number>();

  /** Every refusal, oldest first. */
  get all(): readonly Refusal[] {
    return Array.from(this.#byPair.values(), ({ refusal }) => refusal);
  }

  /** Whether a pair is set aside. */
  has(pair: Pair): boolean {
    return this.#byPair.size > 0 && this.#byPair.has(pairKey(pair));
  }

  /**
   * Sets a pair aside that upstream rejects. One that is rejected again keeps
   * its timer, unless it is no longer doubted.
   *
   * @param options.isRecent whether upstream carried the pair a moment ago
   */
  reject(
    pair: Pair,
    error: UpstreamError,
    options: { readonly now: number; readonly isRecent: boolean },
  ): Refusal {
    const { now, isRecent } = options;
    const key = pairKey(pair);
    this.#fullAt.delete(key);
    const refusal = isRecent
      ? { ...pair, error, isPassing: true as const }
      : { ...pair, error };
    // A refused `*` is retested by the budget, which outlives the connection.
    if (pair.symbol === WILDCARD) return this.#set(key, { refusal });
    const pace = isRecent ? DOUBTED : REJECTED;
    const before = this.#byPair.get(key)?.timer;
    const timer = before?.pace === pace ? before : new RetestTimer(pace, now);
    return this.#set(key, { refusal, timer });
  }

  /** Sets a pair aside that was given up: it was requested often enough. */
  giveUp(pair: Pair, error: UpstreamError): Refusal {
    return this.#set(pairKey(pair), { refusal: { ...pair, error } });
  }

  /** Sets a pair aside that there was no place for while `taken` were taken. */
  addFull(pair: Pair, error: UpstreamError, taken: number): Refusal {
    const key = pairKey(pair);
    this.#fullAt.set(key, taken);
    return this.#set(key, { refusal: { ...pair, error, isPassing: true } });
  }

  /** Takes a pair back. */
  delete(pair: Pair): void {
    const key = pairKey(pair);
    this.#byPair.delete(key);
    this.#fullAt.delete(key);
  }

  /**
   * Takes the pairs back that there may be a place for by now.
   *
   * @param taken places that are taken; asked only if the answer matters
   */
  takeRoomed(taken: () => number): readonly Pair[] {
    if (this.#fullAt.size === 0) return [];
    const now = taken();
    const roomed = this.all.filter((pair) =>
      (this.#fullAt.get(pairKey(pair)) ?? 0) > now
    );
    for (const pair of roomed) this.delete(pair);
    return roomed;
  }

  /** The first pair that there was no place for. */
  get firstFull(): Pair | undefined {
    if (this.#fullAt.size === 0) return undefined;
    return this.all.find((pair) => this.#fullAt.has(pairKey(pair)));
  }

  /** The rejected pair whose retest is due first. */
  get nextRetest():
    | { readonly pair: Pair; readonly timer: RetestTimer }
    | undefined {
    let next: { pair: Pair; timer: RetestTimer } | undefined;
    for (const { refusal, timer } of this.#byPair.values()) {
      if (!timer || (next && next.timer.at <= timer.at)) continue;
      const { channel, symbol } = refusal;
      next = { pair: { channel, symbol }, timer };
    }
    return next;
  }

  /** Whether a pair was given up without an objection of upstream. */
  get hasGivenUp(): boolean {
    return this.all.some(({ error }) => !isObjection(error));
  }

  /** Takes back the pairs that were given up without an objection. */
  forgetGivenUp(): void {
    for (const refusal of this.all) {
      if (!isObjection(refusal.error)) this.delete(refusal);
    }
  }

  /** Takes back the pairs that there was no place for. */
  forgetFull(): void {
    for (const pair of this.all) {
      if (this.#fullAt.has(pairKey(pair))) this.delete(pair);
    }
  }

  /** Takes back the pairs whose rejection is doubted. */
  forgetDoubted(): void {
    for (const { refusal, timer } of [...this.#byPair.values()]) {
      if (timer?.pace === DOUBTED) this.delete(refusal);
    }
  }

  /** Takes everything back. */
  clear(): void {
    this.#byPair.clear();
    this.#fullAt.clear();
  }

  #set(key: string, entry: Entry): Refusal {
    this.#byPair.set(key, entry);
    return entry.refusal;
  }
}
