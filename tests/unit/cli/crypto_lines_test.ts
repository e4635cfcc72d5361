/** Lines of crypto and news. */
import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { messageLine, messageTitle } from "../../../cli/message_lines.ts";
import type { StreamMessage } from "../../../cli/streams.ts";
import {
  CryptoBarSchema,
  CryptoQuoteSchema,
  CryptoTradeSchema,
  NewsArticleSchema,
  OrderbookSchema,
} from "../../../src/gen/cream/v1/stream_proxy_pb.ts";

const timestamp = { seconds: 1_789_300_802n, nanos: 118_450_321 };
const symbol = "BTC/USD";
const line = (message: StreamMessage) =>
  messageLine(message, (_style, text) => text).replaceAll(/ +/g, " ");

Deno.test("prices and sizes of crypto are shown with all digits", () => {
  const quote = { bidPrice: 0.0000178, bidSize: 1e-9, askPrice: 64_250, askSize: 0.25 };
  assert.equal(
    line(create(CryptoQuoteSchema, { symbol, timestamp, ...quote })),
    "12:00:02.118450321 BTC/USD 0.000000001 × 0.0000178 64250 × 0.25",
  );
  const trade = { price: 64_250.5, size: 0.5, takerSide: "S", tradeId: 3_447_222_699_101_865_076n };
  assert.equal(
    line(create(CryptoTradeSchema, { symbol, timestamp, ...trade })),
    "12:00:02.118450321 BTC/USD 64250.5 × 0.5 S 3447222699101865076",
  );
  const bar = { open: 1, high: 2.5, low: 0.5, close: 2, volume: 0.125, tradeCount: 3, vwap: 1.5 };
  assert.equal(
    line(create(CryptoBarSchema, { symbol, timestamp, ...bar })),
    "12:00:02.118450321 BTC/USD 1 2.5 0.5 2 0.125 3 1.5",
  );
});

Deno.test("an order book shows whether it is whole, its levels and the first of them", () => {
  const bids = [{ price: 9, size: 2.5 }, { price: 8, size: 1 }];
  assert.equal(
    line(create(OrderbookSchema, { symbol, timestamp, bids, reset: true })),
    "12:00:02.118450321 BTC/USD whole 2 0 2.5 × 9 | -",
  );
  const asks = [{ price: 10, size: 0 }];
  assert.equal(
    line(create(OrderbookSchema, { symbol, timestamp, asks })),
    "12:00:02.118450321 BTC/USD change 0 1 - | 10 × deleted",
  );
});

Deno.test("an article is one line with its symbols, its length and its headline", () => {
  const article = { updatedAt: timestamp, content: "x".repeat(1_234), headline: "Two\nlines" };
  assert.equal(
    line(create(NewsArticleSchema, { ...article, symbols: ["AAPL", "BTCUSD"] })),
    "12:00:02.118450321 AAPL BTCUSD 1 234 Two lines",
  );
  assert.equal(line(create(NewsArticleSchema, article)).split(" ")[1], "-");
  assert.match(messageTitle("news"), /^TIME \(UTC\) +SYMBOLS +BYTES +HEADLINE$/);
});
