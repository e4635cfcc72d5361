import assert from "node:assert/strict";
import { FEEDS } from "../../../../src/domain/connection/feed.ts";
import { UnderlyingDirectory } from "../../../../src/domain/options/underlying_directory.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import fc from "fast-check";
import { createChannels } from "../../../../src/application/broadcast/channels.ts";
import { createCounters } from "../../../../src/application/status/counters.ts";
import {
  type OpenStream,
  type StreamFilter,
  type StreamItem,
  TooManySymbols,
} from "../../../../src/application/streaming/market_streams.ts";
import type { PendingBatch } from "../../../../src/application/broadcast/event_queue.ts";
import type { StreamOptions } from "../../../../src/application/streaming/stream_options.ts";
import { QuotaExceeded } from "../../../../src/application/feeds/quota_check.ts";
import type { SubscriptionSink } from "../../../../src/application/feeds/subscription_manager.ts";
import { StreamRegistry } from "../../../../src/application/streaming/stream_registry.ts";
import { type ChannelName, CHANNELS } from "../../../../src/domain/market/channels.ts";
import { SymbolRefCounts } from "../../../../src/domain/subscription/ref_counts.ts";
import {
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
} from "../../../../src/domain/subscription/pairs.ts";
import type { SymbolChange } from "../../../../src/application/streaming/upstream_events.ts";
import { STREAM_PORTS } from "../../../support/live_feed.ts";
import { furtherChannels } from "../../../support/further_channels.ts";
import { NO_OPTIONS } from "../../../support/stream_options.ts";

const CAPACITIES = {
  stockQuotes: 10,
  stockTrades: 10,
  stockBars: 10,
  stockUpdatedBars: 10,
  stockDailyBars: 10,
  tradingStatuses: 10,
  priceBands: 10,
  tradeCorrections: 10,
  imbalances: 10,
  optionQuotes: 10,
  optionTrades: 10,
  orderUpdates: 10,
  ...furtherChannels(10),
};

function requested(symbol: string): SymbolChange {
  return { symbol, state: "requested", reason: "" };
}

/** A sink that counts references; symbols removed must have been added. */
class RefCountSink implements SubscriptionSink {
  readonly refCounts = new SymbolRefCounts();
  /** States other than `requested`. */
  readonly states = new Map<string, SymbolChange>();

  checkQuota(): void {}

  checkPairs(): void {}

  freeSlots(): undefined {}

  isNamed(): boolean {
    return false;
  }

  testLimitWith(): void {}

  statesOf(_channel: UpstreamChannel, symbols: Iterable<string>): readonly SymbolChange[] {
    return Array.from(symbols, (symbol) => this.states.get(symbol) ?? requested(symbol));
  }

  add(channel: UpstreamChannel, symbols: Iterable<string>): void {
    this.refCounts.add(channel, symbols);
  }

  remove(channel: UpstreamChannel, symbols: Iterable<string>): void {
    for (const symbol of symbols) {
      assert.ok(this.refCounts.symbols(channel).has(symbol), "never added");
      this.refCounts.remove(channel, [symbol]);
    }
  }

  get wanted(): string[] {
    return UPSTREAM_CHANNELS.flatMap((channel) =>
      [...this.refCounts.symbols(channel)].map(([symbol, { streams }]) =>
        `${channel} ${symbol} ${streams}`
      )
    );
  }
}

function sixChannels() {
  return createChannels({
    capacities: CAPACITIES,
    counters: createCounters(),
    directory: new UnderlyingDirectory(),
  });
}

function proxy(ports: Partial<typeof STREAM_PORTS> = {}) {
  const channels = sixChannels();
  const sip = new RefCountSink();
  const opra = new RefCountSink();
  const clock = new ManualClock();
  const streams = new StreamRegistry({
    channels,
    feeds: new Set(FEEDS),
    sinks: { sip, opra },
    clock,
    counters: createCounters(),
    ...STREAM_PORTS,
    ...ports,
  });
  return { channels, sip, opra, streams };
}

