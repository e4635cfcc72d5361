import assert from "node:assert/strict";
import { createChannels } from "../../../../src/application/broadcast/channels.ts";
import { createCounters } from "../../../../src/application/status/counters.ts";
import { StreamRegistry } from "../../../../src/application/streaming/stream_registry.ts";
import { reportDropped } from "../../../../src/application/streaming/monitor_streams.ts";
import { FEEDS } from "../../../../src/domain/connection/feed.ts";
import { UnderlyingDirectory } from "../../../../src/domain/options/underlying_directory.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";
import { furtherChannels } from "../../../support/further_channels.ts";
import { STREAM_PORTS } from "../../../support/live_feed.ts";

Deno.test("the log shows the streams with losses, and only those", async () => {
  const clock = new ManualClock();
  const log = new RecordingLog();
  const capacities = {
    stockQuotes: 1,
    stockTrades: 1,
    stockBars: 1,
    stockUpdatedBars: 1,
    stockDailyBars: 1,
    tradingStatuses: 1,
    priceBands: 1,
    tradeCorrections: 1,
    imbalances: 1,
    optionQuotes: 1,
    optionTrades: 1,
    orderUpdates: 1,
    ...furtherChannels(1),
  };
  const channels = createChannels({
    capacities,
    counters: createCounters(),
    directory: new UnderlyingDirectory(),
  });
  const feeds = new Set(FEEDS);
  const streams = new StreamRegistry({
    channels,
    feeds,
    sinks: {},
    clock,
    counters: createCounters(),
    ...STREAM_PORTS,
  });
  const stop = new AbortController();
  const { signal } = stop;
  const done = reportDropped(streams, { clock, log, signal });
  const open = Array.from(
    { length: 7 },
    (_, i) => streams.open("orderUpdates", { symbols: [`S${i}`] }),
  );
  for (let i = 0; i < 7; i++) {
    const update = { order: { id: "1", symbol: `S${i}` } } as Parameters<
      typeof channels.orderUpdates.publish
    >[0];
    for (let n = 0; n <= i; n++) channels.orderUpdates.publish(update, n);
  }
  await clock.advance(30_000);
  const told = log.records.map(({ message, fields }) =>
    fields.filter === undefined
      ? `${message}: ${fields.streams}`
      : `${fields.filter} ${fields.dropped}`
  );
  assert.deepEqual(told, [
    "S6 6",
    "S5 5",
    "S4 4",
    "S3 3",
    "S2 2",
    "Dropped messages of more slow streams: 1",
  ]);
  await clock.advance(30_000);
  assert.equal(log.records.length, 6, "nothing new was lost");
  for (const stream of open) stream[Symbol.dispose]();
  stop.abort();
  await done;
  assert.equal(clock.sleepers, 0);
});
