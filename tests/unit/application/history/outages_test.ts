import assert from "node:assert/strict";
import { createChannels } from "../../../../src/application/broadcast/channels.ts";
import { Outages } from "../../../../src/application/history/outages.ts";
import type { History } from "../../../../src/application/ports/market_data.ts";
import { createCounters } from "../../../../src/application/status/counters.ts";
import { type ChannelName, CHANNELS } from "../../../../src/domain/market/channels.ts";
import type { StockTrade } from "../../../../src/domain/market/stock_events.ts";
import { UnderlyingDirectory } from "../../../../src/domain/options/underlying_directory.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";
import { historyOf, ScriptedMarketData } from "./scripted_market_data.ts";

Deno.test("an outage of a feed is being filled until its history has arrived", async () => {
  const clock = new ManualClock();
  const marketData = new ScriptedMarketData();
  const reply = Promise.withResolvers<History<StockTrade>>();
  marketData.onHistory = () => reply.promise;
  const channels = createChannels({
    capacities: Object.fromEntries(CHANNELS.map((name) => [name, 10])) as Record<
      ChannelName,
      number
    >,
    counters: createCounters(),
    directory: new UnderlyingDirectory(),
  });
  const log = new RecordingLog();
  const outages = new Outages({ channels, marketData, maxSilenceMs: 1_000, clock, log });
  const isFilling = () => [outages.isFilling("sip"), outages.isFilling("opra")];
  assert.deepEqual(isFilling(), [false, false]);
  const now = clock.now();
  const outage = { from: now - 5_000, to: now };
  const request = { symbols: ["AAPL"], outage, since: now - 10_000 };
  const filled = outages.fillerOf("stockTrades")?.(request, new AbortController().signal);
  await clock.advance(2_000);
  assert.equal(marketData.historyRequests.length, 1);
  assert.deepEqual(isFilling(), [true, false]);
  reply.resolve(historyOf(new Map()));
  await clock.advance(20_000);
  await filled;
  assert.deepEqual(isFilling(), [false, false]);
});
