/**
 * Where the contracts are whose deltas a selection needs.
 *
 * @module
 */
import type { OptionContract, OptionRight } from "./contract.ts";
import { requestedSeries, type TradingMoment } from "./requested_series.ts";
import type { OptionSelection } from "./selection.ts";

/** Contracts of one underlying by expiry, right and strike. */
export interface DeltaRange {
  /** First and last expiration as days since 1970-01-01. */
  readonly expiries: readonly [first: number, last: number];
  /** `undefined` means both. */
  readonly right: OptionRight | undefined;
  /** Lowest and highest strike, USD; `undefined` means all. */
  readonly strikes: readonly [lowest: number, highest: number] | undefined;
}

const HIGHEST_STRIKE = 99_999.99;

/** Whether a selection has a bound of deltas. */
export function isByDelta({ minAbsDelta, maxAbsDelta }: OptionSelection): boolean {
  return minAbsDelta !== undefined || maxAbsDelta !== undefined;
}

/**
 * The range to fetch for a selection; `undefined` if it selects by no delta or requests no series
 * of the chain. It has one expiry more than {@linkcode neededRangeOf}: the next one when the first
 * stops trading.
 *
 * @param chain must not be changed afterwards
 */
export function deltaRangeOf(
  chain: readonly OptionContract[],
  selection: OptionSelection,
  moment: TradingMoment,
): DeltaRange | undefined {
  const { maxExpiries = Infinity } = selection;
  return neededRangeOf(chain, { ...selection, maxExpiries: maxExpiries + 1 }, moment);
}

/** The range that a selection needs now; `undefined` and `chain` as in {@linkcode deltaRangeOf}. */
export function neededRangeOf(
  chain: readonly OptionContract[],
  selection: OptionSelection,
  moment: TradingMoment,
): DeltaRange | undefined {
  if (!isByDelta(selection)) return undefined;
  const { right, minStrike, maxStrike } = selection;
  const { series } = requestedSeries(chain, selection, moment);
  const [first, last] = [series[0], series.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const hasStrikes = minStrike !== undefined || maxStrike !== undefined;
  return {
    expiries: [first.expiryDay, last.expiryDay],
    right,
    strikes: hasStrikes ? [minStrike ?? 0, maxStrike ?? HIGHEST_STRIKE] : undefined,
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

/** The smallest range that includes two others. */
export function mergeRanges(a: DeltaRange, b: DeltaRange): DeltaRange {
  return {
    expiries: [Math.min(a.expiries[0], b.expiries[0]), Math.max(a.expiries[1], b.expiries[1])],
    right: a.right === b.right ? a.right : undefined,
    strikes: a.strikes && b.strikes && [
      Math.min(a.strikes[0], b.strikes[0]),
      Math.max(a.strikes[1], b.strikes[1]),
    ],
  };
}
