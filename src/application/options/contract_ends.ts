/**
 * Returns until when data of option contracts can arrive.
 *
 * @module
 */
import type { MarketCalendar } from "../../domain/calendar/market_calendar.ts";
import { parseOccSymbol } from "../../domain/market/occ_symbol.ts";
import { lastTradingMoment } from "../../domain/options/last_trading.ts";
import type { UnderlyingDirectory } from "../../domain/options/underlying_directory.ts";

/** How long after the last trading moment closing quotes and late trades may arrive, in ms. */
const LATE_MS = 900_000;

/** Expirations kept in memory; above it all are cleared. */
const MAX_KEPT = 10_000;

/** Characters of a symbol after its expiration: the right and the strike. */
const TERMS = 9;

/**
 * Returns a function from a compact OCC symbol to the wall clock ms from which on it has no data;
 * Infinity for any other symbol.
 *
 * @param options.delayMs how much later than the market the feed is
 */
export function contractEnds(
  { directory, calendar, delayMs }: {
    readonly directory: UnderlyingDirectory;
    readonly calendar: MarketCalendar;
    readonly delayMs: number;
  },
): (symbol: string) => number {
  /** By root and expiration. */
  const ends = new Map<string, number>();
  return (symbol) => {
    const key = symbol.slice(0, -TERMS);
    let end = ends.get(key);
    if (end === undefined) {
      const contract = parseOccSymbol(symbol);
      if (!contract) return Infinity;
      const { root, expiry: expiryDay } = contract;
      const underlying = directory.underlyingOf(symbol);
      end = lastTradingMoment({ root, underlying, expiryDay }, calendar) + delayMs + LATE_MS;
      if (ends.size >= MAX_KEPT) ends.clear();
      ends.set(key, end);
    }
    return end;
  };
}
