/**
 * Where the contracts are whose deltas a selection needs.
 *
 * @module
 */
import type { OptionRight } from "./contract.ts";
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
 * The range of a selection; `undefined` if it selects by no delta or if none of its
 * expiries is listed.
 *
 * @param listed expiries as days since 1970-01-01, nearest first
 * @param today as days since 1970-01-01
 */
export function deltaRangeOf(
  selection: OptionSelection,
  listed: readonly number[],
  today: number,
): DeltaRange | undefined {
  if (!isByDelta(selection)) return undefined;
  const { right, minStrike, maxStrike } = selection;
  const days = listed.filter((day) => isRequested(day, selection, today));
  const first = days[0];
  // Today's contracts may not trade any more, so that a further expiry is selected.
  const last = days[Math.min(days.length - 1, selection.maxExpiries ?? Infinity)];
  if (first === undefined || last === undefined) return undefined;
  const hasStrikes = minStrike !== undefined || maxStrike !== undefined;
  return {
    expiries: [first, last],
    right,
    strikes: hasStrikes ? [minStrike ?? 0, maxStrike ?? HIGHEST_STRIKE] : undefined,
  };
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

function isRequested(day: number, selection: OptionSelection, today: number): boolean {
  const { minDays, maxDays, expiries, expiryFrom = -Infinity, expiryTo = Infinity } = selection;
  const days = day - today;
  if (days < 0 || days < minDays || days > maxDays) return false;
  return day >= expiryFrom && day <= expiryTo && (!expiries || expiries.includes(day));
}
