/** Order books of clients of messages. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Channel } from "../../../../src/application/broadcast/channel.ts";
import { QueueMemory } from "../../../../src/application/broadcast/queue_memory.ts";
import { OrderBooks } from "../../../../src/application/orderbooks/order_books.ts";
import { MessageRelay } from "../../../../src/application/relay/message_relay.ts";
import { RelayedStream } from "../../../../src/application/relay/relayed_stream.ts";
import { createCounters } from "../../../../src/application/status/counters.ts";
import type { SubscriptionSink } from "../../../../src/application/feeds/subscription_manager.ts";
import type { Orderbook } from "../../../../src/domain/market/crypto_events.ts";
import { formatRfc3339, parseRfc3339 } from "../../../../src/domain/market/timestamp.ts";

const t = "2026-09-13T12:00:02.1184Z";

function made(capacity: number) {
  const counters = createCounters();
  const memory = new QueueMemory();
  const channel = new Channel<Orderbook>({ symbol: ({ symbol }) => symbol }, {
    capacity,
    counters: counters.channels.orderbooks,
  });
  const orderBooks = new OrderBooks(channel);
  const relay = new MessageRelay({
    format: "json",
    capacity,
    memory,
    counters: counters.relays.cryptoMessages,
    orderBooks,
  });
  const sink: Partial<SubscriptionSink> = { add() {}, remove() {}, statesOf: () => [] };
  const stream = new RelayedStream({
    relay,
    sink: sink as SubscriptionSink,
    holder: { identity: "", maxShare: undefined },
    check() {},
    onChange() {},
    onEnd() {},
  });
  /** A message of upstream, as the decoder and the relay get it. */
  const receive = (message: { S: string; b: { p: number; s: number }[]; r?: true }, at: number) => {
    const timestamp = parseRfc3339(t) ?? assert.fail();
    const bids = message.b.map(({ p, s }) => ({ price: p, size: s }));
    const book = { symbol: message.S, timestamp, bids, asks: [], reset: message.r ?? false };
    orderBooks.publish(book, at);
    const frame = new TextEncoder().encode(JSON.stringify({ T: "o", t, ...message, a: [] }));
    const place = { frame, start: 0, end: frame.length };
    relay.publish({ ...place, type: "o", symbol: message.S, symbols: undefined }, at);
  };
  const take = () =>
    stream.queue.take().map(({ event: { frame, start, end } }) =>
      JSON.parse(new TextDecoder().decode(frame.subarray(start, end)))
    );
  return { receive, stream, take, memory };
}

Deno.test("what a slow client has lost of order books, the whole ones replace", () => {
  const { receive, stream, take, memory } = made(3);
  const pending = stream.request(new Map([["orderbooks", new Set(["BTC/USD"])]]));
  pending.accept();
  receive({ S: "BTC/USD", b: [{ p: 1, s: 1 }], r: true }, 1);
  receive({ S: "ETH/USD", b: [{ p: 1, s: 1 }], r: true }, 2);
  for (let size = 2; size < 10; size++) receive({ S: "BTC/USD", b: [{ p: size, s: size }] }, size);
  assert.equal(stream.queue.dropped, 6);
  assert.equal(take().length, 3);
  stream.resendOrderBooks();
  const [book, ...others] = take();
  assert.deepEqual(others, []);
  assert.deepEqual([book.S, book.t, book.r], ["BTC/USD", t, true]);
  const prices = book.b.map(({ p }: { p: number }) => p);
  assert.deepEqual(prices, [9, 8, 7, 6, 5, 4, 3, 2, 1]);
  stream[Symbol.dispose]();
  assert.equal(memory.bytes, 0);
});

Deno.test("times are written as Alpaca writes them", () => {
  for (const text of [t, "2026-09-13T12:00:00Z", "1969-12-31T23:59:59.000000001Z"]) {
    assert.equal(formatRfc3339(parseRfc3339(text) ?? assert.fail()), text);
  }
  // From the year 100 on.
  const seconds = fc.integer({ min: -59_011_459_200, max: 253_402_300_799 });
  const nanos = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 999_999_999 }));
  fc.assert(
    fc.property(fc.record({ seconds, nanos }, { noNullPrototype: true }), (time) => {
      assert.deepEqual(parseRfc3339(formatRfc3339(time)), time);
    }),
  );
});
