import assert from "node:assert/strict";
import { createChannels } from "../../../../src/application/broadcast/channels.ts";
import { QueueMemory } from "../../../../src/application/broadcast/queue_memory.ts";
import { createCounters } from "../../../../src/application/status/counters.ts";
import { endStalled } from "../../../../src/application/streaming/monitor_streams.ts";
import type { Stall } from "../../../../src/application/streaming/market_streams.ts";
import { StreamRegistry } from "../../../../src/application/streaming/stream_registry.ts";
import { FEEDS } from "../../../../src/domain/connection/feed.ts";
import { UnderlyingDirectory } from "../../../../src/domain/options/underlying_directory.ts";
import { GOLDEN_QUOTE } from "../../../support/grpc_events.ts";
import { ManualClock, settle } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";
import { furtherChannels } from "../../../support/further_channels.ts";
import { STREAM_PORTS } from "../../../support/live_feed.ts";

const CAPACITY = 10;

/** Streams of quotes, monitored with a limit of ten seconds. */
function watched(stalledMs = 10_000) {
  const counters = createCounters();
  const memory = new QueueMemory();
  const clock = new ManualClock();
  const log = new RecordingLog();
  const channels = createChannels({
    capacities: {
      stockQuotes: CAPACITY,
      stockTrades: CAPACITY,
      stockBars: CAPACITY,
      stockUpdatedBars: CAPACITY,
      stockDailyBars: CAPACITY,
      tradingStatuses: CAPACITY,
      priceBands: CAPACITY,
      tradeCorrections: CAPACITY,
      imbalances: CAPACITY,
      optionQuotes: CAPACITY,
      optionTrades: CAPACITY,
      orderUpdates: CAPACITY,
      ...furtherChannels(CAPACITY),
    },
    counters,
    memory,
    directory: new UnderlyingDirectory(),
  });
  const streams = new StreamRegistry({
    channels,
    feeds: new Set(FEEDS),
    sinks: {},
    clock,
    counters,
    ...STREAM_PORTS,
  });
  const stop = new AbortController();
  const { signal } = stop;
  const done = endStalled(streams, { memory, stalledMs, clock, log, signal });
  const open = () => {
    const stalls: Stall[] = [];
    const stream = streams.open(
      "stockQuotes",
      { symbols: ["AAPL"] },
      { onStall: (stall) => stalls.push(stall) },
    );
    const batches = stream.batches(new AbortController().signal);
    const take = async () => (await batches.next()).value?.take().length ?? 0;
    return { stream, stalls, batches, take };
  };
  const publish = () => channels.stockQuotes.publish(GOLDEN_QUOTE, 0);
  return {
    clock,
    counters,
    log,
    open,
    publish,
    streams,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await settle();
      await done;
      assert.equal(clock.sleepers, 0);
    },
  };
}

Deno.test("a stream whose client reads nothing is ended, logged and counted", async () => {
  await using watch = watched();
  const { stream, stalls, batches } = watch.open();
  await watch.clock.advance(3_000);
  for (let i = 0; i < 4; i++) watch.publish();
  await watch.clock.advance(9_000);
  assert.deepEqual(stalls, []);
  await watch.clock.advance(1_000);
  assert.deepEqual(stalls, [{ queued: 4, stalledMs: 10_000 }]);
  assert.equal((await batches.next()).done, true);
  assert.equal(watch.streams.clients.count, 0);
  assert.equal(watch.counters.refusals.stalled, 1);
  assert.equal(stream.dropped, 4, "what was queued is lost");
  assert.equal(watch.counters.channels.stockQuotes.dropped, 4);
  const [line] = watch.log.records.filter(({ level }) => level === "warn");
  assert.deepEqual(line?.fields, {
    channel: "stockQuotes",
    filter: "AAPL",
    queued: 4,
    stalledMs: 10_000,
  });
  await watch.clock.advance(60_000);
  assert.equal(stalls.length, 1);
});

Deno.test("a stream without waiting messages is never stalled", async () => {
  await using watch = watched();
  const { stream, stalls, take } = watch.open();
  watch.publish();
  assert.equal(await take(), 1);
  await watch.clock.advance(86_400_000 / 100);
  assert.deepEqual(stalls, []);
  assert.equal(watch.streams.clients.count, 1);
  stream[Symbol.dispose]();
});

Deno.test("a stream that takes few events is slow, not stalled", async () => {
  await using watch = watched();
  const { stream, stalls, take } = watch.open();
  for (let i = 0; i < 20; i++) {
    for (let j = 0; j < 50; j++) watch.publish();
    assert.ok(await take() > 0);
    watch.publish();
    await watch.clock.advance(9_000);
  }
  assert.deepEqual(stalls, []);
  stream[Symbol.dispose]();
});

Deno.test("without a limit a stream that takes nothing stays open", async () => {
  await using watch = watched(0);
  const { stream, stalls } = watch.open();
  watch.publish();
  await watch.clock.advance(1_000_000);
  assert.deepEqual(stalls, []);
  stream[Symbol.dispose]();
});

Deno.test("of many stalled streams five are logged by name", async () => {
  await using watch = watched();
  for (let i = 0; i < 8; i++) watch.open();
  watch.publish();
  await watch.clock.advance(12_000);
  const warnings = watch.log.records.filter(({ level }) => level === "warn");
  assert.equal(warnings.length, 6);
  assert.deepEqual(warnings.at(-1)?.fields, { streams: 3 });
  assert.equal(watch.counters.refusals.stalled, 8);
});

Deno.test("thousands of stalled streams are ended over several passes", async () => {
  await using watch = watched();
  for (let i = 0; i < 1_200; i++) watch.open();
  watch.publish();
  const left: number[] = [];
  await watch.clock.advance(10_000);
  for (let pass = 0; pass < 4; pass++) {
    left.push(watch.streams.clients.count);
    await watch.clock.advance(1_000);
  }
  const ended = left.map((count, i) => (left[i - 1] ?? 1_200) - count);
  assert.equal(watch.streams.clients.count, 0, `${left}`);
  assert(Math.max(...ended) <= 500, `${ended}`);
});
