import assert from "node:assert/strict";
import { contractEnds } from "../../../../src/application/options/contract_ends.ts";
import { MarketCalendar } from "../../../../src/domain/calendar/market_calendar.ts";
import { UnderlyingDirectory } from "../../../../src/domain/options/underlying_directory.ts";

const MINUTE_MS = 60_000;

/** Contract, and the instant in UTC at which it stops trading. */
const ENDS: readonly (readonly [symbol: string, end: string])[] = [
  ["AAPL260918C00250000", "2026-09-18T20:00:00Z"],
  ["SPY260918P00650000", "2026-09-18T20:15:00Z"],
  ["SPXW260918C05700000", "2026-09-18T20:00:00Z"],
  // An early close.
  ["AAPL261127C00250000", "2026-11-27T18:00:00Z"],
];

for (const [symbol, end] of ENDS) {
  Deno.test(`${symbol} has data until a quarter of an hour after its last trade`, () => {
    const parts = { directory: new UnderlyingDirectory(), calendar: new MarketCalendar() };
    const expected = Date.parse(end) + 15 * MINUTE_MS;
    assert.equal(contractEnds({ ...parts, delayMs: 0 })(symbol), expected);
    assert.equal(
      contractEnds({ ...parts, delayMs: 15 * MINUTE_MS })(symbol),
      expected + 15 * MINUTE_MS,
      "a delayed feed",
    );
  });
}

Deno.test("AM-settled contracts end on the trading day before their expiration", () => {
  const endOf = contractEnds({
    directory: new UnderlyingDirectory(),
    calendar: new MarketCalendar(),
    delayMs: 0,
  });
  for (const symbol of ["SPX260918C05700000", "SPX260918P05500000"]) {
    assert.ok(endOf(symbol) < Date.parse("2026-09-18T04:00:00Z"), symbol);
    assert.ok(endOf(symbol) > Date.parse("2026-09-17T20:00:00Z"), symbol);
  }
});

Deno.test("a symbol that is no contract has no end", () => {
  const endOf = contractEnds({
    directory: new UnderlyingDirectory(),
    calendar: new MarketCalendar(),
    delayMs: 0,
  });
  for (const symbol of ["*", "AAPL", "", "SPY260231C00650000"]) {
    assert.equal(endOf(symbol), Infinity);
  }
});
