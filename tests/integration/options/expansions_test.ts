/**
 * Underlyings become contracts, as a simulated Alpaca lists and prices them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { NOW, OptionHarness } from "./harness.ts";

const roots = (symbols: readonly string[]) =>
  [...new Set(symbols.map((symbol) => symbol.slice(0, -15)))].sort();

const strikeOf = (symbol: string) => Number(symbol.slice(-8)) / 1000;

/** @param after ms since the first trades */
function trade(harness: OptionHarness, symbol: string, price: number, after = 0): void {
  const t = new Date(NOW + after).toISOString();
  harness.simulator.emit("sip", [{ T: "t", S: symbol, p: price, s: 1, t }]);
}

Deno.test("SPX includes SPXW, and CSGP its adjusted contracts", async () => {
  await using harness = await OptionHarness.open();
  harness.run();
  using _index = await harness.open("SPX", { maxContracts: 1_000 });
  using _adjusted = await harness.open("CSGP", { maxContracts: 1_000, includeAdjusted: true });
  await harness.seen(() => (harness.reportOf("CSGP")?.contracts ?? 0) > 0);
  assert.deepEqual(roots(harness.sink.symbols()), [
    "CSGP",
    "CSGP1",
    "SPX",
    "SPXW",
  ]);
  for (const symbol of harness.sink.symbols()) {
    const underlying = symbol.startsWith("SPX") ? "SPX" : "CSGP";
    assert.equal(harness.directory.underlyingOf(symbol), underlying);
  }
});

Deno.test("adjusted contracts are selected on request only", async () => {
  await using harness = await OptionHarness.open();
  harness.run();
  using _stream = await harness.open("CSGP", { maxContracts: 1_000 });
  await harness.seen(() => (harness.reportOf("CSGP")?.contracts ?? 0) > 0);
  assert.deepEqual(roots(harness.sink.symbols()), ["CSGP"]);
});

Deno.test("contracts that are not tradable are not selected", async () => {
  const untradableContracts = /00570000$/;
  const atTheMoney = { maxExpiries: 1, maxContracts: 6 };
  for (const rest of [{}, { untradableContracts }, { untradableContracts: /./ }]) {
    await using harness = await OptionHarness.open({ simulator: { rest } });
    trade(harness, "SPY", 570);
    harness.run();
    using _stream = await harness.open("SPY", atTheMoney);
    await harness.seen(() => harness.sink.symbols().length === 6);
    const strikes = [...new Set(harness.sink.symbols().map(strikeOf))].sort();
    const isLeftOut = rest.untradableContracts === untradableContracts;
    // As of an index whose options Alpaca does not trade, all of them are selected.
    assert.deepEqual(strikes, isLeftOut ? [568, 569, 571] : [569, 570, 571]);
  }
});

Deno.test("A does not include AAPL, and BRK.B includes only its own contracts", async () => {
  await using harness = await OptionHarness.open();
  harness.run();
  using _agilent = await harness.open("A");
  assert.deepEqual(
    [harness.stateOf("A"), harness.reportOf("A")?.reason],
    ["ready", "no option contracts of A are listed"],
  );
  assert.deepEqual(harness.sink.symbols(), []);
  using _berkshire = await harness.open("BRK.B");
  await harness.seen(() => (harness.reportOf("BRK.B")?.contracts ?? 0) > 0);
  assert.deepEqual(roots(harness.sink.symbols()), ["BRKB"]);
});

Deno.test("an index without a stock price is centred by its options", async () => {
  await using harness = await OptionHarness.open();
  harness.run();
  using _index = await harness.open("SPX");
  const { centre = 0, reason } = harness.reportOf("SPX") ?? {};
  assert.equal(reason, undefined);
  assert.ok(Math.abs(centre - 5_738) < 5_738 * 0.01, `centred on ${centre}`);
});

Deno.test("the window follows the stock's price, without flapping", async () => {
  await using harness = await OptionHarness.open();
  trade(harness, "SPY", 571.9);
  harness.run();
  using _stream = await harness.open("SPY", { maxDays: 7, maxContracts: 40 });
  await harness.seen(() => harness.sink.symbols().length === 40);
  assert.equal(harness.reportOf("SPY")?.centre, 571.9);
  const before = harness.sink.symbols();
  harness.sink.calls.length = 0;
  // The 40 reach 9.9 to each side: 2 more or less is no reason to move.
  for (const price of [573.9, 569.9, 573.8, 570, 571.9]) {
    trade(harness, "SPY", price);
    await harness.nextPrices();
  }
  assert.deepEqual(harness.sink.calls, []);
  // The simulator's options do not follow it: a second trade confirms the first.
  for (const after of [1_000, 2_000]) {
    trade(harness, "SPY", 590, after);
    await harness.nextPrices();
  }
  assert.equal(harness.reportOf("SPY")?.centre, 590);
  const strikes = harness.sink.symbols().map(strikeOf);
  assert.equal(strikes.length, 40);
  // 578 was held before, and so is not given up for 598, which is 8 away.
  assert.deepEqual([Math.min(...strikes), Math.max(...strikes)], [578, 597]);
  assert.deepEqual(
    harness.sink.calls.map(({ action }) => action),
    ["add", "remove"],
    "one change, new contracts first",
  );
  const kept = before.filter((symbol) => harness.sink.symbols().includes(symbol));
  assert.equal(kept.length, 8, "578 to 581, calls and puts");
});

Deno.test("contracts leave when they stop trading", async () => {
  // A Friday, ten seconds before options of SPY stop trading.
  const now = Date.parse("2026-09-18T20:14:50Z");
  await using harness = await OptionHarness.open({ now });
  harness.run();
  using _stream = await harness.open("SPY", {
    maxDays: 7,
    maxContracts: 1_000,
  });
  await harness.seen(() => harness.sink.symbols().length > 0);
  const expiries = () => [
    ...new Set(harness.sink.symbols().map((symbol) => symbol.slice(3, 9))),
  ];
  assert.deepEqual(expiries(), ["260918", "260925"]);
  await harness.nextPrices();
  assert.deepEqual(expiries(), ["260925"]);
});

Deno.test("without access the expansion is off, with the reason", async () => {
  await using harness = await OptionHarness.open({ secret: "WRONG_SECRET" });
  harness.run();
  using _stream = await harness.open("SPY");
  const { state, reason = "" } = harness.reportOf("SPY") ?? {};
  assert.equal(state, "off");
  assert.match(reason, /\/v2\/options\/contracts: HTTP 401 unauthorized\.$/);
  assert.ok(!JSON.stringify(harness.log.records).includes("WRONG_SECRET"));
  assert.deepEqual(harness.sink.calls, []);
  // What others subscribe still finds its way by the directory's rules.
  assert.equal(
    harness.directory.underlyingOf("SPXW260914C05700000"),
    "SPX",
  );
});
