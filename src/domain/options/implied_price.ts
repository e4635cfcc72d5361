/**
 * Derives an underlying's price from its option chain.
 *
 * An index (SPX, VIX) has no last trade, but its options imply a price: by
 * put-call parity a call less a put of the same strike and expiry is worth the
 * underlying's forward price less the strike. At the strike where both cost
 * nearly the same, rates and dividends hardly matter, and for an expiry days away
 * the forward is the price within about 0.1 percent: exact enough to centre a
 * window of strikes.
 *
 * Where nothing is quoted, the median of the open interest is a rough guess:
 * positions are held around past prices.
 *
 * @module
 */
import { isAdjustedRoot, type OptionContract } from "./contract.ts";

/** Strikes nearest to the money, whose median is the price. */
const STRIKES_USED = 5;

/**
 * The underlying's price by put-call parity, USD; `undefined` when no strike
 * has both a call and a put with a price.
 *
 * @param contracts of one underlying and one expiry; adjusted ones are ignored
 * @param mids middle between bid and ask by contract symbol, USD
 */
export function parityPrice(
  contracts: readonly OptionContract[],
  mids: ReadonlyMap<string, number>,
): number | undefined {
  const pairs = new Map<string, { call?: number; put?: number }>();
  const estimates: { readonly gap: number; readonly price: number }[] = [];
  for (const { root, strike, right, symbol } of contracts) {
    const mid = mids.get(symbol);
    if (mid === undefined || isAdjustedRoot(root)) continue;
    // SPX and SPXW may share a day and a strike but not a settlement.
    const key = `${root} ${strike}`;
    const pair = pairs.get(key) ?? {};
    pair[right] = mid;
    pairs.set(key, pair);
    if (pair.call === undefined || pair.put === undefined) continue;
    const gap = pair.call - pair.put;
    estimates.push({ gap: Math.abs(gap), price: strike + gap });
  }
  const nearest = estimates.sort((a, b) => a.gap - b.gap).slice(0, STRIKES_USED)
    .map(({ price }) => price).sort((a, b) => a - b);
  return nearest[nearest.length >> 1];
}

/**
 * The strike that half of the open interest lies below. Every contract counts
 * one more, so that a chain without open interest has its middle strike.
 * `undefined` without contracts.
 */
export function medianByOpenInterest(contracts: readonly OptionContract[]): number | undefined {
  const usual = contracts.filter(({ root }) => !isAdjustedRoot(root));
  const sorted = (usual.length > 0 ? usual : [...contracts])
    .sort((a, b) => a.strike - b.strike);
  const weightOf = (contract: OptionContract) => 1 + contract.openInterest;
  const total = sorted.reduce((sum, item) => sum + weightOf(item), 0);
  let below = 0;
  for (const contract of sorted) {
    below += weightOf(contract);
    if (below * 2 >= total) return contract.strike;
  }
  return undefined;
}
