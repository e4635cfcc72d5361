/** Greeks of the simulated options, and splits of shares that have options. */
import assert from "node:assert/strict";
import type { OptionContract } from "../../../src/market/prices.ts";
import { MarketHarness } from "./market_harness.ts";

/** The contracts of the last expiry of an underlying, lowest strike first. */
function lastExpiry({ market }: MarketHarness, type: "call" | "put"): OptionContract[] {
  const chain = market.optionContracts("AAPL");
  const last = chain.reduce((day, { expiration }) => expiration > day ? expiration : day, "");
  return chain.filter((each) => each.expiration === last && each.type === type)
    .sort((a, b) => a.strike - b.strike);
}

Deno.test("deltas fall with the strike, and those of a call and its put differ by 1", () => {
  using harness = new MarketHarness("opra");
  const { market } = harness;
  const calls = lastExpiry(harness, "call").map(({ symbol }) =>
    market.greeks(symbol)?.delta ?? NaN
  );
  const puts = lastExpiry(harness, "put").map(({ symbol }) => market.greeks(symbol)?.delta ?? NaN);
  assert.ok(calls.length > 10 && calls.length === puts.length);
  for (const [at, call] of calls.entries()) {
    assert.ok(call > 0 && call < 1, `${call}`);
    // Each look at a contract is a moment later.
    assert.ok(Math.abs(call - (puts[at] ?? NaN) - 1) < 0.02, `${call} and ${puts[at]}`);
    assert.ok(at === 0 || call < (calls[at - 1] ?? NaN), `${calls}`);
  }
});

Deno.test("a call at the money moves by about half of its underlying, and loses by day", () => {
  using harness = new MarketHarness("opra");
  const { market } = harness;
  const spot = market.lastPrice("AAPL") ?? NaN;
  const [nearest] = lastExpiry(harness, "call")
    .sort((a, b) => Math.abs(a.strike - spot) - Math.abs(b.strike - spot));
  const greeks = market.greeks(nearest?.symbol ?? "");
  assert.ok(greeks);
  assert.ok(greeks.delta > 0.4 && greeks.delta < 0.7, `delta ${greeks.delta}`);
  assert.ok(greeks.gamma > 0 && greeks.vega > 0 && greeks.rho > 0 && greeks.theta < 0);
  assert.ok(greeks.impliedVolatility > 0.05 && greeks.impliedVolatility < 2);
});

Deno.test("a contract without a bid, or that is not listed, has no Greeks", () => {
  using harness = new MarketHarness("opra");
  const { market } = harness;
  const [symbol = ""] = market.optionContracts("AAPL").map((each) => each.symbol);
  assert.ok(market.greeks(symbol));
  const quote = { T: "q", S: symbol, bp: 0, bs: 0, ap: 0.01, as: 1, t: "2026-09-14T14:30:00Z" };
  market.observe("opra", quote);
  assert.equal(market.greeks(symbol), undefined);
  assert.equal(market.greeks("AAPL261218C99999000"), undefined);
  assert.equal(market.greeks("AAPL"), undefined);
});

Deno.test("a split renames contracts, which keep their value, and lists others", () => {
  using harness = new MarketHarness("opra");
  const { market } = harness;
  const before = market.optionContracts("AAPL");
  const some = lastExpiry(harness, "call").filter((_, at) => at % 5 === 0);
  const deltas = some.map(({ symbol }) => market.greeks(symbol)?.delta);
  const price = market.lastPrice("AAPL") ?? NaN;
  market.split("AAPL", 4);
  // The last trade is that of before until there is another one.
  harness.clock.advance(2_000);
  const divided = market.lastPrice("AAPL") ?? NaN;
  assert.ok(Math.abs(divided * 4 / price - 1) < 0.01, `${price}, ${divided}`);

  const after = market.optionContracts("AAPL");
  const adjusted = after.filter(({ root }) => root === "AAPL1");
  assert.deepEqual(adjusted.map(({ size }) => size), before.map(() => 400));
  assert.deepEqual(adjusted.map(({ strike }) => strike), before.map(({ strike }) => strike));
  for (const [at, { symbol }] of some.entries()) {
    const delta = market.greeks(symbol.replace(/^AAPL/, "AAPL1"))?.delta;
    const old = deltas[at];
    assert.ok(old !== undefined && delta !== undefined, symbol);
    assert.ok(Math.abs(old - delta) < 0.05, `${symbol}: ${old}, ${delta}`);
  }
  const standard = after.filter(({ root }) => root === "AAPL");
  assert.equal(standard.length + adjusted.length, after.length);
  const strikes = standard.map(({ strike }) => strike);
  assert.ok(Math.min(...strikes) < price / 4 && Math.max(...strikes) > price / 4);
  assert.ok(standard.every(({ size = 100 }) => size === 100));

  market.split("AAPL", 0.5);
  const roots = market.optionContracts("AAPL").map(({ root }) => root);
  assert.deepEqual(new Set(roots), new Set(["AAPL", "AAPL1", "AAPL2"]));
});

Deno.test("a split that is impossible is refused and changes nothing", () => {
  using harness = new MarketHarness("opra");
  const { market } = harness;
  const before = market.optionContracts("AAPL");
  for (const ratio of [0, -1, 0.001, 101, NaN]) {
    assert.throws(() => market.split("AAPL", ratio), /ratio must be from 0.01 to 100, received/);
  }
  assert.throws(() => market.split("NOSUCH", 2), /no stock NOSUCH/);
  assert.throws(() => market.split("SPX", 2), /no stock SPX/);
  assert.deepEqual(market.optionContracts("AAPL"), before);
});
