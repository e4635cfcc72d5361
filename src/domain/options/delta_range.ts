/**
 * Where the contracts are whose deltas selections need.
 *
 * @module
 */
import { exchangeDay } from "../calendar/exchange_time.ts";
import { type Series, seriesOf } from "./chain_index.ts";
import type { OptionContract, OptionRight } from "./contract.ts";
import { deltaStrikes, HIGHEST_STRIKE } from "./delta_strikes.ts";
import { requestedSeries, type TradingMoment } from "./requested_series.ts";
import type { OptionSelection } from "./selection.ts";
import { firstAbove } from "./strike_walk.ts";

/** Volatility of the strikes that are needed, as a part of that of those that are fetched. */
const NEEDED_VOLATILITY = 2 / 3;
/** Strikes next to the price on each side, in any case. */
const NEEDED_STRIKES = 2;
const FETCHED_STRIKES = 6;

/** Contracts of one underlying by expiry, right and strike. */
export interface DeltaRange {
  /** First and last expiration as days since 1970-01-01. */
  readonly expiries: readonly [first: number, last: number];
  /** `undefined` means both. */
  readonly right: OptionRight | undefined;
  /** Lowest and highest strike, USD; `undefined` means all. */
  readonly strikes: readonly [lowest: number, highest: number] | undefined;
}

/** Contracts that are fetched together. */
export interface DeltaPart {
  /** What is fetched; more than is needed, so that it is enough for some time. */
  readonly range: DeltaRange;
  /** What is needed now. */
  readonly needed: DeltaRange;
}

/** When and around what price deltas are needed. */
export interface DeltaMoment extends TradingMoment {
  /** Price of the underlying, USD; `undefined` if it is not known, and does not limit strikes. */
  readonly price?: number | undefined;
  /** Annual; see {@linkcode deltaStrikes}. */
  readonly volatility: number;
}

/** Whether a selection has a bound of deltas. */
export function isByDelta({ minAbsDelta, maxAbsDelta }: OptionSelection): boolean {
  return minAbsDelta !== undefined || maxAbsDelta !== undefined;
}

/**
 * What to fetch for a selection, one part for each run of expiries without others between them;
 * none if it selects by no delta or requests no series of the chain. With `maxExpiries`, the last
 * part has one expiry more than is needed: the next one when the first stops trading.
 *
 * @param chain must not be changed afterwards
 */
export function deltaPartsOf(
  chain: readonly OptionContract[],
  selection: OptionSelection,
  moment: DeltaMoment,
): readonly DeltaPart[] {
  if (!isByDelta(selection)) return [];
  const { series } = requestedSeries(chain, selection, moment);
  const runs = runsOf(chain, series);
  const { maxExpiries } = selection;
  const more = maxExpiries === undefined
    ? series
    : requestedSeries(chain, { ...selection, maxExpiries: maxExpiries + 1 }, moment).series;
  const last = runs.at(-1);
  return runs.map((run) => {
    const from = run[0]?.expiryDay ?? 0;
    const fetched = run === last ? more.filter(({ expiryDay }) => expiryDay >= from) : run;
    const volatility = moment.volatility * NEEDED_VOLATILITY;
    return {
      range: rangeOf(selection, fetched, { ...moment, eachSide: FETCHED_STRIKES }),
      needed: rangeOf(selection, run, { ...moment, volatility, eachSide: NEEDED_STRIKES }),
    };
  });
}

/** Groups the series of a chain that have no expiry of another one between them. */
function runsOf(
  chain: readonly OptionContract[],
  series: readonly Series[],
): readonly (readonly Series[])[] {
  const requested = new Set(series.map(({ expiryDay }) => expiryDay));
  const runs: Series[][] = [];
  let run: Series[] | undefined;
  const bySeries = new Set(series);
  for (const one of seriesOf(chain)) {
    if (!requested.has(one.expiryDay)) run = undefined;
    else if (bySeries.has(one)) {
      if (!run) runs.push(run = []);
      run.push(one);
    }
  }
  return runs;
}

