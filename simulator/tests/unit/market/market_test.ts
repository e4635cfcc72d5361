import assert from "node:assert/strict";
import { parseOptionSymbol } from "../../../src/protocol/option_symbol.ts";
import { MarketHarness, type Shown } from "./market_harness.ts";

function run(seed: string): Shown[] {
  using harness = new MarketHarness("sip", { seed });
  harness.follow("quotes", "AAPL", "F").follow("trades", "*");
  harness.clock.advance(1200);
  return harness.messages.slice(0, 1000);
}

Deno.test("the same seed gives the same first thousand messages", () => {
  const first = run("one");
  assert.equal(first.length, 1000);
  assert.deepEqual(run("one"), first);
  assert.notDeepEqual(run("two"), first);
});

Deno.test("the rate is as set and can be changed", () => {
  using harness = new MarketHarness("sip", { rate: 2000 });
  harness.follow("quotes", "*");
  harness.clock.advance(5000);
  assert.ok(Math.abs(harness.messages.length - 10_000) <= 10);
  harness.messages.length = 0;
  harness.market.messagesPerSecond = 1;
  harness.clock.advance(10_000);
  assert.ok(Math.abs(harness.messages.length - 10) <= 1);
  assert.throws(
    () => harness.market.messagesPerSecond = 200_001,
    /from 0 to 200000, received 200001/,
  );
});

Deno.test("each symbol has its own rate, independent of other subscriptions", () => {
  using harness = new MarketHarness("sip", { symbolRate: 100 });
  harness.follow("quotes", "AAPL").follow("trades", "AAPL");
  const received = () => {
    harness.messages.length = 0;
    harness.clock.advance(20_000);
    const of = (type: string, symbol: string) =>
      harness.of(type).filter((message) => message.S === symbol).length / 20;
    return { quotes: of("q", "AAPL"), trades: of("t", "AAPL"), others: of("q", "MSFT") };
  };
  const isNear = (rate: number, expected: number) => Math.abs(rate - expected) < 0.15 * expected;

  const alone = received();
  assert.ok(isNear(alone.quotes, 80) && isNear(alone.trades, 20), JSON.stringify(alone));
  harness.follow("quotes", "*");
  const shared = received();
  assert.ok(isNear(shared.quotes, 80) && isNear(shared.trades, 20), JSON.stringify(shared));
  assert.ok(isNear(shared.others, 80), JSON.stringify(shared));
  assert.ok(isNear(harness.market.messagesPerSecond, 70 * 80 + 20));
});

Deno.test("above the maximum total all symbols slow down evenly", () => {
  using harness = new MarketHarness("sip", { symbolRate: 100, rate: 1000 });
  const quotesOf = (symbol: string) => {
    harness.messages.length = 0;
    harness.clock.advance(20_000);
    return harness.of("q").filter((message) => message.S === symbol).length / 20;
  };
  harness.follow("quotes", "AAPL");
  assert.ok(Math.abs(quotesOf("AAPL") - 80) < 8);
  harness.follow("quotes", "*");
  assert.equal(harness.market.messagesPerSecond, 1000);
  assert.ok(Math.abs(quotesOf("AAPL") - 1000 / 70) < 3);
  assert.ok(Math.abs(harness.messages.length - 20_000) <= 20);
});

Deno.test("a total set later replaces the rate of each symbol", () => {
  using harness = new MarketHarness("sip", { symbolRate: 100 });
  harness.follow("quotes", "*");
  harness.market.messagesPerSecond = 10;
  harness.clock.advance(10_000);
  assert.ok(Math.abs(harness.messages.length - 100) <= 1);
});

Deno.test("a market at rate 0 generates nothing", () => {
  using harness = new MarketHarness("test", { rate: 0 });
  harness.follow("quotes", "*").follow("bars", "*");
  harness.clock.advance(600_000);
  assert.deepEqual(harness.messages, []);
});

Deno.test("nothing is generated without a subscription", () => {
  using harness = new MarketHarness("sip");
  harness.follow("quotes", "AAPL", "NOSUCH");
  harness.clock.advance(2000);
  assert.deepEqual([...new Set(harness.messages.map(({ T, S }) => T + S))], [
    "qAAPL",
  ]);
});

