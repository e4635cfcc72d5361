/**
 * The lowest and highest strikes of a chain, by which a price is seen to have left them.
 *
 * @module
 */
import type { OptionContract } from "./contract.ts";

/** Lowest and highest strike of the calls or the puts of one series, USD. */
interface StrikeRange {
  /** One of its contracts. */
  readonly one: OptionContract;
  readonly lowest: number;
  readonly highest: number;
}

/**
 * Ranges of the standard, tradable contracts by expiry, root and right; strikes of adjusted ones
 * fit no price.
 */
export class StrikeRanges {
  readonly #ranges = new Map<string, StrikeRange>();

  constructor(contracts: readonly OptionContract[]) {
    for (const one of contracts) {
      if (one.isAdjusted || one.isTradable === false) continue;
      const { expiryDay, root, right, strike } = one;
      const key = `${expiryDay} ${root} ${right}`;
      const range = this.#ranges.get(key);
      if (range && range.lowest <= strike && strike <= range.highest) continue;
      const { lowest = strike, highest = strike } = range ?? {};
      this.#ranges.set(key, {
        one,
        lowest: Math.min(lowest, strike),
        highest: Math.max(highest, strike),
      });
    }
  }

  /** Whether calls, or puts, of a series that trades are all above a price or all below it. */
  isOutside(price: number, isTrading: (contract: OptionContract) => boolean): boolean {
    return this.#ranges.values().some(({ one, lowest, highest }) =>
      (price < lowest || price > highest) && isTrading(one)
    );
  }
}
