/**
 * Finds the series of a chain that a selection requests.
 *
 * @module
 */
import { exchangeDay, instantAt } from "../calendar/exchange_time.ts";
import type { MarketCalendar } from "../calendar/market_calendar.ts";
import { type Series, seriesOf } from "./chain_index.ts";
import type { OptionContract } from "./contract.ts";
import { lastTradingMoment } from "./last_trading.ts";
import type { OptionSelection } from "./selection.ts";

/** When contracts are selected. */
export interface TradingMoment {
  /** Ms since the Unix epoch. */
  readonly now: number;
  readonly calendar: MarketCalendar;
}

/** The series that a selection requests, and until when they stay the same. */
interface RequestedSeries {
  /** Nearest expiry first, then by root. */
  readonly series: readonly Series[];
  /** Ms since the Unix epoch at which one of them stops trading or a day begins. */
  readonly validUntil: number;
}

/**
 * The series that still trade and that a selection includes by expiry, root and adjustment.
 * Only expiries with such a series count towards `maxExpiries`.
 *
 * @param chain must not be changed afterwards
 */
export function requestedSeries(
  chain: readonly OptionContract[],
  selection: OptionSelection,
  { now, calendar }: TradingMoment,
): RequestedSeries {
  const today = exchangeDay(now);
  const { maxExpiries = Infinity } = selection;
  const series: Series[] = [];
  let validUntil = instantAt(today + 1, 0);
  let expiries = 0;
  let lastDay: number | undefined;
  for (const one of seriesOf(chain)) {
    if (!isRequested(one, selection, today)) continue;
    const end = lastTradingMoment(one, calendar);
    if (end <= now) continue;
    if (one.expiryDay !== lastDay) {
      if (++expiries > maxExpiries) break;
      lastDay = one.expiryDay;
    }
    validUntil = Math.min(validUntil, end);
    series.push(one);
  }
  return { series, validUntil };
}

/** Whether a selection includes the expiry and the root of a series. */
function isRequested(
  { expiryDay, root, isAdjusted }: Series,
  selection: OptionSelection,
  today: number,
): boolean {
  const { minDays, maxDays, expiries, expiryFrom, expiryTo, roots } = selection;
  const days = expiryDay - today;
  if (days < minDays || days > maxDays) return false;
  if (expiryFrom !== undefined && expiryDay < expiryFrom) return false;
  if (expiryTo !== undefined && expiryDay > expiryTo) return false;
  if (expiries && !expiries.includes(expiryDay)) return false;
  if (isAdjusted && !selection.includeAdjusted) return false;
  return !roots || roots.length === 0 || roots.includes(root);
}