Deno.test("bids are below asks and trades are at or between them", () => {
  using harness = new MarketHarness("sip", { rate: 20_000 });
  harness.follow("quotes", "*").follow("trades", "*");
  harness.clock.advance(3000);
  const quotes = new Map<string, Shown>();
  let checked = 0;
  for (const message of harness.messages) {
    if (message.T === "q") {
      assert.ok(Number(message["bp"]) > 0);
      assert.ok(Number(message["bp"]) < Number(message["ap"]));
      assert.ok(Number.isInteger(message["bs"]));
      quotes.set(message.S, message);
    }
    const quote = quotes.get(message.S);
    if (message.T !== "t" || !quote) continue;
    assert.ok(Number(message["p"]) >= Number(quote["bp"]));
    assert.ok(Number(message["p"]) <= Number(quote["ap"]));
    checked++;
  }
  assert.ok(checked > 5000);
});

Deno.test("trades have unique ids and increasing times", () => {
  using harness = new MarketHarness("sip", { rate: 500 });
  harness.follow("trades", "AAPL");
  harness.clock.advance(10_000);
  const regular = harness.of("t").filter((trade) => !(trade["c"] as string[]).includes("Z"));
  const ids = harness.of("t").map((trade) => trade["i"]);
  assert.equal(new Set(ids).size, ids.length);
  for (const [index, trade] of regular.entries()) {
    const before = regular[index - 1];
    if (!before) continue;
    const pad = (text: unknown) => String(text).replace("Z", "").padEnd(29, "0");
    assert.ok(pad(trade["t"]) >= pad(before["t"]));
  }
});

Deno.test("only codes of Alpaca's tables occur", () => {
  const exchanges = [..."ABCDEHIJKLMNPQSTUVWXYZ"];
  const conditions = [..." @BCEFHIKLMNOPQRTUVXZ45679AGDSWY1"];
  for (const feed of ["sip", "iex", "boats", "overnight"] as const) {
    using harness = new MarketHarness(feed, { rate: 5000 });
    harness.follow("quotes", "*").follow("trades", "*");
    harness.clock.advance(1000);
    for (const message of harness.messages) {
      const codes = [message["x"], message["bx"], message["ax"]];
      for (const code of codes.filter((one) => one !== undefined)) {
        assert.ok(exchanges.includes(String(code)));
      }
      for (const code of message["c"] as string[]) {
        assert.ok(conditions.includes(code));
      }
      assert.ok("ABCN".includes(String(message["z"])));
    }
  }
});

Deno.test("iex shows one exchange, delayed feeds lag by 15 minutes", () => {
  using iex = new MarketHarness("iex");
  iex.follow("quotes", "AAPL");
  iex.clock.advance(100);
  assert.ok(iex.messages.every(({ bx, ax }) => bx === "V" && ax === "V"));
  using delayed = new MarketHarness("delayed_sip");
  delayed.follow("quotes", "AAPL");
  delayed.clock.advance(100);
  assert.match(String(delayed.messages[0]?.["t"]), /T14:15:00/);
});

Deno.test("bars are made of the trades that were sent", () => {
  using harness = new MarketHarness("sip", { rate: 100 });
  harness.follow("trades", "AAPL").follow("bars", "AAPL");
  harness.clock.advance(60_100);
  const [bar] = harness.of("b");
  assert.equal(bar?.["t"], "2026-09-14T14:30:00Z");
  const inMinute = harness.of("t").filter((trade) =>
    String(trade["t"]).startsWith("2026-09-14T14:30") &&
    !(trade["c"] as string[]).includes("Z")
  );
  const eligible = inMinute
    .filter((trade) => !(trade["c"] as string[]).includes("I"))
    .map((trade) => Number(trade["p"]));
  const sizes = inMinute.map((trade) => Number(trade["s"]));
  assert.equal(bar?.["o"], eligible[0]);
  assert.equal(bar?.["c"], eligible.at(-1));
  assert.equal(bar?.["h"], Math.max(...eligible));
  assert.equal(bar?.["l"], Math.min(...eligible));
  assert.equal(bar?.["n"], inMinute.length);
  assert.equal(bar?.["v"], sizes.reduce((sum, size) => sum + size, 0));
});

