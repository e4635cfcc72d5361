/**
 * Groups the contracts of a chain by expiry and root, with their strikes in order.
 *
 * @module
 */
import type { OptionContract } from "./contract.ts";

/** One strike of a series. */
export interface Strike {
  /** USD. */
  readonly price: number;
  /** Its calls and puts. */
  readonly contracts: readonly OptionContract[];
}

/** The contracts of one root and expiration day, either all adjusted or none. */
export interface Series {
  readonly underlying: string;
  readonly root: string;
  /** Days since 1970-01-01. */
  readonly expiryDay: number;
  readonly isAdjusted: boolean;
  /** Lowest strike first, each price once. */
  readonly strikes: readonly Strike[];
}

/** Grouping a chain of 30,000 contracts takes some ms, so it is done once per chain. */
const INDEXES = new WeakMap<readonly OptionContract[], readonly Series[]>();

/**
 * The series of a chain, nearest expiry first, then by root, without contracts that
 * {@linkcode tradableOf} leaves out.
 */
export function seriesOf(chain: readonly OptionContract[]): readonly Series[] {
  let series = INDEXES.get(chain);
  if (series === undefined) {
    series = group(tradableOf(chain));
    INDEXES.set(chain, series);
  }
  return series;
}

/**
 * The contracts of a chain without those that are not tradable, unless none is tradable: Alpaca may
 * have data of an index whose options it does not trade.
 */
export function tradableOf(chain: readonly OptionContract[]): readonly OptionContract[] {
  if (chain.every(isTradable)) return chain;
  const tradable = chain.filter(isTradable);
  return tradable.length > 0 ? tradable : chain;
}

/** Standard contracts of expiries that are not tradable, by chain; none for most. */
const UNTRADABLE = new WeakMap<readonly OptionContract[], readonly OptionContract[]>();

/**
 * The standard contracts of a chain on days on which it has no tradable ones, though it has some on
 * others.
 */
export function untradableOf(chain: readonly OptionContract[]): readonly OptionContract[] {
  let untradable = UNTRADABLE.get(chain);
  if (untradable === undefined) {
    const tradable = tradableOf(chain);
    // All contracts are tradable, or none.
    untradable = tradable === chain ? [] : withoutDaysOf(chain, tradable);
    UNTRADABLE.set(chain, untradable);
  }
  return untradable;
}

function withoutDaysOf(
  chain: readonly OptionContract[],
  tradable: readonly OptionContract[],
): readonly OptionContract[] {
  const standard = tradable.filter(({ isAdjusted }) => !isAdjusted);
  const days = new Set(standard.map(({ expiryDay }) => expiryDay));
  return chain.filter(({ isAdjusted, expiryDay }) => !isAdjusted && !days.has(expiryDay));
}

/** The days on which standard contracts of a chain expire, tradable or not, nearest first. */
export function standardExpiries(chain: readonly OptionContract[]): readonly number[] {
  const series = [...seriesOf(chain), ...seriesOf(untradableOf(chain))];
  const days = series.filter(({ isAdjusted }) => !isAdjusted).map(({ expiryDay }) => expiryDay);
  return [...new Set(days)].sort((a, b) => a - b);
}

/** Whether any contract of a chain is tradable; a contract that does not say is. */
export function hasTradable(chain: readonly OptionContract[]): boolean {
  return chain.some(isTradable);
}

function isTradable(contract: OptionContract): boolean {
  return contract.isTradable !== false;
}

function group(chain: readonly OptionContract[]): readonly Series[] {
  const groups = new Map<number, Map<string, OptionContract[]>>();
  let last: OptionContract[] = [];
  for (const contract of chain) {
    // Lists come in order: most contracts belong to the group of the one before.
    if (!isSameSeries(last[0], contract)) {
      const { root, expiryDay, isAdjusted } = contract;
      const ofDay = groups.get(expiryDay) ?? new Map<string, OptionContract[]>();
      groups.set(expiryDay, ofDay);
      const key = isAdjusted ? `${root} adjusted` : root;
      last = ofDay.get(key) ?? [];
      ofDay.set(key, last);
    }
    last.push(contract);
  }
  return [...groups.values()].flatMap((ofDay) => Array.from(ofDay.values(), toSeries))
    .sort(bySeries);
}

function isSameSeries(a: OptionContract | undefined, b: OptionContract): boolean {
  return a?.expiryDay === b.expiryDay && a.root === b.root && a.isAdjusted === b.isAdjusted;
}

/** @param contracts of one series, at least one */
function toSeries(contracts: OptionContract[]): Series {
  const [first] = contracts as [OptionContract];
  const { underlying, root, expiryDay, isAdjusted } = first;
  let strikes: readonly Strike[] | undefined;
  return {
    underlying,
    root,
    expiryDay,
    isAdjusted,
    // Most selections need a part of the series.
    get strikes() {
      return strikes ??= strikesOf(contracts.sort(byStrike));
    },
  };
}

/** @param contracts lowest strike first */
function strikesOf(contracts: readonly OptionContract[]): readonly Strike[] {
  const strikes: { readonly price: number; readonly contracts: OptionContract[] }[] = [];
  let last: typeof strikes[number] | undefined;
  for (const contract of contracts) {
    if (last?.price === contract.strike) last.contracts.push(contract);
    else strikes.push(last = { price: contract.strike, contracts: [contract] });
  }
  return strikes;
}

/** Calls before puts. */
function byStrike(a: OptionContract, b: OptionContract): number {
  return a.strike - b.strike || (a.right === b.right ? 0 : a.right === "call" ? -1 : 1);
}

function bySeries(a: Series, b: Series): number {
  return a.expiryDay - b.expiryDay || (a.root < b.root ? -1 : 1);
}
