/**
 * Returns whether a listed expiry lacks strikes around a price, which can be a defect of its list.
 *
 * @module
 */
import type { Series, Strike } from "./chain_index.ts";
import type { OptionRight } from "./contract.ts";
import { firstAbove } from "./strike_walk.ts";

/**
 * Where strikes around a price are this many times as far apart as beyond them, some lack. Less is
 * usual: one strike between others can be listed as not tradable.
 */
const GAP = 3;
/** Strikes on each side of a price whose distances are compared with it. */
const GAP_STRIKES = 3;

/** Whether the listed strikes of a right are all below a price or all above it. */
export function isOneSided({ strikes }: Series, right: OptionRight, price: number): boolean {
  const lowest = strikes.find((strike) => hasRight(strike, right));
  const highest = strikes.findLast((strike) => hasRight(strike, right));
  return lowest !== undefined && highest !== undefined &&
    (lowest.price > price || highest.price < price);
}

/** Whether fewer strikes of a right than requested are listed below a price, or above it. */
export function hasFewer(
  { strikes }: Series,
  right: OptionRight,
  { price, strikesEachSide }: { readonly price: number; readonly strikesEachSide: number },
): boolean {
  const above = firstAbove(strikes, price);
  const countFrom = (first: number, step: 1 | -1) => {
    let count = 0;
    for (let at = first; count < strikesEachSide; at += step) {
      const strike = strikes[at];
      if (strike === undefined) break;
      // One at the price counts for neither side.
      if (strike.price !== price && hasRight(strike, right)) count++;
    }
    return count;
  };
  return countFrom(above - 1, -1) < strikesEachSide || countFrom(above, 1) < strikesEachSide;
}

/**
 * Whether the strikes of a right around a price are much farther apart than the next ones on both
 * sides: in complete lists they are nowhere closer together than there.
 */
export function hasGap({ strikes }: Series, right: OptionRight, price: number): boolean {
  const above = firstAbove(strikes, price);
  const pricesFrom = (first: number, step: 1 | -1) => {
    const prices: number[] = [];
    for (let at = first; prices.length < GAP_STRIKES; at += step) {
      const strike = strikes[at];
      if (strike === undefined) break;
      if (hasRight(strike, right)) prices.push(strike.price);
    }
    return prices;
  };
  const [lower, upper] = [pricesFrom(above - 1, -1), pricesFrom(above, 1)];
  const [low, high] = [lower[0], upper[0]];
  if (low === undefined || high === undefined || lower.length < 2 || upper.length < 2) return false;
  const widest = Math.max(
    ...[lower, upper].flatMap((prices) =>
      prices.slice(1).map((each, at) => Math.abs(each - (prices[at] ?? each)))
    ),
  );
  return high - low >= GAP * widest;
}

/** Whether strikes of a range around a price would be selected that are not listed. */
export function reachesBeyond(
  { strikes }: Series,
  { low, high }: { readonly low: number; readonly high: number },
): boolean {
  const [lowest, second] = strikes;
  const [last, highest] = strikes.slice(-2);
  if (!lowest || !second || !last || !highest) return false;
  // A strike is above 0.
  const next = lowest.price - (second.price - lowest.price);
  return (next > 0 && next >= low) ||
    highest.price + (highest.price - last.price) <= high;
}

/** Whether a strike has a contract of a right. */
export function hasRight({ contracts }: Strike, right: OptionRight): boolean {
  return contracts.some((contract) => contract.right === right);
}