Deno.test("bars do not need a subscription to trades and have the set length", () => {
  using harness = new MarketHarness("sip", { barSeconds: 5 });
  harness.follow("bars", "AAPL", "F", "GE").follow("dailyBars", "AAPL");
  harness.clock.advance(60_100);
  const bars = harness.of("b");
  assert.ok(bars.length > 24);
  for (const bar of bars) {
    assert.ok(Number(bar["l"]) <= Number(bar["o"]));
    assert.ok(Number(bar["h"]) >= Number(bar["c"]));
    assert.ok(Number(bar["vw"]) > 0);
  }
  assert.deepEqual(harness.of("t"), []);
  const days = harness.of("d");
  assert.equal(days[0]?.["t"], "2026-09-14T04:00:00Z");
  const volumes = days.map((day) => Number(day["v"]));
  assert.deepEqual(volumes.toSorted((a, b) => a - b), volumes);
});

Deno.test("a late trade changes its bar half a bar later", () => {
  using harness = new MarketHarness("sip", { rate: 50, barSeconds: 10 });
  harness.follow("trades", "AAPL").follow("bars", "*").follow(
    "updatedBars",
    "*",
  );
  harness.clock.advance(10_500);
  harness.faults.lateTrades();
  harness.clock.advance(6000);
  const bar = harness.of("b").find(({ S }) => S === "AAPL");
  const update = harness.of("u").find(({ S }) => S === "AAPL");
  assert.equal(update?.["t"], bar?.["t"]);
  assert.ok(Number(update?.["n"]) > Number(bar?.["n"]));
  assert.ok(Number(update?.["v"]) > Number(bar?.["v"]));
  const late = harness.of("t").filter(({ c }) => (c as string[]).includes("Z"));
  assert.ok(late.length >= 1);
});

Deno.test("corrections and cancels repeat the trade they concern", () => {
  using harness = new MarketHarness("sip", { rate: 100 });
  harness.follow("trades", "*");
  harness.follow("corrections", "*").follow("cancelErrors", "*");
  harness.faults.correctTrades();
  harness.faults.cancelTrades();
  harness.clock.advance(100);
  const [correction] = harness.of("c");
  const [cancel] = harness.of("x");
  const trade = (id: unknown) => harness.of("t").find(({ i }) => i === id);
  const corrected = trade(correction?.["oi"]);
  assert.equal(corrected?.["p"], correction?.["op"]);
  assert.deepEqual(corrected?.["c"], correction?.["oc"]);
  assert.notEqual(correction?.["ci"], correction?.["oi"]);
  assert.equal(trade(cancel?.["i"])?.["p"], cancel?.["p"]);
  assert.match(String(cancel?.["a"]), /^[CE]$/);
});

Deno.test("a halted symbol has no quotes and trades between its two statuses", () => {
  using harness = new MarketHarness("sip", { haltEverySeconds: 5, rate: 200 });
  harness.follow("statuses", "AAPL").follow("imbalances", "AAPL");
  harness.follow("trades", "AAPL").follow("quotes", "AAPL", "F");
  harness.clock.advance(60_000);
  const own = harness.messages.filter(({ S }) => S === "AAPL");
  const halt = own.findIndex(({ T }) => T === "s");
  const resume = own.findIndex(({ T }, at) => at > halt && T === "s");
  assert.deepEqual([own[halt]?.["sc"], own[halt]?.["rc"]], ["P", "LUDP"]);
  assert.equal(own[resume]?.["sc"], "T");
  const between = own.slice(halt + 1, resume).map(({ T }) => T);
  assert.ok(between.length > 5);
  assert.ok(between.every((type) => type === "i"));
});

Deno.test("price bands surround the price", () => {
  using harness = new MarketHarness("sip");
  harness.follow("lulds", "AAPL");
  harness.clock.advance(60_000);
  const [band] = harness.of("l");
  const price = harness.market.lastPrice("AAPL") ?? 0;
  assert.ok(Number(band?.["d"]) < price && price < Number(band?.["u"]));
});

Deno.test("a muted symbol sends nothing while the others do", () => {
  using harness = new MarketHarness("sip");
  harness.follow("quotes", "AAPL", "F");
  harness.faults.muteSymbol("AAPL");
  harness.clock.advance(1000);
  assert.deepEqual([...new Set(harness.messages.map(({ S }) => S))], ["F"]);
});

Deno.test("the test stream quotes FAKEPACA every five seconds", () => {
  using harness = new MarketHarness("test", { rate: 1 });
  harness.follow("quotes", "*").follow("trades", "*", "AAPL").follow(
    "bars",
    "*",
  );
  harness.clock.advance(59_900);
  assert.equal(harness.of("q").length, 12);
  assert.equal(harness.of("t").length, 12);
  harness.clock.advance(200);
  assert.equal(harness.of("b").length, 1);
  assert.ok(harness.messages.every(({ S }) => S === "FAKEPACA"));
});

