/** Messages of the crypto and the news stream. */
import assert from "node:assert/strict";
import { createCounters } from "../../../../src/application/status/counters.ts";
import type { CryptoTrade, Orderbook } from "../../../../src/domain/market/crypto_events.ts";
import type { NewsArticle } from "../../../../src/domain/market/news_events.ts";
import { FrameDecoder } from "../../../../src/infrastructure/alpaca/decode.ts";
import {
  cryptoFormat,
  type MarketFormat,
  newsFormat,
} from "../../../../src/infrastructure/alpaca/market.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";
import { binary, moved, RecordingSink } from "./decoder_harness.ts";

const t = "2026-09-13T12:00:02.118450321Z";
const timestamp = { seconds: 1_789_300_802, nanos: 118_450_321 };

function decoding(format: MarketFormat) {
  const counters = createCounters().feeds.crypto;
  const decoder = new FrameDecoder({
    format,
    counters,
    clock: new ManualClock(),
    log: new RecordingLog(),
  });
  return { counters, receive: (text: string) => decoder.receive(binary(text), () => {}) };
}

function crypto() {
  const sink = new RecordingSink<unknown>();
  const trades = new RecordingSink<CryptoTrade>();
  const orderbooks = new RecordingSink<Orderbook>([]);
  const bars = { bars: sink, updatedBars: sink, dailyBars: sink };
  const format = cryptoFormat({ quotes: sink, trades, ...bars, orderbooks });
  return { ...decoding(format), trades, orderbooks };
}

const trade = (size: string, price = "64250") =>
  `[{"T":"t","S":"BTC/USD","p":${price},"s":${size},"t":"${t}","i":3447222699101865076,"tks":"B"}]`;

Deno.test("a size has the double that was sent, and its digits where a double has fewer", () => {
  const cases: readonly (readonly [string, number, string | undefined])[] = [
    ["2", 2, undefined],
    ["0.000000001", 1e-9, undefined],
    ["1e-9", 1e-9, undefined],
    ["0.1234567890123456", 0.1234567890123456, undefined],
    ["0.30000000000000004", 0.30000000000000004, undefined],
    ["0.1234567890123456789", 0.12345678901234568, "0.1234567890123456789"],
    ["12345678.1234567890123", 12345678.123456789, "12345678.1234567890123"],
    ['"0.5"', 0.5, undefined],
    ['"0.50"', 0.5, undefined],
    ['"0.1234567890123456789"', 0.12345678901234568, "0.1234567890123456789"],
  ];
  for (const [text, size, digits] of cases) {
    const { receive, trades, counters } = crypto();
    receive(trade(text));
    assert.deepEqual(moved(counters.errors), {}, text);
    const [event] = trades.events;
    assert.equal(event?.size, size);
    assert.equal(event?.tradeId, 3_447_222_699_101_865_076n);
    const exact = digits === undefined ? undefined : [{ field: "size", value: digits }];
    assert.deepEqual(event?.exact, exact, text);
  }
});

Deno.test("invalid crypto messages cost themselves only", () => {
  for (const size of ["-1", "null", '"many"', "[]", "1e999"]) {
    const { receive, trades, counters } = crypto();
    const [, rest] = [trade(size).slice(0, -1), trade("3").slice(1)];
    receive(`${trade(size).slice(0, -1)},${rest}`);
    assert.deepEqual(moved(counters.errors), { malformed_element: 1 }, size);
    assert.deepEqual(trades.events.map((event) => event.size), [3]);
    assert.deepEqual(trades.unreadables, ["BTC/USD"]);
  }
});

Deno.test("order books are read also while no stream subscribes to them", () => {
  const { receive, orderbooks, counters } = crypto();
  const levels = `"b":[{"p":10,"s":1.5},{"p":9,"s":0}],"a":null`;
  receive(`[{"T":"o","S":"BTC/USD","t":"${t}",${levels},"r":true}]`);
  receive(`[{"T":"o","S":"BTC/USD","t":"${t}","a":[{"p":11,"s":2}]}]`);
  assert.deepEqual(orderbooks.events, [
    {
      symbol: "BTC/USD",
      timestamp,
      bids: [{ price: 10, size: 1.5 }, { price: 9, size: 0 }],
      asks: [],
      reset: true,
    },
    { symbol: "BTC/USD", timestamp, bids: [], asks: [{ price: 11, size: 2 }], reset: false },
  ]);
  const invalid = [
    `"b":[[1,2]]`,
    `"b":{}`,
    `"b":[{"p":1}]`,
    `"a":${JSON.stringify(Array.from({ length: 10_001 }, () => ({ p: 1, s: 1 })))}`,
  ];
  for (const side of invalid) receive(`[{"T":"o","S":"BTC/USD","t":"${t}",${side}}]`);
  assert.equal(orderbooks.events.length, 2);
  assert.deepEqual(moved(counters.errors), { malformed_element: 4 });
});

const article = {
  T: "n",
  id: 24_843_171,
  headline: "Headline",
  summary: "",
  author: "Author",
  created_at: "2026-09-13T12:00:00Z",
  updated_at: t,
  url: null,
  content: "<p>é</p>",
  symbols: ["AAPL", "BTCUSD"],
  source: "benzinga",
};

function news(maxBytes = 1_000) {
  const articles = new RecordingSink<NewsArticle>([]);
  const { counters, receive } = decoding(newsFormat(articles, maxBytes));
  return { counters, articles, receive: (value: unknown) => receive(JSON.stringify([value])) };
}

Deno.test("an article is read with all fields; absent ones are empty", () => {
  const { articles, receive, counters } = news();
  receive(article);
  const { headline: _headline, symbols: _symbols, ...less } = article;
  receive(less);
  const means = {
    id: 24_843_171,
    headline: "Headline",
    summary: "",
    author: "Author",
    content: "<p>é</p>",
    url: "",
    symbols: ["AAPL", "BTCUSD"],
    source: "benzinga",
    createdAt: { seconds: 1_789_300_800, nanos: 0 },
    updatedAt: timestamp,
  };
  assert.deepEqual(articles.events, [means, { ...means, headline: "", symbols: [] }]);
  assert.deepEqual([moved(counters.errors), counters.inexact], [{}, 0]);
});

Deno.test("odd fields of an article are left out and counted, invalid ones cost it", () => {
  const { articles, receive, counters } = news();
  receive({ ...article, author: 7, symbols: ["F", 8, "", "x".repeat(65)] });
  assert.deepEqual([articles.events[0]?.author, articles.events[0]?.symbols], ["", ["F"]]);
  assert.equal(counters.inexact, 1);
  for (const change of [{ id: "x" }, { id: 1.5 }, { created_at: 5 }, { symbols: "F" }]) {
    receive({ ...article, ...change });
  }
  assert.equal(articles.events.length, 1);
  assert.equal(counters.errors.malformed_element, 4);
});

Deno.test("the size of an article counts in bytes of its texts", () => {
  const { articles, receive, counters } = news(1_000);
  const used = new TextEncoder().encode("HeadlineAuthorbenzinga").length;
  receive({ ...article, content: "é".repeat((1_000 - used) / 2) });
  receive({ ...article, content: "é".repeat((1_000 - used) / 2) + "!" });
  assert.equal(articles.events.length, 1);
  assert.equal(counters.errors.malformed_element, 1);
});
