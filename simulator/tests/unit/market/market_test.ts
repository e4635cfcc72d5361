import assert from "node:assert/strict";
import { ManualClock } from "../../../src/clock.ts";
import { Faults } from "../../../src/faults.ts";
import { Market } from "../../../src/market/market.ts";
import { parseOptionSymbol } from "../../../src/market/option_chains.ts";
import type { ChannelName } from "../../../src/protocol/endpoints.ts";
import {
  type EndpointName,
  ENDPOINTS,
} from "../../../src/protocol/endpoints.ts";
import { SeededRandom } from "../../../src/random.ts";
import {
  type Subscriber,
  Subscribers,
} from "../../../src/session/subscribers.ts";

type Shown = Record<string, unknown> & { T: string; S: string };

/** A market with one client of JSON elements on one endpoint. */
class MarketBench implements Disposable {
  readonly clock: ManualClock;
  readonly faults = new Faults();
  readonly market: Market;
  readonly elements: Shown[] = [];
  readonly #subscribers: Subscribers;
  readonly #subscriber: Subscriber;

  constructor(
    endpoint: EndpointName,
    options: {
      seed?: string;
      rate?: number;
      universeSize?: number;
      barSeconds?: number;
      startMs?: number;
      haltEverySeconds?: number;
    } = {},
  ) {
    this.clock = new ManualClock(options.startMs);
    const subscribers = new Map(
      ENDPOINTS.map(({ name }) => [name, new Subscribers()]),
    );
    // Every endpoint has subscribers; they were made one line above.
    this.#subscribers = subscribers.get(endpoint) as Subscribers;
    this.#subscriber = {
      encoding: "json",
      deliver: (text) => this.elements.push(JSON.parse(String(text))),
      flush: () => {},
    };
    this.market = new Market({
      clock: this.clock,
      random: new SeededRandom(options.seed ?? "test"),
      faults: this.faults,
      subscribers,
      universeSize: options.universeSize ?? 70,
      messagesPerSecond: options.rate ?? 1000,
      tickMs: 10,
      barSeconds: options.barSeconds ?? 60,
      haltEverySeconds: options.haltEverySeconds ?? 0,
    });
  }

  follow(channel: ChannelName, ...symbols: string[]): this {
    for (const symbol of symbols) {
      const interest = { change: "add" as const, channel, symbol };
      this.#subscribers.change(this.#subscriber, interest);
    }
    return this;
  }

  of(type: string): Shown[] {
    return this.elements.filter((element) => element.T === type);
  }

  [Symbol.dispose](): void {
    this.market[Symbol.dispose]();
  }
}

function run(seed: string): Shown[] {
  using bench = new MarketBench("sip", { seed });
  bench.follow("quotes", "AAPL", "F").follow("trades", "*");
  bench.clock.advance(1200);
  return bench.elements.slice(0, 1000);
}

Deno.test("the same seed gives the same first thousand elements", () => {
  const first = run("one");
  assert.equal(first.length, 1000);
  assert.deepEqual(run("one"), first);
  assert.notDeepEqual(run("two"), first);
});

Deno.test("the rate is what was asked for and can be changed", () => {
  using bench = new MarketBench("sip", { rate: 2000 });
  bench.follow("quotes", "*");
  bench.clock.advance(5000);
  assert.ok(Math.abs(bench.elements.length - 10_000) <= 10);
  bench.elements.length = 0;
  bench.market.messagesPerSecond = 1;
  bench.clock.advance(10_000);
  assert.ok(Math.abs(bench.elements.length - 10) <= 1);
  assert.throws(
    () => bench.market.messagesPerSecond = 200_001,
    /from 0 to 200000, received 200001/,
  );
});

Deno.test("a market at rate 0 makes nothing", () => {
  using bench = new MarketBench("test", { rate: 0 });
  bench.follow("quotes", "*").follow("bars", "*");
  bench.clock.advance(600_000);
  assert.deepEqual(bench.elements, []);
});

Deno.test("nothing is made for what nobody follows", () => {
  using bench = new MarketBench("sip");
  bench.follow("quotes", "AAPL", "NOSUCH");
  bench.clock.advance(2000);
  assert.deepEqual([...new Set(bench.elements.map(({ T, S }) => T + S))], [
    "qAAPL",
  ]);
});