const RULES: readonly (readonly [ChannelName, StreamFilter, string[]])[] = [
  ["stockQuotes", { symbols: ["AAPL"] }, ["sip quotes AAPL 1"]],
  ["stockTrades", { symbols: ["AAPL"] }, ["sip trades AAPL 1"]],
  ["stockBars", { symbols: ["A", "B"] }, ["sip bars A 1", "sip bars B 1"]],
  ["stockQuotes", { symbols: [] }, ["sip quotes * 1"]],
  ["stockTrades", { symbols: [] }, ["sip trades * 1"]],
  ["stockBars", { symbols: [] }, ["sip bars * 1"]],
  ["stockQuotes", { symbols: ["A", "A"] }, ["sip quotes A 1"]],
  ["optionQuotes", { symbols: ["X"] }, ["opra quotes X 1"]],
  ["optionQuotes", { symbols: [] }, ["opra quotes * 1"]],
  ["optionTrades", { symbols: [] }, ["opra trades * 1"]],
  ["optionQuotes", { symbols: [], underlyings: ["AAPL"] }, []],
  ["optionTrades", { symbols: [], underlyings: ["AAPL"] }, []],
  ["optionQuotes", { symbols: ["X"], underlyings: ["AAPL"] }, [
    "opra quotes X 1",
  ]],
  ["orderUpdates", { symbols: [] }, []],
  ["orderUpdates", { symbols: ["AAPL"], orderIds: ["id"] }, []],
];

for (const [channel, filter, expected] of RULES) {
  const wanted = expected.join(", ") || "nothing of upstream";
  Deno.test(`${channel} with ${JSON.stringify(filter)} requests ${wanted}`, () => {
    const { streams, sip, opra } = proxy();
    const stream = streams.open(channel, filter);
    assert.deepEqual([
      ...sip.wanted.map((each) => `sip ${each}`),
      ...opra.wanted.map((each) => `opra ${each}`),
    ], expected);
    stream[Symbol.dispose]();
    assert.deepEqual([...sip.wanted, ...opra.wanted], []);
  });
}

Deno.test("disposing a stream is idempotent", () => {
  const { streams, sip, channels } = proxy();
  const one = streams.open("stockQuotes", { symbols: ["AAPL"] });
  const other = streams.open("stockQuotes", { symbols: ["AAPL"] });
  one[Symbol.dispose]();
  one[Symbol.dispose]();
  assert.deepEqual(sip.wanted, ["quotes AAPL 1"]);
  assert.equal(streams.clients.count, 1);
  assert.equal(channels.stockQuotes.symbols, 1);
  other[Symbol.dispose]();
  assert.equal(streams.clients.count, 0);
});

Deno.test("a stream of a disabled feed is rejected", () => {
  const channels = sixChannels();
  const clock = new ManualClock();
  const feeds = new Set(["trading"] as const);
  const streams = new StreamRegistry({
    channels,
    feeds,
    sinks: {},
    clock,
    counters: createCounters(),
    ...STREAM_PORTS,
  });
  assert.throws(
    () => streams.open("stockQuotes", { symbols: ["AAPL"] }),
    /sip feed is disabled.*STREAM_PROXY_FEEDS/,
  );
  assert.equal(channels.stockQuotes.symbols, 0);
  using orders = streams.open("orderUpdates", { symbols: [] });
  assert.equal(orders.dropped, 0);
  assert.equal(streams.clients.count, 1);
});

Deno.test("losses are reported once per stream", () => {
  const { streams, channels } = proxy();
  using slow = streams.open("orderUpdates", { symbols: ["AAPL"] });
  const update = { order: { id: "1", symbol: "AAPL" } } as Parameters<
    typeof channels.orderUpdates.publish
  >[0];
  for (let i = 0; i < 12; i++) channels.orderUpdates.publish(update, i);
  assert.equal(slow.dropped, 2);
  assert.deepEqual(
    streams.clients.takeDropped().map(({ filter, dropped }) => [filter, dropped]),
    [["AAPL", 2]],
  );
  assert.deepEqual(streams.clients.takeDropped(), []);
});

