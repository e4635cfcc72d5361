import assert from "node:assert/strict";
import { Activity, type FlowName } from "../../../../src/application/status/activity.ts";
import { createCounters, observe } from "../../../../src/application/status/counters.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

function setup() {
  const clock = new ManualClock();
  const counters = createCounters();
  const activity = new Activity(counters, clock);
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
  counters.feeds.opra.received.luld = 6;
  counters.feeds.sip.received.correction = 8;
  counters.feeds.sip.received.cancel_error = 9;
  counters.feeds.opra.received.control = 1;
  counters.feeds.trading.received.control = 3;
  await clock.advance(1_000);
  const names: FlowName[] = [
    "in.stockTrades",
    "in.optionTrades",
    "other.trade",
    "in.priceBands",
    "in.tradeCorrections",
    "other.luld",
    "other.cancel_error",
    "other.control",
    "feed.trading",
  ];
  assert.deepEqual(names.map((name) => activity.flow(name).total), [5, 7, 0, 2, 17, 6, 0, 4, 0]);
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

Deno.test("the delay of a feed's data is that of its channels without bars", async () => {
  await using proxy = setup();
  const { clock, counters, activity } = proxy;
  assert.equal(activity.delay("sip").p50, undefined);
  observe(counters.endToEnd.stockQuotes, { seconds: 0.04, messages: 3 });
  observe(counters.endToEnd.stockTrades, { seconds: 0.9, messages: 1 });
  observe(counters.endToEnd.stockBars, { seconds: 60, messages: 100 });
  await clock.advance(1_000);
  const { p50, p99, bounds } = activity.delay("sip");
  assert.deepEqual([p50, p99, bounds.at(-1)], [0.05, 1, 300]);
  assert.equal(activity.delay("opra").p50, undefined);
});
