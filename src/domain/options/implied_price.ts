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
 * Bid and ask bound what a call or a put is worth, so a strike implies a range. A
 * wide range says little: it is not used, or counts less than a narrow one. Quotes
 * such as 0.05 x 200 at every strike imply ranges that exclude each other, and so
 * no price.
 *
 * Where nothing is quoted, the median of the open interest is a rough guess:
 * positions are held around past prices.
 *
 * @module
 */
import type { OptionContract } from "./contract.ts";

/** Strikes nearest to the money, whose median is the price. */
const STRIKES_USED = 5;
/** Widest range that a strike may imply, as a fraction of the price. */
const MAX_WIDTH = 0.1;
/** A range wider than this many times the narrowest one is not used. */
const MAX_WIDTH_RATIO = 4;
/** Ranges narrower than this fraction of the price are equally good. */
const GOOD_WIDTH = 0.002;
/** Rates, dividends and early exercise may move a range by this fraction of the price. */
const TOLERANCE = 0.01;

/** A price and when it was made. */
export interface TimedPrice {
  /** USD. */
  readonly price: number;
  /** Ms since the Unix epoch. */
  readonly at: number;
}

/** The best bid and ask of a contract. */
export interface BidAsk {
  /** USD; 0 without a bid. */
  readonly bid: number;
  /** USD. */
  readonly ask: number;
  /** Ms since the Unix epoch. */
  readonly at: number;
}

/** What one strike implies. */
interface Estimate extends TimedPrice {
  /** How much less the call is worth than the put, or more, USD. */
  readonly gap: number;
  /** Width of the implied range as a fraction of the price, not below `GOOD_WIDTH`. */
  readonly width: number;
}

/** Whether a number can be a price in USD: above 0 and finite. */
export function isPrice(value: unknown): value is number {
  return typeof value === "number" && value > 0 && value < Infinity;
}

/** Whether two prices in USD differ by at most a fraction of the lower one. */
export function agree(
  some: { readonly price: number },
  other: { readonly price: number },
  fraction: number,
): boolean {
  const [low, high] = [Math.min(some.price, other.price), Math.max(some.price, other.price)];
  return high <= low * (1 + fraction);
}

/**
 * The underlying's price by put-call parity; `undefined` when no strike has both a
 * call and a put with a usable quote, or most strikes contradict each
 * other. Its time is that of the older quote of the strike that decided.
 *
 * @param contracts of one underlying and one expiry; adjusted ones are ignored
 * @param quotes by contract symbol
 */
export function parityPrice(
  contracts: readonly OptionContract[],
  quotes: ReadonlyMap<string, BidAsk>,
): TimedPrice | undefined {
  const pairs = new Map<string, { call?: BidAsk; put?: BidAsk }>();
  const estimates: Estimate[] = [];
  for (const { root, strike, right, symbol, isAdjusted } of contracts) {
    const quote = quotes.get(symbol);
    if (quote === undefined || !isUsable(quote) || isAdjusted) continue;
    // SPX and SPXW may share a day and a strike but not a settlement.
    const key = `${root} ${strike}`;
    const pair = pairs.get(key) ?? {};
    pair[right] = quote;
    pairs.set(key, pair);
    if (pair.call === undefined || pair.put === undefined) continue;
    const estimate = estimateOf(strike, pair.call, pair.put);
    if (estimate) estimates.push(estimate);
  }
  const narrowest = Math.min(...estimates.map(({ width }) => width));
  const narrow = estimates.filter(({ width }) => width <= narrowest * MAX_WIDTH_RATIO);
  const median = weightedMedian(
    narrow.toSorted((a, b) => a.gap - b.gap).slice(0, STRIKES_USED),
  );
  if (median === undefined) return undefined;
  const { price, at } = median;
  const agreeing = narrow.filter((estimate) => contains(estimate, price));
  return weightOf(agreeing) * 2 >= weightOf(narrow) ? { price, at } : undefined;
}

/** Whether the range that a strike implies contains a price. */
function contains(estimate: Estimate, price: number): boolean {
  const off = Math.abs(estimate.price - price) / price;
  return off <= estimate.width / 2 + TOLERANCE;
}

function isUsable({ bid, ask }: BidAsk): boolean {
  return bid >= 0 && isPrice(ask) && ask >= bid;
}

function estimateOf(strike: number, call: BidAsk, put: BidAsk): Estimate | undefined {
  const low = strike + call.bid - put.ask;
  const high = strike + call.ask - put.bid;
  const price = (low + high) / 2;
  const width = (high - low) / price;
  if (!isPrice(price) || width > MAX_WIDTH) return undefined;
  return {
    price,
    at: Math.min(call.at, put.at),
    gap: Math.abs(price - strike),
    width: Math.max(width, GOOD_WIDTH),
  };
}

/** A narrow range has more weight than a wide one. */
function weightOf(estimates: readonly Estimate[]): number {
  return estimates.reduce((sum, { width }) => sum + 1 / width, 0);
}

/** Half of the weight lies below it. */
function weightedMedian(estimates: readonly Estimate[]): Estimate | undefined {
  const sorted = estimates.toSorted((a, b) => a.price - b.price);
  const total = weightOf(sorted);
  let below = 0;
  for (const estimate of sorted) {
    below += 1 / estimate.width;
    // Rounding must not move the median of an odd number of equal weights.
    if (below * 2 > total * (1 - 1e-9)) return estimate;
  }
  return undefined;
}

/**
 * The strike that half of the open interest lies below. Every contract counts
 * one more, so that a chain without open interest has its middle strike.
 * `undefined` without contracts.
 */
export function medianByOpenInterest(contracts: readonly OptionContract[]): number | undefined {
  const usual = contracts.filter(({ isAdjusted }) => !isAdjusted);
  const sorted = (usual.length > 0 ? usual : [...contracts])
    .sort((a, b) => a.strike - b.strike);
  const total = sorted.reduce((sum, { openInterest }) => sum + 1 + openInterest, 0);
  let below = 0;
  for (const { openInterest, strike } of sorted) {
    below += 1 + openInterest;
    if (below * 2 >= total) return strike;
  }
  return undefined;
}