/** @param series nearest expiry first, at least one */
function rangeOf(
  selection: OptionSelection,
  series: readonly Series[],
  { price, now, ...estimate }: DeltaMoment & { readonly eachSide: number },
): DeltaRange {
  const { right, minStrike = 0, maxStrike = HIGHEST_STRIKE } = selection;
  const possible = price === undefined
    ? undefined
    : deltaStrikes(series, selection, { ...estimate, price, today: exchangeDay(now) });
  const [lowest, highest] = possible ?? [0, HIGHEST_STRIKE];
  // Requested strikes that are far from the price can have other deltas than expected.
  const isApart = lowest > maxStrike || highest < minStrike;
  const strikes = isApart
    ? [minStrike, maxStrike] as const
    : [Math.max(lowest, minStrike), Math.min(highest, maxStrike)] as const;
  const isLimited = strikes[0] > 0 || strikes[1] < HIGHEST_STRIKE;
  return {
    expiries: [series[0]?.expiryDay ?? 0, series.at(-1)?.expiryDay ?? 0],
    right,
    strikes: isLimited ? strikes : undefined,
  };
}

/** Whether a range includes every contract of another one. */
export function includesRange(outer: DeltaRange, inner: DeltaRange): boolean {
  const includes = ([first, last]: DeltaRange["expiries"], [from, to]: DeltaRange["expiries"]) =>
    first <= from && to <= last;
  return includes(outer.expiries, inner.expiries) &&
    (outer.right === undefined || outer.right === inner.right) &&
    (outer.strikes === undefined ||
      (inner.strikes !== undefined && includes(outer.strikes, inner.strikes)));
}

/**
 * Merges parts where that needs no more requests, and others as far as there are more than `most`
 * of them.
 *
 * @param requestsOf how many requests a range needs
 */
export function combineParts(
  parts: readonly DeltaPart[],
  most: number,
  requestsOf: (range: DeltaRange) => number,
): readonly DeltaPart[] {
  const all = [...parts];
  for (;;) {
    let best: { readonly i: number; readonly j: number; readonly more: number } | undefined;
    for (let i = 0; i < all.length; i++) {
      for (let j = i + 1; j < all.length; j++) {
        const [a, b] = [all[i] as DeltaPart, all[j] as DeltaPart];
        const apart = requestsOf(a.range) + requestsOf(b.range);
        const more = requestsOf(mergeRanges(a.range, b.range)) - apart;
        if (!best || more < best.more) best = { i, j, more };
      }
    }
    if (!best || (best.more > 0 && all.length <= most)) return all;
    const [other] = all.splice(best.j, 1) as [DeltaPart];
    const one = all[best.i] as DeltaPart;
    all[best.i] = {
      range: mergeRanges(one.range, other.range),
      needed: mergeRanges(one.needed, other.needed),
    };
  }
}

/** Contracts of a chain that a range has. */
export function contractsIn(
  chain: readonly OptionContract[],
  { expiries: [first, last], right, strikes }: DeltaRange,
): number {
  let count = 0;
  for (const series of seriesOf(chain)) {
    if (series.expiryDay < first || series.expiryDay > last) continue;
    const from = strikes ? firstAbove(series.strikes, strikes[0] - 0.001) : 0;
    const to = strikes ? firstAbove(series.strikes, strikes[1]) : series.strikes.length;
    count += Math.max(0, to - from) * (right === undefined ? 2 : 1);
  }
  return count;
}

/** The smallest range that includes two others. */
function mergeRanges(a: DeltaRange, b: DeltaRange): DeltaRange {
  return {
    expiries: [Math.min(a.expiries[0], b.expiries[0]), Math.max(a.expiries[1], b.expiries[1])],
    right: a.right === b.right ? a.right : undefined,
    strikes: a.strikes && b.strikes && [
      Math.min(a.strikes[0], b.strikes[0]),
      Math.max(a.strikes[1], b.strikes[1]),
    ],
  };
}
