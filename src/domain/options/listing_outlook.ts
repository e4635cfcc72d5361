/**
 * Returns what a chain lacks of a selection, and when it can be listed.
 *
 * @module
 */
import { exchangeDay } from "../calendar/exchange_time.ts";
import { seriesOf, standardExpiries, untradableOf } from "./chain_index.ts";
import type { OptionContract } from "./contract.ts";
import { lastTradingMoment, tradingFrom } from "./last_trading.ts";
import { requestedSeries, type TradingMoment } from "./requested_series.ts";
import type { OptionSelection } from "./selection.ts";

/**
 * - `today`: on this trading day, before its close.
 * - `later`: on another day, because options do not trade any more today.
 * - `unlisted`: not at all if the chain is complete. The selection has today's expiry only, of
 *   which nothing is listed; contracts are listed before the day on which they expire.
 * - `never`: every requested expiry has ended, or is a day without trading.
 */
export type ListingOutlook = "today" | "later" | "unlisted" | "never";

/** Stands for every root that trades until the close of its expiration day. */
const USUAL_ROOT = "";

/**
 * Every chain has an expiry beyond this many calendar days: two months and the next two of its
 * quarterly cycle are listed. A list that ends before may be cut, or that of an underlying that is
 * delisted soon. Source: neif.org, "Expiration of equity options"
 * (https://neif.org/Options/00001530.htm).
 */
const LEAST_REACH_DAYS = 90;

/** What an outlook depends on beside the selection. */
interface ListedChain {
  readonly underlying: string;
  /** The listed contracts; must not be changed afterwards. */
  readonly chain: readonly OptionContract[];
  readonly moment: TradingMoment;
}

/** What a chain lacks of a selection that names expiries or roots. */
interface MissingParts {
  /** Named expiries that can trade and are not listed, as days since 1970-01-01. */
  readonly days: readonly number[];
  /** Named roots of which nothing is listed. */
  readonly roots: readonly string[];
  /** When they can be listed; `undefined` when nothing is missing. */
  readonly outlook: ListingOutlook | undefined;
}

/** Returns what a chain lacks of the expiries and roots that a selection names. */
export function missingParts(
  selection: OptionSelection,
  { underlying, chain, moment }: ListedChain,
): MissingParts {
  const { expiries = [], roots = [] } = selection;
  if (expiries.length + roots.length === 0) return { days: [], roots: [], outlook: undefined };
  const today = exchangeDay(moment.now);
  const all = { ...selection, maxExpiries: undefined };
  const every = requestedSeries(chain, all, moment);
  const untradable = requestedSeries(untradableOf(chain), all, moment);
  const listed = new Set(
    [...every.series, ...untradable.series].map(({ expiryDay }) => expiryDay),
  );
  const canTrade = (day: number, root: string) =>
    moment.calendar.hours("options", day) !== undefined &&
    lastTradingMoment({ root, underlying, expiryDay: day }, moment.calendar) > moment.now;
  const named = roots.length > 0 ? roots : [USUAL_ROOT];
  const days = expiries.length === 0
    ? []
    : [...requestedDays(selection, today)].filter((day) =>
      !listed.has(day) && named.some((root) => canTrade(day, root))
    );
  const known = new Set(seriesOf(chain).map(({ root }) => root));
  const missingRoots = roots.filter((root) => !known.has(root));
  const isSoon = missingRoots.length > 0 || days.some((day) => day > today);
  const soon = canTrade(today, USUAL_ROOT) ? "today" : "later";
  const outlook = isSoon ? soon : days.length > 0 ? "unlisted" : undefined;
  return { days, roots: missingRoots, outlook };
}

/**
 * Whether a selection has fewer expiries than requested, or the chain ends before the last of them
 * and sooner than chains do. Expiries that the selection names do not count.
 *
 * @param expiries number of its expiries that are listed and trade, tradable or not
 */
export function hasFewExpiries(
  selection: OptionSelection,
  { underlying, chain, moment }: ListedChain,
  expiries: number,
): boolean {
  const { maxExpiries, roots = [] } = selection;
  if (selection.expiries) return false;
  const today = exchangeDay(moment.now);
  if (maxExpiries === undefined) {
    const reach = { ...selection, maxDays: Math.min(selection.maxDays, LEAST_REACH_DAYS) };
    const [, last] = requestedRange(reach, today);
    // Adjusted contracts can stay listed when standard ones are missing.
    return !standardExpiries(chain).some((expiryDay) => expiryDay >= last);
  }
  if (expiries >= maxExpiries) return false;
  const isTrading = tradingFrom(moment);
  const named = roots.length > 0 ? roots : [USUAL_ROOT];
  let possible = 0;
  for (const expiryDay of requestedDays(selection, today)) {
    if (moment.calendar.hours("options", expiryDay) === undefined) continue;
    if (named.some((root) => isTrading({ root, underlying, expiryDay }))) possible++;
    if (possible > expiries) return true;
  }
  return false;
}

/** Counts the standard expiries of a selection, and those of them that are not tradable. */
export function countUntradable(
  selection: OptionSelection,
  { chain, moment }: Pick<ListedChain, "chain" | "moment">,
): { readonly untradable: number; readonly expiries: number } {
  const untradable = untradableOf(chain);
  if (untradable.length === 0) return { untradable: 0, expiries: 0 };
  const daysOf = (contracts: readonly OptionContract[]) =>
    requestedSeries(contracts, { ...selection, maxExpiries: undefined }, moment).series
      .filter(({ isAdjusted }) => !isAdjusted).map(({ expiryDay }) => expiryDay);
  const known = new Set(daysOf(untradable));
  const days = [...new Set([...daysOf(chain), ...known])].sort((a, b) => a - b)
    .slice(0, selection.maxExpiries);
  return { untradable: days.filter((day) => known.has(day)).length, expiries: days.length };
}

/** The outlook of a selection that has no contracts of a chain. */
export function listingOutlook(
  selection: OptionSelection,
  { underlying, chain, moment }: ListedChain,
): ListingOutlook {
  const { now, calendar } = moment;
  const today = exchangeDay(now);
  const canTrade = (expiryDay: number, root: string) =>
    calendar.hours("options", expiryDay) !== undefined &&
    lastTradingMoment({ root, underlying, expiryDay }, calendar) > now;
  const soon = canTrade(today, USUAL_ROOT) ? "today" : "later";
  // Strikes are added to expiries that are listed.
  if (requestedSeries(chain, selection, moment).series.length > 0) return soon;
  const roots = selection.roots?.length ? selection.roots : [USUAL_ROOT];
  let outlook: ListingOutlook = "never";
  for (const day of requestedDays(selection, today)) {
    if (!roots.some((root) => canTrade(day, root))) continue;
    if (day > today) return soon;
    outlook = "unlisted";
  }
  return outlook;
}

/** The days of a selection on which contracts may expire, nearest first. */
function* requestedDays(selection: OptionSelection, today: number): Generator<number> {
  const { expiries } = selection;
  const [first, last] = requestedRange(selection, today);
  if (expiries) yield* expiries.filter((day) => first <= day && day <= last);
  else for (let day = first; day <= last; day++) yield day;
}

/** The first and the last day on which contracts of a selection may expire. */
function requestedRange(
  { minDays, maxDays, expiryFrom = 0, expiryTo = Infinity }: OptionSelection,
  today: number,
): readonly [first: number, last: number] {
  return [Math.max(today + minDays, expiryFrom), Math.min(today + maxDays, expiryTo)];
}
