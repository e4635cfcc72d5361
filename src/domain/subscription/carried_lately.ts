/**
 * Which pairs upstream carried a moment ago, over connections.
 *
 * Time in which nothing is carried does not count: after an outage of hours,
 * or of connections on which everything is refused, what was carried before it
 * still is recent.
 *
 * @module
 */
import { isIn } from "./desired_pairs.ts";
import { RECENT_MS } from "./retest.ts";
import { type Pair, pairKey, pairsOf, type SymbolSets } from "./symbol_sets.ts";

/** Pairs that are carried, or were within {@linkcode RECENT_MS}. */
export class CarriedLately {
  #state: SymbolSets = new Map();
  /** Monotonic ms at which a pair was last carried, by pair, oldest first. */
  readonly #lost = new Map<string, number>();
  /** Monotonic ms since which nothing is carried; absent when something is. */
  #emptySince: number | undefined;

  /**
   * Upstream carries `state` from now on.
   *
   * @param now monotonic ms
   */
  note(state: SymbolSets, now: number): void {
    this.#resume(now);
    for (const pair of pairsOf(this.#state)) {
      if (!isIn(state, pair)) this.#lost.set(pairKey(pair), now);
    }
    const carried = pairsOf(state);
    for (const pair of carried) {
      if (!isIn(this.#state, pair)) this.#lost.delete(pairKey(pair));
    }
    for (const [key, at] of this.#lost) {
      if (now - at <= RECENT_MS) break;
      this.#lost.delete(key);
    }
    this.#state = state;
    if (carried.length === 0) this.#emptySince = now;
  }

  /** Whether a pair is carried or was a moment ago. */
  has(pair: Pair, now: number): boolean {
    if (isIn(this.#state, pair)) return true;
    const at = this.#lost.get(pairKey(pair));
    return at !== undefined && (this.#emptySince ?? now) - at <= RECENT_MS;
  }

  /** Takes the time since which nothing is carried out of the count. */
  #resume(now: number): void {
    const since = this.#emptySince;
    this.#emptySince = undefined;
    if (since === undefined || since === now) return;
    for (const [key, at] of this.#lost) this.#lost.set(key, at + now - since);
  }
}
