/**
 * The difference between what is desired and what upstream carries.
 *
 * @module
 */
import type { SymbolBudget } from "./budget.ts";
import { type DesiredPairs, isIn } from "./desired_pairs.ts";
import { type Pair, type SymbolSets, WILDCARD } from "./symbol_sets.ts";

/** Compares an acknowledged state with the desired pairs of the last refresh. */
export class Difference {
  readonly #desired: DesiredPairs;
  readonly #budget: SymbolBudget;

  constructor(desired: DesiredPairs, budget: SymbolBudget) {
    this.#desired = desired;
    this.#budget = budget;
  }

  /** Carried pairs to unsubscribe. */
  *surplus(acknowledged: SymbolSets): Generator<Pair> {
    for (const [channel, symbols] of acknowledged) {
      for (const symbol of symbols) {
        const pair = { channel, symbol };
        if (this.isSurplus(pair, acknowledged)) yield pair;
      }
    }
  }

  /** Whether some carried pair is to be unsubscribed. */
  hasSurplus(acknowledged: SymbolSets): boolean {
    return this.surplus(acknowledged).next().done !== true;
  }

  /** Whether a pair is carried and to be unsubscribed. */
  isSurplus(pair: Pair, acknowledged: SymbolSets): boolean {
    if (this.#desired.has(pair) || !isIn(acknowledged, pair)) return false;
    return !this.#isStillNeeded(pair, acknowledged);
  }

  /** Whether a pair is desired and not carried. */
  isMissing(pair: Pair, acknowledged: SymbolSets): boolean {
    return this.#desired.has(pair) && !isIn(acknowledged, pair);
  }

  /**
   * Whether a surplus pair stands in for one that is not carried yet. Where
   * places are counted, the pair does not keep its place for that.
   */
  #isStillNeeded(pair: Pair, acknowledged: SymbolSets): boolean {
    const { channel, symbol } = pair;
    if (this.#budget.isScarce(pair)) return false;
    if (symbol !== WILDCARD) {
      return this.isMissing({ channel, symbol: WILDCARD }, acknowledged);
    }
    return this.#desired.missing.some((pair) => pair.channel === channel);
  }
}
