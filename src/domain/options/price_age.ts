/**
 * Decides by the sessions of the market whether a price is old.
 *
 * @module
 */
import { exchangeDay } from "../calendar/exchange_time.ts";
import type { MarketCalendar } from "../calendar/market_calendar.ts";

/** Time of regular sessions after which a trade or a quote is old. */
const MAX_AGE_MS = 30 * 60_000;
/** A price before it is old without a look at the sessions. */
const LONGEST_CLOSURE_MS = 10 * 86_400_000;

/**
 * Whether the stock market was open for half an hour since a price was made.
 *
 * @param at ms since the Unix epoch; `undefined` is old
 */
export function isOld(
  at: number | undefined,
  { now, calendar }: { readonly now: number; readonly calendar: MarketCalendar },
): boolean {
  if (at === undefined || now - at > LONGEST_CLOSURE_MS) return true;
  if (now - at <= MAX_AGE_MS) return false;
  let openMs = 0;
  for (let day = exchangeDay(at); day <= exchangeDay(now); day++) {
    const { opensAt, closesAt } = calendar.hours("regular", day) ?? { opensAt: now, closesAt: now };
    openMs += Math.max(0, Math.min(closesAt, now) - Math.max(opensAt, at));
  }
  return openMs > MAX_AGE_MS;
}
