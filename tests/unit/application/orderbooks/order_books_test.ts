import assert from "node:assert/strict";
import fc from "fast-check";
import { Channel } from "../../../../src/application/broadcast/channel.ts";
import { Subscriber } from "../../../../src/application/broadcast/subscriber.ts";
import { QueueMemory } from "../../../../src/application/broadcast/queue_memory.ts";
import { OrderBooks } from "../../../../src/application/orderbooks/order_books.ts";
import { createCounters } from "../../../../src/application/status/counters.ts";
import type { BookLevel, Orderbook } from "../../../../src/domain/market/crypto_events.ts";

const timestamp = { seconds: 1, nanos: 0 };
const ALL = { symbols: new Set<string>(), secondary: new Set<string>() };

function made(limits?: { pairs: number; levels: number }) {
  const memory = new QueueMemory();
  const channel = new Channel<Orderbook>({ symbol: ({ symbol }) => symbol }, {
    capacity: 100,
    counters: createCounters().channels.orderbooks,
    memory,
    eventBytes: ({ bids, asks }) => bids.length + asks.length,
  });
  return { channel, memory, books: new OrderBooks(channel, limits) };
}

function change(
  symbol: string,
  bids: readonly (readonly [number, number])[],
  { asks = [], reset = false }: {
    readonly asks?: readonly (readonly [number, number])[];
    readonly reset?: boolean;
  } = {},
): Orderbook {
  const levels = (side: typeof asks): BookLevel[] => side.map(([price, size]) => ({ price, size }));
  return { symbol, timestamp, bids: levels(bids), asks: levels(asks), reset };
}

Deno.test("no change is published of a pair that an edge does not carry yet", () => {
  const { channel } = made();
  const books = new OrderBooks(channel, undefined, undefined, true);
  const isPublished = () => channel.symbol("BTC/USD") !== undefined;
  books.publish(change("BTC/USD", [[1, 2]]), 1);
  assert.deepEqual([isPublished(), books.isWrong("BTC/USD")], [false, true]);
  books.publish(change("BTC/USD", [[1, 2]], { reset: true }), 2);
  books.publish(change("BTC/USD", [[3, 2]]), 3);
  assert.deepEqual([isPublished(), books.isWrong("BTC/USD")], [true, false]);
  const [book, ...others] = books.wholeOf(["BTC/USD", "ETH/USD"]);
  assert.deepEqual([book?.bids.map(({ price }) => price), others], [[3, 1], []]);
  assert.deepEqual(books.wholeOf(["*"]), [book]);
});

Deno.test("the whole order book is what a client has after all messages", () => {
  const level = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 3 }));
  const message = fc.tuple(fc.array(level), fc.array(level), fc.boolean());
  fc.assert(
    fc.property(fc.array(message, { minLength: 1 }), (messages) => {
      const { books } = made();
      const bids = new Map<number, number>();
      const asks = new Map<number, number>();
      for (const [index, [b, a, isReset]] of messages.entries()) {
        const reset = isReset || index === 0;
        books.publish(change("BTC/USD", b, { asks: a, reset }), index);
        for (const [side, levels] of [[bids, b], [asks, a]] as const) {
          if (reset) side.clear();
          for (const [price, size] of levels) {
            if (size === 0) side.delete(price);
            else side.set(price, size);
          }
        }
      }
      const [whole] = books.present(ALL);
      const expected = (side: Map<number, number>, direction: number) =>
        [...side].sort(([one], [other]) => direction * (one - other))
          .map(([price, size]) => ({ price, size }));
      assert.deepEqual(whole?.event, {
        symbol: "BTC/USD",
        timestamp,
        bids: expected(bids, -1),
        asks: expected(asks, 1),
        reset: true,
      });
      assert.equal(whole?.sequence, messages.length);
    }),
  );
});

Deno.test("changes without a whole order book before are published, but make none", () => {
  const { books, channel } = made();
  const queue = channel.subscribe(ALL);
  books.publish(change("BTC/USD", [[1, 1]]), 1);
  assert.equal(queue.published, 1);
  assert.deepEqual(books.present(ALL), []);
});

