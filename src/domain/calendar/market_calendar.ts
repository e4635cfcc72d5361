/**
 * The trading calendar of the US markets: holidays, early closes and sessions.
 *
 * Holidays and early closes follow NYSE Rule 7.2 as applied since 2022; the options
 * exchanges have the same days. Closures that are announced (a day of mourning, a
 * hurricane) are not in any rule and are passed in.
 *
 * @module
 */
import type { FeedKind } from "../connection/feed.ts";
import {
  dayOf,
  dayOfDate,
  exchangeDay,
  firstWeekday,
  instantAt,
  weekdayOf,
  yearOf,
} from "./exchange_time.ts";

/**
 * The sessions of the stock market and the session of the option market, in New
 * York's time. On an early close, `regular` and `options` end at 13:00 and
 * `postmarket` lasts from 13:00 to 17:00.
 *
 * - `premarket`: 04:00 to 09:30
 * - `regular`: 09:30 to 16:00
 * - `postmarket`: 16:00 to 20:00
 * - `overnight`: 20:00 of the day before a trading day to 04:00 (Blue Ocean ATS)
 * - `options`: 09:30 to 16:00; a few ETF and index options trade longer
 */
export const MARKETS = ["premarket", "regular", "postmarket", "overnight", "options"] as const;

/** One of {@linkcode MARKETS}. */
type Market = typeof MARKETS[number];

/** The session of the stock market at an instant. */
export type StockSession = Exclude<Market, "options"> | "closed";

/** From `opensAt` up to but excluding `closesAt`, in ms since the Unix epoch. */
interface TradingHours {
  readonly opensAt: number;
  readonly closesAt: number;
}

const STOCK_SESSIONS = ["premarket", "regular", "postmarket", "overnight"] as const;

const SUNDAY = 0;
const MONDAY = 1;
const THURSDAY = 4;
const SATURDAY = 6;

/** Delay of the feeds that Alpaca delays, in ms. */
const DELAY_MS = 15 * 60_000;

/** Market and delay of each product; trade updates and news follow no market's hours. */
const HOURS_OF_KIND: Readonly<
  Record<FeedKind, { readonly market: Market; readonly delayMs?: number } | "always" | "never">
> = {
  sip: { market: "regular" },
  iex: { market: "regular" },
  delayed_sip: { market: "regular", delayMs: DELAY_MS },
  boats: { market: "overnight" },
  overnight: { market: "overnight", delayMs: DELAY_MS },
  test: "always",
  opra: { market: "options" },
  indicative: { market: "options", delayMs: DELAY_MS },
  trade_updates: "never",
  crypto: "always",
  news: "never",
};

/** The market whose hours a feed's data follow; `undefined` where no market's do. */
export function marketOf(kind: FeedKind): Market | undefined {
  const hours = HOURS_OF_KIND[kind];
  return typeof hours === "string" ? undefined : hours.market;
}

/** How long a feed's trades are delayed, in ms. */
export function delayOf(kind: FeedKind): number {
  const hours = HOURS_OF_KIND[kind];
  return typeof hours === "string" ? 0 : hours.delayMs ?? 0;
}

/** Computes when the US markets are open. Pure: every answer follows from the arguments. */
export class MarketCalendar {
  readonly #closures: ReadonlySet<number | undefined>;
  /** Full holidays and early closes by year. */
  readonly #years = new Map<number, SpecialDays>();

  /** @param closures days without trading beside the holidays, as `2025-01-09` */
  constructor(closures: readonly string[] = []) {
    this.#closures = new Set(closures.map(dayOfDate));
  }

  /** The session of the stock market at an instant. */
  sessionAt(ms: number): StockSession {
    return STOCK_SESSIONS.find((market) => this.isOpen(market, ms)) ?? "closed";
  }

  /** Whether a market is open at an instant. */
  isOpen(market: Market, ms: number): boolean {
    return this.#hoursAt(market, ms) !== undefined;
  }

  /** The next instant after `ms` at which a market opens or closes. */
  nextChange(market: Market, ms: number): number {
    const open = this.#hoursAt(market, ms);
    if (open) return open.closesAt;
    for (let day = exchangeDay(ms);; day++) {
      const hours = this.hours(market, day);
      if (hours && hours.opensAt > ms) return hours.opensAt;
    }
  }

  /**
   * A market's hours of a trading day; `undefined` on other days.
   *
   * @param day as `exchangeDay` counts it; the overnight session is part of the day
   * on which it ends
   */
  hours(market: Market, day: number): TradingHours | undefined {
    const close = this.#closeOf(day);
    if (close === undefined) return undefined;
    const [from, to] = sessionMinutes(market, close);
    return { opensAt: instantAt(day, from), closesAt: instantAt(day, to) };
  }

