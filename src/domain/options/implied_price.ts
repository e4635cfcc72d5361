/**
 * What an option chain says of its underlying's price.
 *
 * An index (SPX, VIX) is no stock and has no last trade to ask for, but its
 * options know where it stands: by put-call parity a call less a put of the
 * same strike and expiry is worth the underlying's forward price less the
 * strike. At the strike where both cost nearly the same, rates and dividends
 * hardly matter, and for an expiry days away the forward is the price within
 * about a tenth of a percent: exact enough to centre a window of strikes.
 *
 * Where nothing is quoted, the middle of the open interest is a rough guess:
 * positions are held around where the price has been.
 *
 * @module
 */
import { isAdjustedRoot, type OptionContract } from "./contract.ts";

/** Strikes around the money that have a say; the median of them counts. */
const STRIKES_ASKED = 5;

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
  const said: { readonly gap: number; readonly price: number }[] = [];
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
    said.push({ gap: Math.abs(gap), price: strike + gap });
  }
  const nearest = said.sort((a, b) => a.gap - b.gap).slice(0, STRIKES_ASKED)
    .map(({ price }) => price).sort((a, b) => a - b);
  return nearest[nearest.length >> 1];
}

/**
 * The strike that half of the open interest lies below; every contract counts
 * once more, so that a chain without any has its middle strike. `undefined`
 * for no contracts at all.
 */
export function middleOfInterest(
  contracts: readonly OptionContract[],
): number | undefined {
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