Deno.test("an order book is kept while upstream carries its pair", () => {
  const { books, channel } = made();
  channel.carried(["BTC/USD", "ETH/USD"], 0);
  for (const symbol of ["BTC/USD", "ETH/USD"]) {
    books.publish(change(symbol, [[1, 1]], { reset: true }), 1);
  }
  const symbols = () => books.present(ALL).map(({ event }) => event.symbol);
  assert.deepEqual(symbols(), ["BTC/USD", "ETH/USD"]);
  const filter = { ...ALL, symbols: new Set(["ETH/USD"]) };
  assert.deepEqual(books.present(filter).map(({ event }) => event.symbol), ["ETH/USD"]);
  channel.notCarried(["BTC/USD"], undefined, 1);
  books.drop(["BTC/USD"]);
  assert.deepEqual(symbols(), ["ETH/USD"]);
  channel.notCarried(["ETH/USD"], "upstream_lost", 1);
  books.drop(["*"]);
  assert.deepEqual(symbols(), []);
});

Deno.test("pairs and levels are bounded; the best levels are kept", () => {
  const { books } = made({ pairs: 2, levels: 3 });
  for (const symbol of ["A/USD", "B/USD", "C/USD"]) {
    books.publish(change(symbol, [[1, 1]], { reset: true }), 1);
  }
  assert.deepEqual(books.present(ALL).map(({ event }) => event.symbol), ["A/USD", "B/USD"]);
  const asks = [5, 6, 7, 8].map((price): [number, number] => [price, 1]);
  books.publish(change("A/USD", [[2, 1], [3, 1], [4, 1]], { asks }), 2);
  const [whole] = books.present(ALL);
  assert.deepEqual(whole?.event.bids.map(({ price }) => price), [4, 3, 2]);
  assert.deepEqual(whole?.event.asks.map(({ price }) => price), [5, 6, 7]);
});

Deno.test("streams that open share one whole order book, whose memory counts once", () => {
  const { books, channel, memory } = made();
  books.publish(change("BTC/USD", [[1, 1], [2, 1]], { reset: true }), 1);
  const queues = [1, 2].map(() =>
    channel.subscribeQueue(ALL, {}, (options) => new Subscriber<Orderbook>(options))
  );
  for (const queue of queues) {
    for (const whole of books.present(ALL)) channel.enqueueOnly(queue, whole);
  }
  const [first, second] = queues.map((queue) => queue.take());
  assert.equal(first?.length, 1);
  assert.equal(first?.[0], second?.[0]);
  for (const queue of queues) queue.end();
  assert.equal(memory.bytes, 0);
  books.publish(change("BTC/USD", [[2, 0]]), 2);
  assert.notEqual(books.present(ALL)[0], first?.[0]);
});

Deno.test("a lost change makes an order book wrong until the whole one arrives", () => {
  const { channel } = made();
  const calls: string[] = [];
  const books = new OrderBooks(channel, { pairs: 1, levels: 9 }, {
    lost: (symbol) => calls.push(`lost ${symbol}`),
    arrived: (symbol) => calls.push(`arrived ${symbol}`),
    forget: (symbol) => calls.push(`forget ${symbol}`),
  });
  const queue = channel.subscribe(ALL);
  channel.carried(["BTC/USD", "ETH/USD"], 0);
  // The second is one more than are kept.
  for (const symbol of ["BTC/USD", "ETH/USD"]) {
    books.publish(change(symbol, [[1, 1]], { reset: true }), 1);
    books.unreadable(symbol);
    books.publish(change(symbol, [[2, 1]]), 2);
  }
  assert.equal(queue.published, 2);
  assert.deepEqual(books.present(ALL), []);
  // The request for it ends the subscription for a moment.
  channel.notCarried(["BTC/USD"], "not_subscribed", 3);
  books.drop(["BTC/USD"], true);
  assert.equal(books.isWrong("BTC/USD"), true);
  channel.carried(["BTC/USD"], 4);
  books.publish(change("BTC/USD", [[3, 1]]), 5);
  assert.equal(queue.published, 2);
  books.publish(change("BTC/USD", [[4, 1]], { reset: true }), 6);
  assert.equal(queue.published, 3);
  assert.deepEqual(books.present(ALL).map(({ event }) => event.bids), [[{ price: 4, size: 1 }]]);
  channel.notCarried(["ETH/USD"], undefined, 7);
  books.drop(["ETH/USD"]);
  assert.deepEqual(calls, ["lost BTC/USD", "lost ETH/USD", "arrived BTC/USD", "forget ETH/USD"]);
});

Deno.test("a lost message without a pair makes all order books wrong", () => {
  const { books, channel } = made();
  channel.carried(["*"], 0);
  for (const symbol of ["A/USD", "B/USD"]) {
    books.publish(change(symbol, [[1, 1]], { reset: true }), 1);
  }
  books.unreadable(undefined);
  assert.deepEqual(["A/USD", "B/USD"].map((symbol) => books.isWrong(symbol)), [true, true]);
  assert.deepEqual(books.present(ALL), []);
});
