import assert from "node:assert/strict";
import fc from "fast-check";
import { Channel, type ChannelKeys } from "../../../../src/application/broadcast/channel.ts";
import type { Envelope } from "../../../../src/application/broadcast/envelope.ts";
import { Subscriber } from "../../../../src/application/broadcast/subscriber.ts";
import type { Position } from "../../../../src/application/broadcast/shared_queue.ts";

type Reader<T> = Subscriber<T> | Position<T>;

interface Tick {
  readonly symbol: string;
  readonly id: string;
  readonly value: number;
}

const KEYS: ChannelKeys<Tick> = {
  symbol: ({ symbol }) => symbol,
  secondary: ({ id }) => id,
};

function channelOf(
  capacity = 1_000,
  keys: ChannelKeys<Tick> = KEYS,
  options: { readonly isLastAvailable?: boolean } = {},
) {
  const counters = { published: 0, sent: 0, conflated: 0, dropped: 0 };
  return { channel: new Channel<Tick>(keys, { capacity, counters, ...options }), counters };
}

function filter(
  symbols: readonly string[] = [],
  secondary: readonly string[] = [],
) {
  return { symbols: new Set(symbols), secondary: new Set(secondary) };
}

function tick(symbol: string, id = "", value = 0): Tick {
  return { symbol, id, value };
}

/** Takes the events in a subscriber's queue. */
async function taken(reader: Reader<Tick>): Promise<Envelope<Tick>[]> {
  const all: Envelope<Tick>[] = [];
  const batches = reader.batches(new AbortController().signal);
  while (reader.queued > 0) {
    all.push(...(await batches.next()).value?.take() ?? []);
  }
  await batches.return();
  return all;
}

async function values(reader: Reader<Tick>): Promise<number[]> {
  return (await taken(reader)).map(({ event }) => event.value);
}

Deno.test("a subscriber receives the events of its filter, or all without a filter", async () => {
  const { channel } = channelOf();
  const everything = channel.subscribe(filter());
  const apple = channel.subscribe(filter(["AAPL"]));
  const order = channel.subscribe(filter([], ["order-2"]));
  const either = channel.subscribe(filter(["MSFT"], ["order-1"]));
  channel.publish(tick("AAPL", "order-1", 1), 0);
  channel.publish(tick("MSFT", "order-2", 2), 0);
  channel.publish(tick("TSLA", "order-3", 3), 0);
  assert.deepEqual(await values(everything), [1, 2, 3]);
  assert.deepEqual(await values(apple), [1]);
  assert.deepEqual(await values(order), [2]);
  assert.deepEqual(await values(either), [1, 2]);
});

Deno.test("an event that matches both keys is delivered once", async () => {
  const { channel, counters } = channelOf();
  const reader = channel.subscribe(filter(["AAPL"], ["order-1"]));
  channel.publish(tick("AAPL", "order-1", 1), 0);
  assert.deepEqual(await values(reader), [1]);
  assert.equal(counters.sent, 1);
});

Deno.test("subscribers share one envelope, with a sequence and the time of arrival", async () => {
  const { channel } = channelOf();
  const one = channel.subscribe(filter());
  const other = channel.subscribe(filter(["AAPL"]));
  channel.publish(tick("AAPL"), 1_234);
  channel.publish(tick("AAPL"), 1_235);
  const [first, second] = await taken(one);
  const [same] = await taken(other);
  assert.equal(first, same);
  assert.deepEqual([first?.sequence, second?.sequence], [1, 2]);
  assert.deepEqual([first?.receivedAt, second?.receivedAt], [1_234, 1_235]);
  assert.equal(first?.encoded, undefined);
});

Deno.test("a subscriber receives nothing from before it subscribed or after it ended", async () => {
  const { channel } = channelOf();
  channel.publish(tick("AAPL", "", 1), 0);
  const reader = channel.subscribe(filter(["AAPL"]));
  channel.publish(tick("AAPL", "", 2), 0);
  assert.deepEqual(await values(reader), [2]);
  reader[Symbol.dispose]();
  channel.publish(tick("AAPL", "", 3), 0);
  assert.equal(reader.queued, 0);
  assert.equal(reader.published, 1);
});

