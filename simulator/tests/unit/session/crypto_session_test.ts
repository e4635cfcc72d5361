import assert from "node:assert/strict";
import { decode } from "@msgpack/msgpack";
import type { Message } from "../../../src/protocol/messages.ts";
import { SessionHarness } from "./session_harness.ts";

const AT = "2026-09-13T12:00:00.5Z";
const MSGPACK = { "content-type": "application/msgpack" };

function book(symbol: string): Message {
  return { T: "o", S: symbol, t: AT, b: [{ p: 1, s: 2.5 }], a: [{ p: 2, s: 1 }], r: true };
}

Deno.test("a crypto session acknowledges, then sends the full order books of new pairs", () => {
  const harness = new SessionHarness();
  harness.orderBooks.set("BTC/USD", book("BTC/USD"));
  harness.orderBooks.set("ETH/USD", book("ETH/USD"));
  const client = harness.open("crypto/us");
  const first = client.ask({ action: "subscribe", trades: ["BTC/USD"], orderbooks: ["BTC/USD"] });
  assert.deepEqual(first, [
    [{
      T: "subscription",
      trades: ["BTC/USD"],
      quotes: [],
      orderbooks: ["BTC/USD"],
      bars: [],
      updatedBars: [],
      dailyBars: [],
    }],
    [book("BTC/USD")],
  ]);
  const again = client.ask({ action: "subscribe", orderbooks: ["BTC/USD", "ETH/USD"] });
  assert.deepEqual(again.slice(1), [[book("ETH/USD")]]);
  const all = client.ask({ action: "subscribe", orderbooks: ["*"] });
  assert.equal(all.length, 3);
  assert.equal(client.ask({ action: "unsubscribe", orderbooks: ["*"] }).length, 1);
  assert.deepEqual(
    harness.ledger.deliveries({ channel: "orderbooks", symbol: "ETH/USD" }).length,
    2,
  );
});

Deno.test("crypto and news sessions reject channels and symbols that they do not have", () => {
  const harness = new SessionHarness();
  const crypto = harness.open("crypto/us-1");
  const news = harness.open("news");
  const codes = (frames: ReturnType<typeof crypto.ask>) => frames.map(([reply]) => reply?.["code"]);
  assert.deepEqual(codes(crypto.ask({ action: "subscribe", news: ["*"] })), [410]);
  assert.deepEqual(codes(crypto.ask({ action: "subscribe", lulds: ["*"] })), [410]);
  assert.deepEqual(codes(crypto.ask({ action: "subscribe", trades: ["BTCUSD"] })), [400]);
  assert.deepEqual(codes(news.ask({ action: "subscribe", trades: ["AAPL"] })), [410]);
  const [[reply] = []] = news.ask({ action: "subscribe", news: ["AAPL", "BTCUSD", "BTC/USD"] });
  assert.deepEqual(reply, { T: "subscription", news: ["AAPL", "BTCUSD", "BTC/USD"] });
});

Deno.test("MessagePack has crypto prices and sizes as float64, also those of order books", () => {
  const harness = new SessionHarness();
  const client = harness.open("crypto/us", MSGPACK);
  client.ask({ action: "subscribe", trades: ["BTC/USD"], orderbooks: ["BTC/USD"] });
  const i = 9_007_199_254_740_993n;
  harness.publish(
    "crypto/us",
    { T: "t", S: "BTC/USD", p: 3, s: 2, t: AT, i, tks: "B" },
    { T: "o", S: "BTC/USD", t: AT, b: [{ p: 1, s: 2 }], a: [] },
  );
  const [frame] = client.socket.frames;
  assert.ok(frame instanceof Uint8Array);
  const float64 = frame.filter((byte) => byte === 0xcb).length;
  assert.equal(float64, 4);
  const [trade, change] = decode(frame, { useBigInt64: true }) as Record<string, unknown>[];
  assert.equal(trade?.["i"], i);
  assert.deepEqual(change?.["b"], [{ p: 1, s: 2 }]);
});

Deno.test("articles are in the ledger by each of their symbols", () => {
  const harness = new SessionHarness();
  const client = harness.open("news", MSGPACK);
  client.ask({ action: "subscribe", news: ["F"] });
  harness.publish("news", { T: "n", id: 7, symbols: ["AAPL", "F"], created_at: AT });
  const [[article] = []] = client.socket.read();
  assert.equal(article?.["id"], 7);
  assert.ok(article?.["created_at"] instanceof Date);
  for (const symbol of ["AAPL", "F"]) {
    assert.equal(harness.ledger.deliveries({ symbol }).length, 1);
  }
  assert.equal(harness.ledger.deliveries({ symbol: "MSFT" }).length, 0);
});

Deno.test("an article is malformed, or muted by one of its symbols", () => {
  const harness = new SessionHarness();
  const client = harness.open("news");
  client.ask({ action: "subscribe", news: ["*"] });
  const article = { T: "n" as const, id: 7, symbols: ["AAPL", "F"], created_at: AT };
  harness.faults.malformNext({ symbol: "F" });
  harness.publish("news", article);
  const [[malformed] = []] = client.socket.read();
  assert.equal(malformed?.["id"], "not a number");
  harness.faults.muteSymbol("F");
  harness.publish("news", article);
  assert.deepEqual(client.socket.read(), []);
});