Deno.test("a report has the client of a stream, its name of limited length", () => {
  const { streams } = proxy();
  using _stream = streams.open("orderUpdates", { symbols: [] }, {
    peer: "10.0.0.7:53122",
    userAgent: "x".repeat(8_000),
  });
  using _unknown = streams.open("orderUpdates", { symbols: [] });
  assert.deepEqual(
    streams.clients.reports().map(({ peer, userAgent }) => [peer, userAgent?.length]),
    [["10.0.0.7:53122", 81], [undefined, undefined]],
  );
});

Deno.test("the fullest queue of each channel has the largest share of its capacity", () => {
  const { streams, channels } = proxy();
  assert.deepEqual([...streams.clients.fullestQueues()], []);
  const update = { order: { id: "1", symbol: "AAPL" } } as Parameters<
    typeof channels.orderUpdates.publish
  >[0];
  using _early = streams.open("orderUpdates", { symbols: [] });
  for (let i = 0; i < 3; i++) channels.orderUpdates.publish(update, 0);
  using _late = streams.open("orderUpdates", { symbols: [] });
  for (let i = 0; i < 4; i++) channels.orderUpdates.publish(update, 0);
  using _quiet = streams.open("stockBars", { symbols: ["AAPL"] });
  assert.deepEqual([...streams.clients.fullestQueues()], [["orderUpdates", 0.7], ["stockBars", 0]]);
});