Deno.test("a slow stream loses its own oldest events; other streams lose none", async () => {
  const { channel, counters } = channelOf(3);
  const slow = channel.subscribe(filter());
  const fast = channel.subscribe(filter());
  for (let value = 1; value <= 5; value++) {
    channel.publish(tick("AAPL", "", value), value);
    assert.deepEqual(await values(fast), [value]);
  }
  assert.deepEqual(await values(slow), [3, 4, 5]);
  assert.equal(slow.dropped, 2);
  assert.equal(fast.dropped, 0);
  assert.deepEqual(counters, { published: 10, sent: 8, conflated: 0, dropped: 2 });
});

Deno.test("a subscriber that ends frees everything, also for a symbol without events", () => {
  const { channel } = channelOf();
  const filters = [
    filter(),
    filter(["NEVER"]),
    filter(["AAPL", "NEVER"], ["order-1"]),
    filter([], ["order-1", "order-2"]),
  ];
  const readers = filters.map((each) => channel.subscribe(each));
  assert.equal(channel.symbols, 2);
  assert.equal(channel.mayHaveSubscribers("ANY"), true);
  for (const reader of readers) {
    reader[Symbol.dispose]();
    reader[Symbol.dispose]();
  }
  assert.equal(channel.symbols, 0);
  assert.equal(channel.mayHaveSubscribers("NEVER"), false);
});

Deno.test("a waiting subscriber ends when it is disposed", async () => {
  const { channel } = channelOf();
  const reader = channel.subscribe(filter(["NEVER"]));
  const waiting = reader.batches(new AbortController().signal).next();
  reader[Symbol.dispose]();
  assert.equal((await waiting).done, true);
});

Deno.test("whether a symbol has a subscriber is known without an event", () => {
  const { channel } = channelOf(10, {
    ...KEYS,
    secondaryOfSymbol: (symbol) => symbol.slice(0, 1),
  });
  assert.equal(channel.mayHaveSubscribers("AAPL"), false);
  const apple = channel.subscribe(filter(["AAPL"]));
  assert.deepEqual(["AAPL", "AMZN"].map((each) => channel.mayHaveSubscribers(each)), [
    true,
    false,
  ]);
  const root = channel.subscribe(filter([], ["M"]));
  assert.deepEqual(["MSFT", "TSLA"].map((each) => channel.mayHaveSubscribers(each)), [
    true,
    false,
  ]);
  const everything = channel.subscribe(filter());
  assert.equal(channel.mayHaveSubscribers("TSLA"), true);
  for (const reader of [apple, root, everything]) reader[Symbol.dispose]();
  assert.equal(channel.mayHaveSubscribers("AAPL"), false);
});

Deno.test("a second key that does not follow from the symbol can match any event", () => {
  const { channel } = channelOf();
  const order = channel.subscribe(filter([], ["order-1"]));
  assert.equal(channel.mayHaveSubscribers("ANY"), true);
  order[Symbol.dispose]();
  assert.equal(channel.mayHaveSubscribers("ANY"), false);
});