Deno.test("bids are below asks and trades are at or between them", () => {
  using bench = new MarketBench("sip", { rate: 20_000 });
  bench.follow("quotes", "*").follow("trades", "*");
  bench.clock.advance(3000);
  const quotes = new Map<string, Shown>();
  let checked = 0;
  for (const element of bench.elements) {
    if (element.T === "q") {
      assert.ok(Number(element["bp"]) > 0);
      assert.ok(Number(element["bp"]) < Number(element["ap"]));
      assert.ok(Number.isInteger(element["bs"]));
      quotes.set(element.S, element);
    }
    const quote = quotes.get(element.S);
    if (element.T !== "t" || !quote) continue;
    assert.ok(Number(element["p"]) >= Number(quote["bp"]));
    assert.ok(Number(element["p"]) <= Number(quote["ap"]));
    checked++;
  }
  assert.ok(checked > 5000);
});

Deno.test("trades carry fresh ids, and times that do not run back", () => {
  using bench = new MarketBench("sip", { rate: 500 });
  bench.follow("trades", "AAPL");
  bench.clock.advance(10_000);
  const regular = bench.of("t").filter((trade) =>
    !(trade["c"] as string[]).includes("Z")
  );
  const ids = bench.of("t").map((trade) => trade["i"]);
  assert.equal(new Set(ids).size, ids.length);
  for (const [index, trade] of regular.entries()) {
    const before = regular[index - 1];
    if (!before) continue;
    const pad = (text: unknown) =>
      String(text).replace("Z", "").padEnd(29, "0");
    assert.ok(pad(trade["t"]) >= pad(before["t"]));
  }
});

Deno.test("only codes of Alpaca's tables occur", () => {
  const exchanges = [..."ABCDEHIJKLMNPQSTUVWXYZ"];
  const conditions = [..." @BCEFHIKLMNOPQRTUVXZ45679AGDSWY1"];
  for (const feed of ["sip", "iex", "boats", "overnight"] as const) {
    using bench = new MarketBench(feed, { rate: 5000 });
    bench.follow("quotes", "*").follow("trades", "*");
    bench.clock.advance(1000);
    for (const element of bench.elements) {
      const codes = [element["x"], element["bx"], element["ax"]];
      for (const code of codes.filter((one) => one !== undefined)) {
        assert.ok(exchanges.includes(String(code)));
      }
      for (const code of element["c"] as string[]) {
        assert.ok(conditions.includes(code));
      }
      assert.ok("ABCN".includes(String(element["z"])));
    }
  }
});

Deno.test("iex shows one exchange, delayed feeds lag by 15 minutes", () => {
  using iex = new MarketBench("iex");
  iex.follow("quotes", "AAPL");
  iex.clock.advance(100);
  assert.ok(iex.elements.every(({ bx, ax }) => bx === "V" && ax === "V"));
  using delayed = new MarketBench("delayed_sip");
  delayed.follow("quotes", "AAPL");
  delayed.clock.advance(100);
  assert.match(String(delayed.elements[0]?.["t"]), /T14:15:00/);
});

