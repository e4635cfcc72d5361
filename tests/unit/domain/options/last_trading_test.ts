import assert from "node:assert/strict";
import fc from "fast-check";
import { dayOfDate, instantAt } from "../../../../src/domain/calendar/exchange_time.ts";
import { MarketCalendar } from "../../../../src/domain/calendar/market_calendar.ts";
import { lastTradingMoment } from "../../../../src/domain/options/last_trading.ts";
import { usualUnderlying } from "../../../../src/domain/options/underlying_directory.ts";

const day = (date: string) => dayOfDate(date) ?? NaN;

function momentOf(root: string, expiry: string, closures: readonly string[] = []): string {
  const contract = { root, underlying: usualUnderlying(root), expiryDay: day(expiry) };
  return new Date(lastTradingMoment(contract, new MarketCalendar(closures))).toISOString();
}

/** `2026-12-17 16:15` in New York, as ISO text in UTC. */
function newYork(text: string): string {
  const [date = "", time = ""] = text.split(" ");
  const [hour = NaN, minute = NaN] = time.split(":").map(Number);
  return new Date(instantAt(day(date), hour * 60 + minute)).toISOString();
}

for (
  const [name, root, expiry, expected] of [
    ["a stock", "AAPL", "2026-12-18", "2026-12-18 16:00"],
    ["a stock on an early close", "AAPL", "2026-11-27", "2026-11-27 13:00"],
    ["a stock in summer", "AAPL", "2026-07-17", "2026-07-17 16:00"],
    ["a fund that trades later", "SPY", "2026-12-18", "2026-12-18 16:15"],
    ["the same on an early close", "QQQ", "2026-11-27", "2026-11-27 13:15"],
    ["another fund", "ARKK", "2026-12-18", "2026-12-18 16:00"],
    ["SPX on the third Friday", "SPX", "2026-12-18", "2026-12-17 17:00"],
    ["SPXW on the same day", "SPXW", "2026-12-18", "2026-12-18 16:00"],
    ["SPXW on another day", "SPXW", "2026-12-09", "2026-12-09 16:00"],
    ["VIX on its Wednesday", "VIX", "2026-12-16", "2026-12-15 17:00"],
    ["VIXW on its Wednesday", "VIXW", "2026-12-09", "2026-12-08 17:00"],
    ["VIX after a holiday", "VIX", "2027-01-19", "2027-01-15 17:00"],
    ["NDX", "NDX", "2026-12-18", "2026-12-17 16:15"],
    ["NDXP", "NDXP", "2026-12-18", "2026-12-18 16:00"],
    ["RUT", "RUT", "2026-12-18", "2026-12-17 16:15"],
    ["RUTW", "RUTW", "2026-12-18", "2026-12-18 16:00"],
    ["DJX", "DJX", "2026-12-18", "2026-12-17 16:15"],
    ["XSP", "XSP", "2026-12-18", "2026-12-18 16:00"],
    ["MRUT", "MRUT", "2026-12-18", "2026-12-18 16:00"],
    // Good Friday of 2027 is March 26, of 2030 April 19: the third Friday of the month.
    ["a third Friday without trading", "AAPL", "2030-04-19", "2030-04-18 16:00"],
    ["the same, moved by the list", "AAPL", "2030-04-18", "2030-04-18 16:00"],
    ["SPX on such a Friday", "SPX", "2030-04-19", "2030-04-17 17:00"],
    ["SPX moved by the list", "SPX", "2030-04-18", "2030-04-17 17:00"],
    ["SPX after an early close", "SPX", "2026-11-30", "2026-11-27 14:00"],
    ["a Saturday, as in old lists", "AAPL", "2014-12-20", "2014-12-19 16:00"],
    ["SPX on a Saturday", "SPX", "2014-12-20", "2014-12-18 17:00"],
    ["a root that resembles SPX", "SPXL", "2026-12-18", "2026-12-18 16:00"],
  ] as const
) {
  Deno.test(`last trade: ${name}`, () => {
    assert.equal(momentOf(root, expiry), newYork(expected));
  });
}

Deno.test("an announced closure moves the last trade", () => {
  const closures = ["2026-12-17"];
  assert.equal(momentOf("SPX", "2026-12-18", closures), newYork("2026-12-16 17:00"));
  assert.equal(momentOf("AAPL", "2026-12-17", closures), newYork("2026-12-16 16:00"));
});

for (
  const [name, root, closures, expected] of [
    ["SPX", "SPX", ["2026-12-18"], "2026-12-17 17:00"],
    ["NDX", "NDX", ["2026-12-18"], "2026-12-17 16:15"],
    ["both days before", "SPX", ["2026-12-18", "2026-12-17"], "2026-12-16 17:00"],
    ["SPXW, which ends with the last session", "SPXW", ["2026-12-18"], "2026-12-17 16:00"],
  ] as const
) {
  Deno.test(`an announced closure of the expiration day: ${name}`, () => {
    assert.equal(momentOf(root, "2026-12-18", closures), newYork(expected));
  });
}

Deno.test("a holiday that is passed in as a closure too is a holiday", () => {
  assert.equal(momentOf("SPX", "2030-04-19", ["2030-04-19"]), newYork("2030-04-17 17:00"));
});

Deno.test("a contract trades last on a trading day, not after its expiration", () => {
  const calendar = new MarketCalendar();
  const roots = fc.constantFrom("SPX", "SPXW", "VIX", "NDX", "SPY", "AAPL");
  const days = fc.integer({ min: day("2020-01-01"), max: day("2045-12-31") });
  fc.assert(
    fc.property(roots, days, (root, expiryDay) => {
      const contract = { root, underlying: usualUnderlying(root), expiryDay };
      const moment = lastTradingMoment(contract, calendar);
      assert.ok(moment <= instantAt(expiryDay, 16 * 60 + 15));
      assert.ok(moment > instantAt(expiryDay - 6, 0), "holidays last four days at most");
      const later = lastTradingMoment({ ...contract, expiryDay: expiryDay + 1 }, calendar);
      assert.ok(later >= moment);
    }),
  );
});
