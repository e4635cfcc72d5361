import assert from "node:assert/strict";
import { MarketHarness, type Shown } from "./market_harness.ts";

type Book = { bids: Map<number, number>; asks: Map<number, number> };
type Level = { p: number; s: number };

function applied(book: Book, message: Record<string, unknown>): Book {
  if (message["r"] === true) {
    book.bids.clear();
    book.asks.clear();
  }
  for (const [side, key] of [[book.bids, "b"], [book.asks, "a"]] as const) {
    for (const { p, s } of message[key] as Level[]) {
      if (s === 0) side.delete(p);
      else side.set(p, s);
    }
  }
  return book;
}

function bestOf({ bids, asks }: Book): [number, number, number, number] {
  const bid = Math.max(...bids.keys());
  const ask = Math.min(...asks.keys());
  return [bid, bids.get(bid) ?? NaN, ask, asks.get(ask) ?? NaN];
}

Deno.test("order books follow from the full one and its changes", () => {
  using harness = new MarketHarness("crypto/us", { startMs: Date.parse("2026-09-13T12:00:00Z") });
  const { market, clock } = harness;
  const [full] = market.orderBooks("crypto/us", "ETH/USD");
  assert.equal(full?.["r"], true);
  const book: Book = { bids: new Map(), asks: new Map() };
  applied(book, full ?? {});
  assert.ok(book.bids.size > 10);
  harness.follow("orderbooks", "ETH/USD").follow("quotes", "ETH/USD");
  clock.advance(2000);
  assert.ok(harness.of("o").length > 500);
  let deleted = 0;
  for (const message of harness.messages) {
    if (message.T === "o") {
      applied(book, message);
      assert.equal(message["r"], undefined);
      deleted += (message["b"] as Level[]).filter(({ s }) => s === 0).length;
      continue;
    }
    const { bp, bs, ap, as } = message;
    assert.deepEqual(bestOf(book), [bp, bs, ap, as]);
    assert.ok(Number(bp) < Number(ap));
  }
  assert.ok(deleted > 0);
  assert.ok(book.bids.size > 10 && book.bids.size <= 20);
  const [later] = market.orderBooks("crypto/us", "ETH/USD");
  const levels = applied({ bids: new Map(), asks: new Map() }, later ?? {});
  assert.deepEqual(levels.bids, new Map([...book.bids].sort(([a], [b]) => b - a)));
  assert.deepEqual(levels.asks, new Map([...book.asks].sort(([a], [b]) => a - b)));
});

Deno.test("an order book that a test sends replaces the generated one", () => {
  using harness = new MarketHarness("crypto/us", { rate: 0 });
  const t = "2026-09-13T12:00:00Z";
  const { market } = harness;
  const send = (b: Level[], a: Level[], r?: boolean) =>
    market.observe("crypto/us", { T: "o", S: "BTC/USD", t, b, a, ...(r ? { r } : {}) });
  send([{ p: 10, s: 1 }, { p: 9, s: 2 }], [{ p: 11, s: 3 }], true);
  send([{ p: 10, s: 0 }], [{ p: 12, s: 0.000000001 }]);
  const [full] = market.orderBooks("crypto/us", "BTC/USD");
  assert.deepEqual(full?.["b"], [{ p: 9, s: 2 }]);
  assert.deepEqual(full?.["a"], [{ p: 11, s: 3 }, { p: 12, s: 0.000000001 }]);
});

Deno.test("crypto trades have fractional sizes, a taker side and ids beyond 2^53", () => {
  using harness = new MarketHarness("crypto/eu-1", { rate: 1000 });
  harness.follow("trades", "BTC/USD", "SHIB/USD");
  harness.clock.advance(1000);
  const trades = harness.of("t");
  assert.ok(trades.length > 500);
  assert.deepEqual(new Set(trades.map(({ tks }) => tks)), new Set(["B", "S"]));
  assert.ok(trades.every(({ i }) => Number(i) > 2 ** 53));
  assert.ok(trades.some(({ s }) => !Number.isInteger(s)));
  assert.ok(trades.some(({ s }) => Number.isInteger(s)));
  assert.ok(trades.every(({ p, s }) => Number(p) > 0 && Number(s) > 0));
  const keys = new Set(trades.map((trade) => Object.keys(trade).join()));
  assert.deepEqual(keys, new Set(["T,S,p,s,t,i,tks"]));
});

