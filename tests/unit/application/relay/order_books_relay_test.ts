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

interface BookMessage {
  readonly S: string;
  readonly b: readonly { readonly p: number; readonly s: number }[];
  readonly r?: true;
  /** Whether it cannot be decoded. */
  readonly bad?: true;
}

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
  /** Messages of one frame, whose events are published before; of `bad` ones there is none. */
  const receiveFrame = (
    messages: readonly BookMessage[],
    at: number,
  ) => {
    const timestamp = parseRfc3339(t) ?? assert.fail();
    for (const { S: symbol, b, r: reset = false, bad } of messages) {
      if (bad) orderBooks.unreadable(symbol);
      else {
        const bids = b.map(({ p, s }) => ({ price: p, size: s }));
        orderBooks.publish({ symbol, timestamp, bids, asks: [], reset }, at);
      }
    }
    for (const message of messages) {
      const frame = new TextEncoder().encode(JSON.stringify({ T: "o", t, ...message, a: [] }));
      const place = { frame, start: 0, end: frame.length };
      relay.publish({ ...place, type: "o", symbol: message.S, symbols: undefined }, at);
    }
  };
  /** A message of upstream, as the decoder and the relay get it. */
  const receive = (message: BookMessage, at: number) => receiveFrame([message], at);
  const take = () =>
    stream.queue.take().map(({ event: { frame, start, end } }) =>
      JSON.parse(new TextDecoder().decode(frame.subarray(start, end)))
    );
  return { receive, receiveFrame, relay, stream, take, memory };
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

Deno.test("of a frame with the whole order book, nothing before it is sent", () => {
  const change = (price: number) => ({ S: "BTC/USD", b: [{ p: price, s: 1 }] });
  const whole = (price: number) => ({ ...change(price), r: true as const });
  const bad = { ...change(99), bad: true as const };
  const frames: (readonly [readonly BookMessage[], readonly number[]])[] = [
    [[bad, whole(1)], [1]],
    [[change(98), bad, change(97), whole(1), change(2)], [2, 1]],
    [[bad, whole(3), change(4), bad, change(97), whole(1), { S: "ETH/USD", b: [] }], [1]],
  ];
  for (const [frame, prices] of frames) {
    for (const isEarlier of [false, true]) {
      const { receive, receiveFrame, stream, take } = made(100);
      stream.request(new Map([["orderbooks", new Set(["BTC/USD"])]])).accept();
      receive(whole(5), 1);
      take();
      if (isEarlier) receive(bad, 2);
      receiveFrame(frame, 3);
      receive(change(7), 4);
      const [book, after, ...others] = take();
      assert.deepEqual([book.r, book.b.map(({ p }: { p: number }) => p)], [true, prices]);
      assert.deepEqual([after.r, after.b], [undefined, change(7).b]);
      assert.deepEqual(others, []);
    }
  }
});

Deno.test("a lost frame is no loss of order books, of which whole ones follow", () => {
  const { relay, stream } = made(3);
  const symbols = new Set(["BTC/USD", "*"]);
  stream.request(new Map([["orderbooks", symbols]])).accept();
  const lost = () => {
    const before = stream.queue.lost;
    relay.unreadable();
    relay.lost({ type: "o", symbol: "BTC/USD", symbols: undefined });
    relay.lost({ type: "q", symbol: "BTC/USD", symbols: undefined });
    return stream.queue.lost - before;
  };
  assert.equal(lost(), 0);
  stream.request(new Map([["quotes", new Set(["BTC/USD"])]])).accept();
  assert.equal(lost(), 2);
});