Deno.test("bars are made of the trades that were sent", () => {
  using bench = new MarketBench("sip", { rate: 100 });
  bench.follow("trades", "AAPL").follow("bars", "AAPL");
  bench.clock.advance(60_100);
  const [bar] = bench.of("b");
  assert.equal(bar?.["t"], "2026-09-14T14:30:00Z");
  const inMinute = bench.of("t").filter((trade) =>
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

Deno.test("bars come without trades too, and as often as was set", () => {
  using bench = new MarketBench("sip", { barSeconds: 5 });
  bench.follow("bars", "AAPL", "F", "GE").follow("dailyBars", "AAPL");
  bench.clock.advance(60_100);
  const bars = bench.of("b");
  assert.ok(bars.length > 24);
  for (const bar of bars) {
    assert.ok(Number(bar["l"]) <= Number(bar["o"]));
    assert.ok(Number(bar["h"]) >= Number(bar["c"]));
    assert.ok(Number(bar["vw"]) > 0);
  }
  assert.deepEqual(bench.of("t"), []);
  const days = bench.of("d");
  assert.equal(days[0]?.["t"], "2026-09-14T04:00:00Z");
  const volumes = days.map((day) => Number(day["v"]));
  assert.deepEqual(volumes.toSorted((a, b) => a - b), volumes);
});

Deno.test("a late trade changes its bar half a bar later", () => {
  using bench = new MarketBench("sip", { rate: 50, barSeconds: 10 });
  bench.follow("trades", "AAPL").follow("bars", "*").follow("updatedBars", "*");
  bench.clock.advance(10_500);
  bench.faults.lateTrades();
  bench.clock.advance(6000);
  const bar = bench.of("b").find(({ S }) => S === "AAPL");
  const update = bench.of("u").find(({ S }) => S === "AAPL");
  assert.equal(update?.["t"], bar?.["t"]);
  assert.ok(Number(update?.["n"]) > Number(bar?.["n"]));
  assert.ok(Number(update?.["v"]) > Number(bar?.["v"]));
  const late = bench.of("t").filter(({ c }) => (c as string[]).includes("Z"));
  assert.ok(late.length >= 1);
});

Deno.test("corrections and cancels repeat the trade they concern", () => {
  using bench = new MarketBench("sip", { rate: 100 });
  bench.follow("trades", "*");
  bench.follow("corrections", "*").follow("cancelErrors", "*");
  bench.faults.correctTrades();
  bench.faults.cancelTrades();
  bench.clock.advance(100);
  const [correction] = bench.of("c");
  const [cancel] = bench.of("x");
  const trade = (id: unknown) => bench.of("t").find(({ i }) => i === id);
  const corrected = trade(correction?.["oi"]);
  assert.equal(corrected?.["p"], correction?.["op"]);
  assert.deepEqual(corrected?.["c"], correction?.["oc"]);
  assert.notEqual(correction?.["ci"], correction?.["oi"]);
  assert.equal(trade(cancel?.["i"])?.["p"], cancel?.["p"]);
  assert.match(String(cancel?.["a"]), /^[CE]$/);
});

Deno.test("a halted symbol is silent between its two statuses", () => {
  using bench = new MarketBench("sip", { haltEverySeconds: 5, rate: 200 });
  bench.follow("statuses", "AAPL").follow("imbalances", "AAPL");
  bench.follow("trades", "AAPL").follow("quotes", "AAPL", "F");
  bench.clock.advance(60_000);
  const own = bench.elements.filter(({ S }) => S === "AAPL");
  const halt = own.findIndex(({ T }) => T === "s");
  const resume = own.findIndex(({ T }, at) => at > halt && T === "s");
  assert.deepEqual([own[halt]?.["sc"], own[halt]?.["rc"]], ["P", "LUDP"]);
  assert.equal(own[resume]?.["sc"], "T");
  const between = own.slice(halt + 1, resume).map(({ T }) => T);
  assert.ok(between.length > 5);
  assert.ok(between.every((type) => type === "i"));
});

Deno.test("price bands surround the price", () => {
  using bench = new MarketBench("sip");
  bench.follow("lulds", "AAPL");
  bench.clock.advance(60_000);
  const [band] = bench.of("l");
  const price = bench.market.lastPrice("AAPL") ?? 0;
  assert.ok(Number(band?.["d"]) < price && price < Number(band?.["u"]));
});

Deno.test("a muted symbol is silent while the others go on", () => {
  using bench = new MarketBench("sip");
  bench.follow("quotes", "AAPL", "F");
  bench.faults.muteSymbol("AAPL");
  bench.clock.advance(1000);
  assert.deepEqual([...new Set(bench.elements.map(({ S }) => S))], ["F"]);
});

Deno.test("the test stream quotes FAKEPACA every five seconds", () => {
  using bench = new MarketBench("test", { rate: 1 });
  bench.follow("quotes", "*").follow("trades", "*", "AAPL").follow("bars", "*");
  bench.clock.advance(59_900);
  assert.equal(bench.of("q").length, 12);
  assert.equal(bench.of("t").length, 12);
  bench.clock.advance(200);
  assert.equal(bench.of("b").length, 1);
  assert.ok(bench.elements.every(({ S }) => S === "FAKEPACA"));
});

Deno.test("trades outside regular hours say so", () => {
  const startMs = Date.parse("2026-09-14T09:00:00Z");
  using bench = new MarketBench("sip", { startMs });
  bench.follow("trades", "AAPL");
  bench.clock.advance(500);
  const late = bench.of("t").filter(({ c }) => !(c as string[]).includes("Z"));
  assert.ok(late.length > 100);
  assert.ok(late.every(({ c }) => (c as string[]).includes("T")));
});

Deno.test("option chains surround the price and their symbols parse", () => {
  using bench = new MarketBench("opra");
  const contracts = bench.market.optionContracts();
  assert.ok(contracts.length > 10_000);
  for (const { symbol, root, expiration, type, strike } of contracts) {
    assert.deepEqual(parseOptionSymbol(symbol), {
      root,
      expiration,
      type,
      strike,
    });
    assert.ok(Date.parse(expiration) > bench.clock.now());
  }
  const spy = bench.market.optionContracts("SPY");
  assert.ok(spy.length > 1000);
  const strikes = spy.map(({ strike }) => strike);
  const price = bench.market.lastPrice("SPY") ?? 0;
  assert.ok(Math.min(...strikes) < price && price < Math.max(...strikes));
});

Deno.test("roots differ from underlyings where they do in life", () => {
  using bench = new MarketBench("opra");
  const roots = (underlying: string) =>
    new Set(
      bench.market.optionContracts(underlying).map(({ root }) => root),
    );
  assert.deepEqual(roots("SPX"), new Set(["SPX", "SPXW"]));
  assert.deepEqual(roots("CSGP"), new Set(["CSGP", "CSGP1"]));
  assert.deepEqual(roots("BRK.B"), new Set(["BRKB"]));
  assert.equal(bench.market.optionContracts("NOSUCH").length, 0);
});

Deno.test("option prices follow their underlying", () => {
  using bench = new MarketBench("opra", { rate: 5000 });
  const chain = bench.market.optionContracts("AAPL");
  bench.follow("quotes", ...chain.map(({ symbol }) => symbol));
  bench.clock.advance(3000);
  const spot = bench.market.lastPrice("AAPL") ?? 0;
  assert.ok(bench.elements.length > 10_000);
  for (const quote of bench.elements) {
    const terms = parseOptionSymbol(quote.S);
    const { strike = 0, type } = terms ?? {};
    const intrinsic = type === "call" ? spot - strike : strike - spot;
    assert.ok(Number(quote["bp"]) < Number(quote["ap"]));
    assert.ok(Number(quote["ap"]) > intrinsic - spot * 0.03);
    assert.ok(Number(quote["bp"]) < Math.max(0, intrinsic) + spot * 0.15);
    assert.equal(typeof quote["c"], "string");
  }
});

Deno.test("unwatched prices move, prices sent by hand stay", () => {
  using bench = new MarketBench("sip", { rate: 0 });
  const before = bench.market.quote("AAPL");
  bench.clock.advance(60_000);
  assert.notDeepEqual(bench.market.quote("AAPL"), before);
  const quote = { T: "q", S: "AAPL", bp: 10, bs: 1, ap: 11, as: 2 };
  bench.market.observe("sip", quote);
  bench.clock.advance(60_000);
  assert.deepEqual(bench.market.quote("AAPL"), {
    bid: 10,
    bidSize: 1,
    ask: 11,
    askSize: 2,
  });
  assert.equal(bench.market.quote("NOSUCH"), undefined);
});

Deno.test("a universe may have eleven thousand well-formed symbols", () => {
  using bench = new MarketBench("sip", { universeSize: 11_000, rate: 0 });
  const symbols = bench.market.stockSymbols();
  assert.equal(new Set(symbols).size, 11_000);
  assert.ok(symbols.every((symbol) => /^[A-Z]{1,5}(\.[A-Z])?$/.test(symbol)));
});

Deno.test("the latest trade and quote of a stock are known", () => {
  using bench = new MarketBench("sip");
  bench.follow("trades", "AAPL");
  bench.clock.advance(61_000);
  const { market } = bench;
  assert.equal(market.latestTrade("AAPL")?.T, "t");
  assert.equal(market.latestQuote("AAPL")?.S, "AAPL");
  assert.equal(market.latestTrade("NOSUCH"), undefined);
});
