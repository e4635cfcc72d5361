import assert from "node:assert/strict";
import {
  Activity,
  type FlowName,
  type NewestEvents,
} from "../../../../src/application/status/activity.ts";
import type { Channel } from "../../../../src/application/broadcast/channel.ts";
import { createChannels } from "../../../../src/application/broadcast/channels.ts";
import { QueueMemory } from "../../../../src/application/broadcast/queue_memory.ts";
import { createCounters, observe } from "../../../../src/application/status/counters.ts";
import { UnderlyingDirectory } from "../../../../src/domain/options/underlying_directory.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

function setup(channels?: NewestEvents) {
  const clock = new ManualClock();
  const counters = createCounters();
  const activity = new Activity(counters, clock, channels);
  const ending = new AbortController();
  const running = activity.run(ending.signal);
  return {
    clock,
    counters,
    activity,
    /** The last rates of a flow, newest last. */
    rates: (name: FlowName, count = 3) => activity.flow(name).rates.slice(-count),
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      await running;
    },
  };
}

Deno.test("the time of a feed's last data is known to within a second", async () => {
  await using proxy = setup();
  const { clock, counters, activity } = proxy;
  assert.equal(activity.lastMessageAt("sip"), undefined);
  counters.feeds.sip.received.quote++;
  counters.feeds.opra.received.control++;
  await clock.advance(1_000);
  const seen = clock.now();
  assert.equal(activity.lastMessageAt("sip"), seen);
  assert.equal(activity.lastMessageAt("opra"), undefined, "control is no data");
  await clock.advance(60_000);
  assert.equal(activity.lastMessageAt("sip"), seen);
  counters.feeds.sip.received.trade++;
  await clock.advance(1_000);
  assert.equal(activity.lastMessageAt("sip"), seen + 61_000);
  clock.setWall(-3_600_000);
  await clock.advance(5_000);
  const age = clock.now() - (activity.lastMessageAt("sip") ?? 0);
  assert.equal(age, 5_000, "a wall clock that is set changes no age");
});

Deno.test("rates are what totals grew by in each second, without any reader", async () => {
  await using proxy = setup();
  const { clock, counters, rates } = proxy;
  assert.deepEqual(proxy.activity.flow("in.stockQuotes"), { total: 0, rates: [] });
  counters.feeds.sip.received.quote = 100;
  await clock.advance(1_000);
  counters.feeds.sip.received.quote = 400;
  counters.channels.stockQuotes.sent = 900;
  await clock.advance(2_000);
  assert.deepEqual(rates("in.stockQuotes"), [100, 300, 0]);
  assert.deepEqual(rates("feed.sip"), [100, 300, 0]);
  assert.deepEqual(rates("out.stockQuotes"), [0, 900, 0]);
  assert.equal(proxy.activity.flow("in.stockQuotes").total, 400);
});

Deno.test("five minutes of rates are kept, not more", async () => {
  await using proxy = setup();
  const { clock, counters, rates } = proxy;
  for (let second = 1; second <= 400; second++) {
    counters.feeds.trading.received.order_update += second;
    await clock.advance(1_000);
  }
  const kept = rates("feed.trading", 1_000);
  assert.deepEqual([kept.length, kept[0], kept.at(-1)], [300, 101, 400]);
});

Deno.test("a channel counts its own feed's messages, others stand apart", async () => {
  await using proxy = setup();
  const { clock, counters, activity } = proxy;
  counters.feeds.sip.received.trade = 5;
  counters.feeds.opra.received.trade = 7;
  counters.feeds.sip.received.luld = 2;
  counters.feeds.opra.received.control = 1;
  counters.feeds.trading.received.control = 3;
  await clock.advance(1_000);
  const names: FlowName[] = [
    "in.stockTrades",
    "in.optionTrades",
    "other.trade",
    "other.luld",
    "other.control",
    "feed.trading",
  ];
  assert.deepEqual(names.map((name) => activity.flow(name).total), [5, 7, 0, 2, 4, 0]);
});

Deno.test("processing latency is that of the last minute", async () => {
  await using proxy = setup();
  const { clock, counters, activity } = proxy;
  observe(counters.feeds.sip.processing, { seconds: 0.4, messages: 1_000 });
  await clock.advance(70_000);
  observe(counters.feeds.sip.processing, { seconds: 0.00001, messages: 10 });
  await clock.advance(1_000);
  const { p99, recent } = activity.processing("sip");
  assert.deepEqual([p99, recent], [0.00001, true]);
});

Deno.test("the delay of data is that of each second's newest events, for a minute", async () => {
  const counters = createCounters();
  const memory = new QueueMemory(1_000_000);
  const capacities = {
    stockQuotes: 9,
    stockTrades: 9,
    stockBars: 9,
    optionQuotes: 9,
    optionTrades: 9,
    orderUpdates: 9,
  };
  const directory = new UnderlyingDirectory();
  const channels = createChannels({ capacities, counters, memory, directory });
  await using proxy = setup(channels);
  const { clock, activity } = proxy;
  const publish = (channel: "stockQuotes" | "stockTrades" | "stockBars", delayMs: number) => {
    const at = clock.now() - delayMs;
    const timestamp = { seconds: Math.floor(at / 1_000), nanos: at % 1_000 * 1e6 };
    (channels[channel] as Channel<unknown>).publish({ symbol: "AAPL", timestamp }, clock.now());
  };
  assert.equal(activity.delay("sip"), undefined);
  publish("stockQuotes", 40);
  await clock.advance(2_000);
  assert.deepEqual(activity.delay("sip"), { medianMs: 40, worstMs: 40 });
  publish("stockQuotes", 9_999);
  publish("stockQuotes", 60);
  publish("stockTrades", 900);
  publish("stockBars", 60_000);
  await clock.advance(1_000);
  assert.deepEqual(activity.delay("sip"), { medianMs: 60, worstMs: 900 });
  assert.equal(activity.delay("opra"), undefined);
  publish("stockTrades", -5_000);
  await clock.advance(58_500);
  assert.deepEqual(activity.delay("sip"), { medianMs: 60, worstMs: 900 });
  await clock.advance(2_000);
  assert.deepEqual(activity.delay("sip"), { medianMs: 0, worstMs: 0 });
  await clock.advance(1_000);
  assert.equal(activity.delay("sip"), undefined);
});