Deno.test("broadcast equals a filter over all subscribers", async () => {
  const names = fc.constantFrom("A", "B", "C", "D");
  const some = fc.uniqueArray(names, { maxLength: 3 });
  const step = fc.oneof(
    fc.record({ do: fc.constant("open" as const), symbols: some, ids: some }),
    fc.record({ do: fc.constant("leave" as const), which: fc.nat() }),
    fc.record({ do: fc.constant("read" as const), which: fc.nat() }),
    fc.record({ do: fc.constant("tick" as const), symbol: names, id: names }),
    fc.record({ do: fc.constant("tick" as const), symbol: names, id: names }),
    fc.record({ do: fc.constant("tick" as const), symbol: names, id: names }),
  );
  interface Model {
    readonly reader: Reader<Tick>;
    readonly symbols: readonly string[];
    readonly ids: readonly string[];
    owed: number[];
    dropped: number;
  }
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 8 }),
      fc.array(step, { maxLength: 100, size: "max" }),
      async (capacity, steps) => {
        const { channel } = channelOf(capacity);
        const open: Model[] = [];
        let value = 0;
        const check = async (model: Model) => {
          assert.deepEqual(await values(model.reader), model.owed);
          assert.equal(model.reader.dropped, model.dropped);
          model.owed = [];
        };
        for (const step of steps) {
          if (step.do === "open") {
            const { symbols, ids } = step;
            const reader = channel.subscribe(filter(symbols, ids));
            open.push({ reader, symbols, ids, owed: [], dropped: 0 });
          } else if (step.do === "tick") {
            const { symbol, id } = step;
            channel.publish(tick(symbol, id, ++value), value);
            for (const model of open) {
              const all = model.symbols.length + model.ids.length === 0;
              if (
                all || model.symbols.includes(symbol) || model.ids.includes(id)
              ) model.owed.push(value);
              if (model.owed.length > capacity) {
                model.owed.shift();
                model.dropped++;
              }
            }
          } else {
            const at = step.which % Math.max(1, open.length);
            const model = open[at];
            if (!model) continue;
            await check(model);
            if (step.do === "leave") {
              open.splice(at, 1);
              model.reader[Symbol.dispose]();
            }
          }
          const symbols = new Set(open.flatMap(({ symbols }) => symbols));
          assert.equal(channel.symbols, symbols.size);
          const isAnyWanted = open.some(({ symbols, ids }) =>
            ids.length > 0 || symbols.length === 0
          );
          assert.equal(channel.mayHaveSubscribers("ANY"), isAnyWanted);
        }
        for (const model of open) {
          await check(model);
          model.reader[Symbol.dispose]();
        }
        assert.equal(channel.symbols, 0);
        assert.equal(channel.mayHaveSubscribers("ANY"), false);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("an event for streams without options reaches each of them and no position", async () => {
  const { channel } = channelOf();
  channel.startRetaining(0);
  channel.carried(["*"], 0);
  const plain = [filter(), filter(["A"]), filter([], ["x"]), filter(["A"], ["x"])]
    .map((each) => channel.subscribe(each));
  const withOptions = [filter(), filter(["A"]), filter([], ["x"])].map((each) =>
    channel.subscribeQueue(each, {}, (options) => new Subscriber<Tick>(options))
  );
  channel.publishPlain(tick("A", "x", 1), 1);
  channel.publishPlain(tick("A", "x", 2), 1);
  channel.publish(tick("A", "x", 3), 2);
  const derived = channel.publishWithOptions(tick("A", "x", 4), {
    receivedAt: 3,
    origin: "reconciled",
  });
  for (const each of plain) assert.deepEqual(await values(each), [1, 2, 3]);
  for (const each of withOptions) assert.deepEqual(await values(each), [3, 4]);
  assert.deepEqual([derived.sequence, derived.symbolSequence, derived.origin], [
    2,
    2,
    "reconciled",
  ]);
  const missed = channel.missedSince(0, filter(), false) ?? [];
  assert.deepEqual(missed.map((each) => "event" in each ? each.event.value : "gap"), [3, 4]);
});

Deno.test("events that were received before a moment are not retained any more", () => {
  const { channel } = channelOf();
  channel.startRetaining(0);
  channel.carried(["*"], 0);
  for (const at of [1, 2, 3]) channel.publish(tick("A", "", at), at);
  channel.releaseBefore(3);
  assert.equal(channel.positionOf(({ value }) => value === 2), undefined);
  assert.equal(channel.positionOf(({ value }) => value === 3), 3);
  channel.releaseBefore(9);
  assert.equal(channel.missedSince(2, filter(), false), undefined);
  assert.deepEqual(channel.missedSince(3, filter(), false), []);
});

Deno.test("last events that are available elsewhere are kept only for streams with options", () => {
  const { channel } = channelOf(10, KEYS, { isLastAvailable: true });
  const lastOf = () => channel.lastEvents(filter()).map(({ event }) => event.value);
  channel.publish(tick("A", "", 1), 1);
  assert.deepEqual(lastOf(), []);
  const stop = channel.observe({
    filter: filter(),
    fillsOutages: false,
    gap: () => {},
    fillOutage: () => {},
    carried: () => {},
  });
  channel.publish(tick("A", "", 2), 2);
  channel.publish(tick("B", "", 3), 3);
  stop();
  channel.publish(tick("B", "", 4), 4);
  assert.deepEqual(lastOf(), [2, 4]);
  channel.stopRetaining();
  assert.deepEqual(lastOf(), []);
  channel.publish(tick("A", "", 5), 5);
  assert.deepEqual(lastOf(), []);
});

Deno.test("last events that are not available elsewhere are always kept", () => {
  const { channel } = channelOf();
  channel.publish(tick("A", "", 1), 1);
  channel.stopRetaining();
  assert.deepEqual(channel.lastEvents(filter()).map(({ event }) => event.value), [1]);
});