  /**
   * Whether a day would have trading but for a closure that was passed in.
   *
   * @param day as `exchangeDay` counts it
   */
  isAnnouncedClosure(day: number): boolean {
    return this.#closures.has(day) && this.#usualCloseOf(day) !== undefined;
  }

  /**
   * Whether a connected feed must be receiving data: its market is open, and was so
   * before the feed's delay.
   */
  isDataExpected(kind: FeedKind, ms: number): boolean {
    const hours = HOURS_OF_KIND[kind];
    if (typeof hours === "string") return hours === "always";
    const { market, delayMs = 0 } = hours;
    return this.isOpen(market, ms) && this.isOpen(market, ms - delayMs);
  }

  #hoursAt(market: Market, ms: number): TradingHours | undefined {
    const today = exchangeDay(ms);
    return [today, today + 1].map((day) => this.hours(market, day))
      .find((hours) => hours && hours.opensAt <= ms && ms < hours.closesAt);
  }

  /** Minutes since midnight of the regular close; `undefined` without trading. */
  #closeOf(day: number): number | undefined {
    return this.#closures.has(day) ? undefined : this.#usualCloseOf(day);
  }

  /** The same by the rules alone, without closures that are announced. */
  #usualCloseOf(day: number): number | undefined {
    const weekday = weekdayOf(day);
    if (weekday === SATURDAY || weekday === SUNDAY) return undefined;
    const year = yearOf(day);
    let special = this.#years.get(year);
    if (!special) {
      special = specialDays(year);
      this.#years.set(year, special);
    }
    if (special.holidays.has(day)) return undefined;
    return special.earlyCloses.has(day) ? 13 * 60 : 16 * 60;
  }
}

/** Start and end in minutes since midnight, on a day with this regular close. */
function sessionMinutes(market: Market, close: number): readonly [from: number, to: number] {
  switch (market) {
    case "overnight":
      return [-4 * 60, 4 * 60];
    case "premarket":
      return [4 * 60, 9 * 60 + 30];
    case "regular":
    case "options":
      return [9 * 60 + 30, close];
    case "postmarket":
      return [close, close + 4 * 60];
  }
}

interface SpecialDays {
  readonly holidays: ReadonlySet<number>;
  /** May contain days without trading. */
  readonly earlyCloses: ReadonlySet<number>;
}

function specialDays(year: number): SpecialDays {
  const nth = (count: number, weekday: number, month: number) =>
    firstWeekday(weekday, dayOf(year, month, 1)) + 7 * (count - 1);
  const newYear = dayOf(year, 1, 1);
  const independence = dayOf(year, 7, 4);
  const thanksgiving = nth(4, THURSDAY, 11);
  const christmas = dayOf(year, 12, 25);
  return {
    holidays: new Set([
      // On a Saturday it is not observed: the Friday before ends the year's accounts.
      weekdayOf(newYear) === SUNDAY ? newYear + 1 : newYear,
      nth(3, MONDAY, 1), // Martin Luther King Jr. Day
      nth(3, MONDAY, 2), // Washington's Birthday
      easterSunday(year) - 2, // Good Friday
      firstWeekday(MONDAY, dayOf(year, 5, 25)), // Memorial Day
      ...(year >= 2022 ? [observed(dayOf(year, 6, 19))] : []), // Juneteenth
      observed(independence),
      nth(1, MONDAY, 9), // Labor Day
      thanksgiving,
      observed(christmas),
    ]),
    earlyCloses: new Set([
      independence - 1,
      thanksgiving + 1,
      christmas - 1,
    ]),
  };
}

/** Where a holiday is observed: a Saturday's on Friday, a Sunday's on Monday. */
function observed(day: number): number {
  const weekday = weekdayOf(day);
  if (weekday === SATURDAY) return day - 1;
  return weekday === SUNDAY ? day + 1 : day;
}

/** Easter Sunday by the Gregorian computus (Meeus, Jones and Butcher). */
function easterSunday(year: number): number {
  const a = year % 19;
  const b = Math.floor(year / 100);
  const c = year % 100;
  const d = Math.floor(b / 4);
  const g = Math.floor((8 * b + 13) / 25);
  const h = (19 * a + b - d - g + 15) % 30;
  const l = (32 + 2 * (b % 4) + 2 * Math.floor(c / 4) - h - c % 4) % 7;
  const m = Math.floor((a + 11 * h + 22 * l) / 451);
  const sum = h + l - 7 * m + 114;
  return dayOf(year, Math.floor(sum / 31), sum % 31 + 1);
}