Deno.test("a stream receives events from its opening on, not from the first read", async () => {
  const { streams, channels } = proxy();
  using stream = streams.open("orderUpdates", { symbols: [] });
  const update = { order: { id: "1", symbol: "AAPL" } } as Parameters<
    typeof channels.orderUpdates.publish
  >[0];
  for (let i = 0; i < 12; i++) channels.orderUpdates.publish(update, i);
  const batches = stream.batches(new AbortController().signal);
  const { value } = await batches.next();
  assert.deepEqual(
    value?.take().map(({ sequence }) => sequence),
    [3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
  );
  assert.equal(stream.sent, 10);
  assert.equal(stream.dropped, 2);
});

Deno.test("requested symbols are those of the open streams after any opens and closes", () => {
  const symbols = fc.array(fc.constantFrom("A", "B", "C", ""), {
    maxLength: 4,
  });
  const open = fc.record({
    channel: fc.constantFrom(...CHANNELS),
    symbols,
    underlyings: fc.option(symbols, { nil: undefined }),
  });
  fc.assert(
    fc.property(
      fc.array(fc.oneof(open, fc.nat()), { maxLength: 60, size: "max" }),
      (steps) => {
        const { streams, sip, opra, channels } = proxy();
        const held: OpenStream<unknown>[] = [];
        for (const step of steps) {
          if (typeof step === "number") {
            const [left] = held.splice(step % Math.max(1, held.length), 1);
            left?.[Symbol.dispose]();
          } else {
            const { channel, symbols, underlyings } = step;
            held.push(streams.open(
              channel,
              underlyings ? { symbols, underlyings } : { symbols },
            ));
          }
          assert.equal(streams.clients.count, held.length);
        }
        for (const stream of held) stream[Symbol.dispose]();
        assert.deepEqual([...sip.wanted, ...opra.wanted], []);
        assert.equal(streams.clients.count, 0);
        for (const name of CHANNELS) {
          assert.equal(channels[name].symbols, 0);
          for (const symbol of ["", "A270115C00172500", "B270115C00172500"]) {
            assert.equal(channels[name].mayHaveSubscribers(symbol), false);
          }
        }
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("3,000 closed streams free their resources", () => {
  const { streams, sip, channels } = proxy();
  const held = Array.from(
    { length: 3_000 },
    (_, index) =>
      streams.open("stockQuotes", {
        symbols: index % 3 === 0 ? [] : ["AAPL", `S${index}`],
      }),
  );
  assert.equal(channels.stockQuotes.symbols, 2_001);
  for (const stream of held) stream[Symbol.dispose]();
  assert.equal(channels.stockQuotes.symbols, 0);
  assert.equal(channels.stockQuotes.mayHaveSubscribers("ANY"), false);
  assert.equal([...sip.refCounts.pairs()].length, 0);
});

Deno.test("a stream over the quota is not opened and changes nothing", () => {
  const channels = sixChannels();
  const calls: string[] = [];
  const excess = { feed: "sip", limit: 1, used: 1, requested: 1 } as const;
  const sip: SubscriptionSink = {
    checkPairs: () => {},
    checkQuota: () => {
      throw new QuotaExceeded(excess);
    },
    add: () => calls.push("add"),
    remove: () => calls.push("remove"),
    freeSlots: () => undefined,
    isNamed: () => false,
    testLimitWith: () => {},
    statesOf: () => [],
  };
  const clock = new ManualClock();
  const streams = new StreamRegistry({
    channels,
    feeds: new Set(FEEDS),
    sinks: { sip },
    clock,
    counters: createCounters(),
    ...STREAM_PORTS,
  });
  assert.throws(
    () => streams.open("stockQuotes", { symbols: ["AAPL"] }),
    { name: "QuotaExceeded", excess },
  );
  assert.deepEqual(calls, []);
  assert.equal(streams.clients.count, 0);
  assert.equal(channels.stockQuotes.symbols, 0);
  assert.equal(channels.stockQuotes.mayHaveSubscribers("ANY"), false);
});

Deno.test("the symbols of all open streams are limited", () => {
  const counters = createCounters();
  const sip = new RefCountSink();
  const streams = new StreamRegistry({
    channels: sixChannels(),
    feeds: new Set(FEEDS),
    sinks: { sip },
    clock: new ManualClock(),
    maxSymbols: 5,
    counters,
    ...STREAM_PORTS,
  });
  const quotes = streams.open("stockQuotes", { symbols: ["A", "B", "A"] });
  using _options = streams.open("optionQuotes", {
    symbols: [],
    underlyings: ["SPY"],
  });
  using _orders = streams.open("orderUpdates", {
    symbols: ["A"],
    orderIds: ["id"],
  });
  assert.equal(streams.symbols, 5);
  assert.throws(
    () => streams.open("stockTrades", { symbols: ["A"] }),
    (error) => {
      assert.ok(error instanceof TooManySymbols);
      assert.deepEqual(error.excess, { limit: 5, used: 5, requested: 1 });
      assert.match(error.message, /exceeded by 1: 5 allowed, 5 used, 1 more/);
      return true;
    },
  );
  assert.equal(counters.refusals.symbols, 1);
  assert.deepEqual(sip.wanted, ["quotes A 1", "quotes B 1"]);
  // Everything is one interest, however many symbols there are.
  using _everything = streams.open("stockTrades", { symbols: [] });
  quotes[Symbol.dispose]();
  quotes[Symbol.dispose]();
  assert.equal(streams.symbols, 3);
  using _again = streams.open("stockTrades", { symbols: ["A", "B"] });
  assert.equal(counters.refusals.symbols, 1);
});

Deno.test("a symbol that another stream of the channel has counts as a tenth", () => {
  const streams = new StreamRegistry({
    channels: sixChannels(),
    feeds: new Set(FEEDS),
    sinks: {},
    clock: new ManualClock(),
    maxSymbols: 30,
    counters: createCounters(),
    ...STREAM_PORTS,
  });
  const symbols = Array.from({ length: 20 }, (_, i) => `S${i}`);
  const first = streams.open("stockQuotes", { symbols });
  assert.equal(streams.symbols, 20);
  // Five more streams of the same symbols: 100 repeated ones are 10 entries.
  const repeats = Array.from(
    { length: 5 },
    () => streams.open("stockQuotes", { symbols }),
  );
  assert.equal(streams.symbols, 30);
  assert.throws(
    () => streams.open("stockQuotes", { symbols }),
    { excess: { limit: 30, used: 30, requested: 2 } },
  );
  assert.throws(() => streams.open("stockTrades", { symbols: ["S0"] }), {
    excess: { limit: 30, used: 30, requested: 1 },
  });
  // The symbols are distinct as long as one stream names them.
  first[Symbol.dispose]();
  assert.equal(streams.symbols, 28);
  for (const stream of repeats) stream[Symbol.dispose]();
  assert.equal(streams.symbols, 0);
});

Deno.test("four services with every stock on three channels are within the default", () => {
  const streams = new StreamRegistry({
    channels: sixChannels(),
    feeds: new Set(FEEDS),
    sinks: {},
    clock: new ManualClock(),
    maxSymbols: 100_000,
    counters: createCounters(),
    ...STREAM_PORTS,
  });
  const symbols = Array.from({ length: 11_000 }, (_, i) => `S${i}`);
  for (let service = 0; service < 4; service++) {
    streams.open("stockQuotes", { symbols });
    streams.open("stockTrades", { symbols });
    streams.open("stockBars", { symbols });
  }
  assert.equal(streams.symbols, 33_000 + 9_900);
});

const WITH_NOTICES: StreamOptions = { ...NO_OPTIONS, notices: true };

/** Takes what is ready of a stream, and returns the states of symbols in it. */
async function takeStates(
  batches: AsyncGenerator<PendingBatch<StreamItem<unknown>>, void>,
): Promise<string[]> {
  const { value } = await batches.next();
  const items = value?.take() ?? [];
  return items.flatMap((item) => {
    if (!("notice" in item) || item.notice.type !== "subscription") return [];
    const { symbol, state, reason } = item.notice;
    return [`${symbol} ${state}${reason && `: ${reason}`}`];
  });
}

const { signal } = new AbortController();

Deno.test("a stream with notices starts with the symbols that are not acknowledged", async () => {
  const { streams, sip } = proxy();
  sip.states.set("A", { symbol: "A", state: "acknowledged", reason: "" });
  sip.states.set("BAD", { symbol: "BAD", state: "rejected", reason: "invalid syntax" });
  const filter = { symbols: ["A", "B", "BAD"] };
  using stream = streams.openWithOptions("stockQuotes", filter, WITH_NOTICES);
  const batches = stream.batches(signal);
  assert.deepEqual(await takeStates(batches), ["B requested", "BAD rejected: invalid syntax"]);
  streams.subscription("sip", "quotes", [
    { symbol: "B", state: "acknowledged", reason: "" },
    { symbol: "C", state: "acknowledged", reason: "" },
  ]);
  streams.subscription("sip", "trades", [{ symbol: "B", state: "rejected", reason: "" }]);
  streams.subscription("opra", "quotes", [{ symbol: "B", state: "rejected", reason: "" }]);
  assert.deepEqual(await takeStates(batches), ["B acknowledged"]);
});

Deno.test("an unfiltered stream starts with the state of *, order updates with none", async () => {
  const { streams } = proxy();
  using all = streams.openWithOptions("stockQuotes", { symbols: [] }, WITH_NOTICES);
  assert.deepEqual(await takeStates(all.batches(signal)), ["* requested"]);
  using orders = streams.openWithOptions("orderUpdates", { symbols: [] }, WITH_NOTICES);
  assert.deepEqual(await takeStates(orders.batches(signal)), []);
});

Deno.test("only the identity that opened a stream can acknowledge it", () => {
  let ids = 0;
  const { streams } = proxy({ newId: () => `id ${ids++}` });
  const open = (identity?: string) => {
    const client = identity === undefined ? {} : { identity };
    streams.openWithOptions("stockQuotes", { symbols: ["A"] }, WITH_NOTICES, client);
    const id = streams.clients.reports().at(-1)?.options?.streamId;
    assert(id !== undefined);
    return id;
  };
  const [own, other, anonymous] = [open("dashboard"), open("robot"), open()];
  assert.equal(streams.acknowledge(own, 0, "dashboard"), true);
  assert.equal(streams.acknowledge(other, 0, "dashboard"), false);
  assert.equal(streams.acknowledge(anonymous, 0, "dashboard"), false);
  assert.equal(streams.acknowledge(own, 0), false);
  assert.equal(streams.acknowledge(anonymous, 0), true);
});
