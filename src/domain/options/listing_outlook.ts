/**
 * Returns when contracts can be listed that a selection without contracts would have.
 *
 * @module
 */
import { exchangeDay } from "../calendar/exchange_time.ts";
import type { OptionContract } from "./contract.ts";
import { lastTradingMoment } from "./last_trading.ts";
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

/** What an outlook depends on beside the selection. */
interface ListedChain {
  readonly underlying: string;
  /** The listed contracts; must not be changed afterwards. */
  readonly chain: readonly OptionContract[];
  readonly moment: TradingMoment;
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
  const { minDays, maxDays, expiries, expiryFrom = 0, expiryTo = Infinity } = selection;
  const first = Math.max(today + minDays, expiryFrom);
  const last = Math.min(today + maxDays, expiryTo);
  if (expiries) yield* expiries.filter((day) => first <= day && day <= last);
  else for (let day = first; day <= last; day++) yield day;
}