Deno.test("crypto bars have fractional volumes, or none and the prices of the quote", () => {
  const startMs = Date.parse("2026-09-13T23:59:30Z");
  using harness = new MarketHarness("crypto/us", { startMs, rate: 100 });
  harness.follow("bars", "ETH/USD").follow("dailyBars", "ETH/USD").follow("quotes", "LTC/USD");
  harness.follow("bars", "LTC/USD");
  harness.clock.advance(120_000);
  const bars = harness.of("b");
  const of = (symbol: string) => bars.filter(({ S }) => S === symbol);
  assert.ok(of("ETH/USD").every(({ v, n }) => Number(v) > 0 && Number(n) > 0));
  assert.ok(of("ETH/USD").some(({ v }) => !Number.isInteger(v)));
  // Days of crypto begin at midnight UTC.
  const days = new Set(harness.of("d").map(({ t }) => t));
  assert.deepEqual(days, new Set(["2026-09-13T00:00:00Z", "2026-09-14T00:00:00Z"]));
});

Deno.test("a pair without trades has a bar of volume 0 with the middle of its quote", () => {
  using harness = new MarketHarness("crypto/us", { rate: 100, barSeconds: 1 });
  harness.follow("quotes", "LTC/USD");
  harness.clock.advance(1000);
  const bar = harness.market.latestBar("LTC/USD", "crypto/us");
  assert.deepEqual([bar?.["v"], bar?.["n"]], [0, 0]);
  assert.ok(Number(bar?.["o"]) > 0);
});

Deno.test("locations have order books and trade ids of their own", () => {
  using harness = new MarketHarness("crypto/us", { rate: 0 });
  const book = (name: "crypto/us" | "crypto/us-1") =>
    JSON.stringify(harness.market.orderBooks(name, "BTC/USD")[0]?.["b"]);
  assert.notEqual(book("crypto/us"), book("crypto/us-1"));
  assert.equal(harness.market.orderBooks("crypto/us", "*").length, 17);
  assert.deepEqual(harness.market.orderBooks("crypto/us", "NONE/USD"), []);
});

Deno.test("articles are from short to more than 1 MiB, and some are new versions", () => {
  using harness = new MarketHarness("news", { newsEverySeconds: 1 });
  harness.follow("news", "*");
  harness.clock.advance(300_000);
  const articles = harness.messages as (Shown & { content: string; symbols: string[] })[];
  assert.ok(articles.length > 150, `${articles.length} articles`);
  const sizes = articles.map(({ content }) => new TextEncoder().encode(content).length);
  assert.ok(Math.min(...sizes) < 1000);
  assert.ok(Math.max(...sizes) > 1024 * 1024);
  const ids = new Map<unknown, number>();
  for (const { id } of articles) ids.set(id, (ids.get(id) ?? 0) + 1);
  assert.ok([...ids.values()].some((versions) => versions > 1));
  assert.ok(articles.some(({ symbols }) => symbols.length === 0));
  assert.ok(articles.some(({ symbols }) => symbols.includes("BTCUSD")));
  assert.ok(articles.every(({ T, S }) => T === "n" && S === undefined));
});

Deno.test("an article is sent once to a session that subscribes to two of its symbols", () => {
  using harness = new MarketHarness("news", { rate: 0 });
  harness.follow("news", "AAPL", "BTCUSD");
  const { market } = harness;
  market.publishArticle({ symbols: ["AAPL", "BTC/USD", "AAPL"], bytes: 10 });
  market.publishArticle({ symbols: ["MSFT"] });
  market.publishArticle({ symbols: [] });
  assert.deepEqual(harness.messages.map(({ symbols }) => symbols), [["AAPL", "BTCUSD"]]);
  assert.throws(() => market.publishArticle({ bytes: -1 }), RangeError);
});
