/**
 * Underlyings become contracts, as a simulated Alpaca lists and prices them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { OptionStage } from "./stage.ts";

const roots = (symbols: readonly string[]) =>
  [...new Set(symbols.map((symbol) => symbol.slice(0, -15)))].sort();

const strikeOf = (symbol: string) => Number(symbol.slice(-8)) / 1000;

function trade(stage: OptionStage, symbol: string, price: number): void {
  stage.simulator.emit("sip", [
    { T: "t", S: symbol, p: price, s: 1, t: "2026-09-14T14:30:00Z" },
  ]);
}

Deno.test("SPX includes SPXW, and CSGP its adjusted contracts", async () => {
  await using stage = await OptionStage.open();
  stage.run();
  using _index = await stage.open("SPX", { maxContracts: 1_000 });
  using _adjusted = await stage.open("CSGP", { maxContracts: 1_000 });
  await stage.seen(() => (stage.reportOf("CSGP")?.contracts ?? 0) > 0);
  assert.deepEqual(roots(stage.sink.symbols()), [
    "CSGP",
    "CSGP1",
    "SPX",
    "SPXW",
  ]);
  for (const symbol of stage.sink.symbols()) {
    const underlying = symbol.startsWith("SPX") ? "SPX" : "CSGP";
    assert.equal(stage.directory.underlyingOf(symbol), underlying);
  }
});

Deno.test("A does not include AAPL, and BRK.B includes only its own contracts", async () => {
  await using stage = await OptionStage.open();
  stage.run();
  using _agilent = await stage.open("A");
  assert.deepEqual(
    [stage.stateOf("A"), stage.reportOf("A")?.reason],
    ["ready", "no option contracts of A are listed"],
  );
  assert.deepEqual(stage.sink.symbols(), []);
  using _berkshire = await stage.open("BRK.B");
  await stage.seen(() => (stage.reportOf("BRK.B")?.contracts ?? 0) > 0);
  assert.deepEqual(roots(stage.sink.symbols()), ["BRKB"]);
});

Deno.test("an index without a stock price is centred by its options", async () => {
  await using stage = await OptionStage.open();
  stage.run();
  using _index = await stage.open("SPX");
  const { centre = 0, reason } = stage.reportOf("SPX") ?? {};
  assert.equal(reason, undefined);
  assert.ok(Math.abs(centre - 5_738) < 5_738 * 0.01, `centred on ${centre}`);
});

Deno.test("the window follows the stock's price, without flapping", async () => {
  await using stage = await OptionStage.open();
  trade(stage, "SPY", 571.9);
  stage.run();
  using _stream = await stage.open("SPY", { maxDays: 7, maxContracts: 40 });
  await stage.seen(() => stage.sink.symbols().length === 40);
  assert.equal(stage.reportOf("SPY")?.centre, 571.9);
  const before = stage.sink.symbols();
  stage.sink.calls.length = 0;
  // The 40 reach 9.9 to each side: 2.4 more or less is no reason to move.
  for (const price of [573.9, 569.6, 574.2, 570, 571.9]) {
    trade(stage, "SPY", price);
    await stage.nextPrices();
  }
  assert.deepEqual(stage.sink.calls, []);
  trade(stage, "SPY", 590);
  await stage.nextPrices();
  assert.equal(stage.reportOf("SPY")?.centre, 590);
  const strikes = stage.sink.symbols().map(strikeOf);
  assert.equal(strikes.length, 40);
  // 579 was held before, and so is not given up for 599, which is 9 away.
  assert.deepEqual([Math.min(...strikes), Math.max(...strikes)], [579, 598]);
  assert.deepEqual(
    stage.sink.calls.map(({ action }) => action),
    ["add", "remove"],
    "one change, new contracts first",
  );
  const kept = before.filter((symbol) => stage.sink.symbols().includes(symbol));
  assert.equal(kept.length, 6, "579 to 581, calls and puts");
});

Deno.test("contracts leave the day after they expire", async () => {
  // A Friday, ten seconds before midnight in New York.
  const now = Date.parse("2026-09-19T03:59:50Z");
  await using stage = await OptionStage.open({ now });
  stage.run();
  using _stream = await stage.open("SPY", { maxDays: 7, maxContracts: 1_000 });
  await stage.seen(() => stage.sink.symbols().length > 0);
  const expiries = () => [
    ...new Set(stage.sink.symbols().map((symbol) => symbol.slice(3, 9))),
  ];
  assert.deepEqual(expiries(), ["260918", "260925"]);
  await stage.nextPrices();
  assert.deepEqual(expiries(), ["260925"]);
});

Deno.test("without access the expansion is off, with the reason", async () => {
  await using stage = await OptionStage.open({ secret: "WRONG_SECRET" });
  stage.run();
  using _stream = await stage.open("SPY");
  const { state, reason = "" } = stage.reportOf("SPY") ?? {};
  assert.equal(state, "off");
  assert.match(reason, /\/v2\/options\/contracts: HTTP 401 unauthorized\.$/);
  assert.ok(!JSON.stringify(stage.log.records).includes("WRONG_SECRET"));
  assert.deepEqual(stage.sink.calls, []);
  // What others subscribe still finds its way by the directory's rules.
  assert.equal(
    stage.directory.underlyingOf("SPXW260914C05700000"),
    "SPX",
  );
});