Deno.test("trades outside regular hours have an extended-hours condition", () => {
  const startMs = Date.parse("2026-09-14T09:00:00Z");
  using harness = new MarketHarness("sip", { startMs });
  harness.follow("trades", "AAPL");
  harness.clock.advance(500);
  const late = harness.of("t").filter(({ c }) => !(c as string[]).includes("Z"));
  assert.ok(late.length > 100);
  assert.ok(late.every(({ c }) => (c as string[]).includes("T")));
});

Deno.test("option chains surround the price and their symbols parse", () => {
  using harness = new MarketHarness("opra");
  const contracts = harness.market.optionContracts();
  assert.ok(contracts.length > 10_000);
  for (const { symbol, root, expiration, type, strike } of contracts) {
    assert.deepEqual(parseOptionSymbol(symbol), {
      root,
      expiration,
      type,
      strike,
    });
    assert.ok(Date.parse(expiration) > harness.clock.now());
  }
  const spy = harness.market.optionContracts("SPY");
  assert.ok(spy.length > 1000);
  const strikes = spy.map(({ strike }) => strike);
  const price = harness.market.lastPrice("SPY") ?? 0;
  assert.ok(Math.min(...strikes) < price && price < Math.max(...strikes));
});

Deno.test("roots differ from underlyings as on the exchanges", () => {
  using harness = new MarketHarness("opra");
  const roots = (underlying: string) =>
    new Set(
      harness.market.optionContracts(underlying).map(({ root }) => root),
    );
  assert.deepEqual(roots("SPX"), new Set(["SPX", "SPXW"]));
  assert.deepEqual(roots("CSGP"), new Set(["CSGP", "CSGP1"]));
  assert.deepEqual(roots("BRK.B"), new Set(["BRKB"]));
  assert.equal(harness.market.optionContracts("NOSUCH").length, 0);
});

Deno.test("option prices follow their underlying", () => {
  using harness = new MarketHarness("opra", { rate: 5000 });
  const chain = harness.market.optionContracts("AAPL");
  harness.follow("quotes", ...chain.map(({ symbol }) => symbol));
  harness.clock.advance(3000);
  const spot = harness.market.lastPrice("AAPL") ?? 0;
  assert.ok(harness.messages.length > 10_000);
  for (const quote of harness.messages) {
    const terms = parseOptionSymbol(quote.S);
    const { strike = 0, type } = terms ?? {};
    const intrinsic = type === "call" ? spot - strike : strike - spot;
    assert.ok(Number(quote["bp"]) < Number(quote["ap"]));
    assert.ok(Number(quote["ap"]) > intrinsic - spot * 0.03);
    assert.ok(Number(quote["bp"]) < Math.max(0, intrinsic) + spot * 0.15);
    assert.equal(typeof quote["c"], "string");
  }
});

Deno.test("prices without subscribers move, prices that a test sent stay", () => {
  using harness = new MarketHarness("sip", { rate: 0 });
  const before = harness.market.quote("AAPL");
  harness.clock.advance(60_000);
  assert.notDeepEqual(harness.market.quote("AAPL"), before);
  const quote = { T: "q", S: "AAPL", bp: 10, bs: 1, ap: 11, as: 2 };
  harness.market.observe("sip", quote);
  harness.clock.advance(60_000);
  assert.deepEqual(harness.market.quote("AAPL"), {
    bid: 10,
    bidSize: 1,
    ask: 11,
    askSize: 2,
  });
  assert.equal(harness.market.quote("NOSUCH"), undefined);
});

Deno.test("a universe may have eleven thousand well-formed symbols", () => {
  using harness = new MarketHarness("sip", { universeSize: 11_000, rate: 0 });
  const symbols = harness.market.stockSymbols();
  assert.equal(new Set(symbols).size, 11_000);
  assert.ok(symbols.every((symbol) => /^[A-Z]{1,5}(\.[A-Z])?$/.test(symbol)));
});

Deno.test("the latest trade and quote of a stock are known", () => {
  using harness = new MarketHarness("sip");
  harness.follow("trades", "AAPL");
  harness.clock.advance(61_000);
  const { market } = harness;
  assert.equal(market.latestTrade("AAPL")?.T, "t");
  assert.equal(market.latestQuote("AAPL")?.S, "AAPL");
  assert.equal(market.latestTrade("NOSUCH"), undefined);
});
