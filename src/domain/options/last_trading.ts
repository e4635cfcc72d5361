/**
 * Computes when an option contract trades for the last time.
 *
 * Most contracts trade until the close of their expiration day. Three groups differ:
 *
 * - AM-settled index options are settled by the opening prices of the expiration day and stop
 *   trading on the trading day before: SPX, NDX, RUT, DJX on the Thursday before the third Friday,
 *   VIX and VIXW on the Tuesday before their Wednesday. Their roots tell them from the PM-settled
 *   ones (SPXW, NDXP, RUTW, XSP, MRUT), which stop at 16:00 on the expiration day although later
 *   expiries trade until 16:15. Source: tastytrade, "Cash-Settled Indexes Options Specifications"
 *   (https://tastyworks.freshdesk.com/support/solutions/articles/43000435289); Cboe, "S&P 500 Index
 *   Options" (http://www.cboe.com/products/stock-index-options-spx-rut-msci-ftse/s-p-500-index-options).
 * - SPX and VIX also trade in Cboe's Curb session, 16:15 to 17:00, on that last day. Source:
 *   Tradier, "What are the trading times for Index Options?"
 *   (https://support.tradier.com/what-are-the-trading-times-for-index-options).
 * - Options of some funds trade until 16:15, on the expiration day too. Source: Firstrade, options
 *   that trade until 16:15 (https://help.zh-tw.firstrade.com/article/833-4-15).
 *
 * An expiration day without trading (a third Friday that is Good Friday, or the Saturdays of old
 * contracts) counts as the trading day before it. On an early close, all times are three hours
 * earlier. A closure of the expiration day that is announced later ends no AM-settled contract a
 * day earlier: it may have traded until the day before when the closure was announced.
 *
 * @module
 */
import type { MarketCalendar } from "../calendar/market_calendar.ts";
import type { OptionContract } from "./contract.ts";

const MS_PER_MINUTE = 60_000;

/** Minutes after the regular close at which the last session of a day ends, usually 16:15. */
const LATE_CLOSE = 15;
/** The same for roots that trade in the Curb session, usually until 17:00. */
const CURB_CLOSE = 60;

/** Roots of AM-settled index options; minutes after the regular close of their last day. */
const AM_SETTLED: ReadonlyMap<string, number> = new Map([
  ["SPX", CURB_CLOSE],
  ["VIX", CURB_CLOSE],
  ["VIXW", CURB_CLOSE],
  ["NDX", LATE_CLOSE],
  ["RUT", LATE_CLOSE],
  ["DJX", LATE_CLOSE],
  ["MXEA", LATE_CLOSE],
  ["MXEF", LATE_CLOSE],
  ["RLG", LATE_CLOSE],
  ["RLV", LATE_CLOSE],
  ["RUI", LATE_CLOSE],
]);

/** Funds whose options trade until 16:15. */
const LATE_FUNDS: ReadonlySet<string> = new Set(
  ("AMJ DBA DBB DBC DBO DIA EEM EFA GAZ GLD IWM IWN IWO IWV JJC KBE KRE MDY MOO OEF OIL QQQ SLX " +
    "SPY SVIX SVXY UNG UUP UVIX UVXY VIXM VIXY VXX VXZ XHB XLB XLC XLE XLF XLI XLK XLP XLRE XLU " +
    "XLV XLY XME XRT").split(" "),
);

/** A trading day and its regular close, in ms since the Unix epoch. */
interface Close {
  readonly day: number;
  readonly closesAt: number;
}

/** What the last trading moment of a contract depends on. */
type Terms = Pick<OptionContract, "root" | "underlying" | "expiryDay">;

/**
 * The instant from which a contract does not trade any more, in ms since the Unix epoch.
 *
 * @param calendar its holidays and closures move the expiration, its early closes the time
 */
export function lastTradingMoment(contract: Terms, calendar: MarketCalendar): number {
  const { root, underlying, expiryDay } = contract;
  const expiry = closeUpTo(expiryDay, calendar);
  const afterClose = AM_SETTLED.get(root);
  if (afterClose !== undefined) {
    const settledOn = calendar.isAnnouncedClosure(expiryDay) ? expiryDay : expiry.day;
    return closeUpTo(settledOn - 1, calendar).closesAt + afterClose * MS_PER_MINUTE;
  }
  return expiry.closesAt + (LATE_FUNDS.has(underlying) ? LATE_CLOSE * MS_PER_MINUTE : 0);
}

/**
 * Returns whether a contract trades at an instant or later. Contracts that are tested one after the
 * other are looked up once per root and expiry.
 *
 * @param moment its `now` in ms since the Unix epoch
 */
export function tradingFrom(
  { now, calendar }: { readonly now: number; readonly calendar: MarketCalendar },
): (contract: Terms) => boolean {
  let last: Terms | undefined;
  let isTrading = false;
  return (contract) => {
    const { root, expiryDay, underlying } = contract;
    const isSame = last?.root === root && last.expiryDay === expiryDay &&
      last.underlying === underlying;
    if (!isSame) isTrading = lastTradingMoment(contract, calendar) > now;
    last = contract;
    return isTrading;
  };
}

/** Whether contracts of a root stop trading on the trading day before they expire. */
export function stopsBeforeExpiry(root: string): boolean {
  return AM_SETTLED.has(root);
}

/** The close of a day, or of the last trading day before it, in ms since the Unix epoch. */
function closeUpTo(lastDay: number, calendar: MarketCalendar): Close {
  for (let day = lastDay;; day--) {
    const hours = calendar.hours("options", day);
    if (hours) return { day, closesAt: hours.closesAt };
  }
}
