/**
 * Where the strikes are whose contracts can have a delta, by the model of Black and Scholes.
 *
 * The volatility is not known before there are deltas: a usual one is assumed first, then twice the
 * one that the known deltas imply, because it differs by strike and expiry.
 *
 * @module
 */
import type { Series } from "./chain_index.ts";
import type { OptionContract, OptionRight } from "./contract.ts";
import type { OptionSelection } from "./selection.ts";
import { firstAbove } from "./strike_walk.ts";

/** Annual volatility that is assumed until deltas are known. */
export const USUAL_VOLATILITY = 0.6;
/** The assumed volatility as a multiple of the implied one. */
const VOLATILITY_RATIO = 2;
const VOLATILITY_BOUNDS = [0.1, 5] as const;
/** A delta below it, or above 1 less it, limits no strikes. */
const LEAST_DELTA = 0.005;
/** How far a bound is extended: a held contract may be outside. */
const DELTA_TOLERANCE = 0.02;
/** Absolute deltas that imply a volatility, of contracts out of the money. */
const IMPLYING = [0.05, 0.45] as const;
/** Days before an expiry within which the time that is left is not exact enough. */
const SHORT_DAYS = 2;
/** Contracts that are looked at for the volatility, and how many of them must imply one. */
const MAX_SAMPLES = 2_000;
const MIN_IMPLIED = 3;
const YEAR_DAYS = 365;
/** Highest strike of an OCC symbol, rounded as in queries. */
export const HIGHEST_STRIKE = 99_999.99;

/** What the strikes depend on. */
interface StrikeEstimate {
  /** Price of the underlying, USD. */
  readonly price: number;
  /** Annual; 0.2 is 20 percent. */
  readonly volatility: number;
  /** As days since 1970-01-01. */
  readonly today: number;
  /** Strikes on each side of the price that are always included. */
  readonly eachSide: number;
}

/**
 * The lowest and the highest strike of series that can have a delta within the bounds of a
 * selection; `undefined` if that is every strike.
 *
 * @param series at least one
 */
export function deltaStrikes(
  series: readonly Series[],
  selection: OptionSelection,
  { price, volatility, today, eachSide }: StrikeEstimate,
): readonly [lowest: number, highest: number] | undefined {
  const lastDay = Math.max(...series.map(({ expiryDay }) => expiryDay));
  const spread = volatility * Math.sqrt(yearsUntil(lastDay, today));
  const { right, minAbsDelta = 0, maxAbsDelta = 1 } = selection;
  const rights: readonly OptionRight[] = right === undefined ? ["call", "put"] : [right];
  // Distances from the price in deviations, out of the money and in it.
  const out = distanceOf(1 - minAbsDelta + DELTA_TOLERANCE);
  const inner = distanceOf(maxAbsDelta + DELTA_TOLERANCE);
  let [low, high] = [price, price];
  for (const each of rights) {
    const [below, above] = each === "call" ? [inner, out] : [out, inner];
    low = Math.min(low, price * Math.exp(-below * spread));
    high = Math.max(high, price * Math.exp(above * spread + spread ** 2 / 2));
  }
  for (const { strikes } of series) {
    const above = firstAbove(strikes, price);
    low = Math.min(low, strikes[Math.max(0, above - eachSide - 1)]?.price ?? low);
    const last = Math.min(strikes.length, above + eachSide) - 1;
    high = Math.max(high, strikes[last]?.price ?? high);
  }
  if (low < 0.01 && high > HIGHEST_STRIKE) return undefined;
  return [Math.floor(low * 100) / 100, Math.min(HIGHEST_STRIKE, Math.ceil(high * 100) / 100)];
}

/**
 * The volatility to assume for further queries, by known deltas; `undefined` when too few imply
 * one.
 *
 * @param deltas by contract
 */
export function assumedVolatility(
  contracts: readonly OptionContract[],
  deltas: ReadonlyMap<string, number>,
  { price, today }: Pick<StrikeEstimate, "price" | "today">,
): number | undefined {
  const step = Math.max(1, Math.ceil(contracts.length / MAX_SAMPLES));
  const implied: number[] = [];
  for (let at = 0; at < contracts.length; at += step) {
    const { symbol, strike, expiryDay } = contracts[at] as OptionContract;
    const delta = deltas.get(symbol);
    if (delta === undefined || expiryDay - today < SHORT_DAYS) continue;
    const spread = impliedSpread(delta, Math.log(price / strike));
    if (spread !== undefined) implied.push(spread / Math.sqrt(yearsUntil(expiryDay, today)));
  }
  if (implied.length < MIN_IMPLIED) return undefined;
  const median = implied.sort((a, b) => a - b)[implied.length >> 1] ?? 0;
  const [least, most] = VOLATILITY_BOUNDS;
  return Math.min(most, Math.max(least, median * VOLATILITY_RATIO));
}

/** Volatility times the root of the time, by the delta of a contract out of the money. */
function impliedSpread(delta: number, logMoneyness: number): number | undefined {
  const absolute = Math.abs(delta);
  if (absolute < IMPLYING[0] || absolute > IMPLYING[1]) return undefined;
  const isCall = delta > 0;
  if (isCall !== logMoneyness < 0) return undefined;
  // N(d1) is the delta of the call, and d1 = logMoneyness / spread + spread / 2.
  const d1 = isCall ? -quantile(1 - delta) : quantile(1 + delta);
  const root = Math.sqrt(d1 ** 2 - 2 * logMoneyness);
  const spread = isCall ? d1 + root : d1 - root;
  return spread > 0 ? spread : undefined;
}

/** Years until the end of a day, not 0. */
function yearsUntil(day: number, today: number): number {
  return (Math.max(0, day - today) + 1) / YEAR_DAYS;
}

/** Deviations from the money at which a probability is reached; infinite near 1. */
function distanceOf(probability: number): number {
  if (probability > 1 - LEAST_DELTA) return Infinity;
  return probability <= 0.5 ? 0 : quantile(probability);
}

/**
 * The quantile of the normal distribution within 0.005 (Abramowitz and Stegun, 26.2.22).
 *
 * @param probability from 0.5 to less than 1
 */
function quantile(probability: number): number {
  const t = Math.sqrt(-2 * Math.log(1 - probability));
  return t - (2.30753 + 0.27061 * t) / (1 + 0.99229 * t + 0.04481 * t ** 2);
}
