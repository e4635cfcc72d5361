/** Market data from the REST endpoints of the simulator, also while they fail. */
import assert from "node:assert/strict";
import { type Message, type Simulator, startSimulator } from "@alpaca-stream-proxy/simulator";
import { createCounters } from "../../src/application/status/counters.ts";
import { systemClock } from "../../src/infrastructure/clock/system_clock.ts";
import { RestMarketData } from "../../src/infrastructure/alpaca/rest/market_data.ts";
import { RestClient } from "../../src/infrastructure/alpaca/rest/rest_client.ts";
import { RecordingLog } from "../support/recording_log.ts";

const OPTION = "ZZQ270115P00122500";

/** A simulator without a market of its own, and market data from it. */
async function start() {
  await using made = new AsyncDisposableStack();
  const simulator: Simulator = made.use(await startSimulator({ messagesPerSecond: 0 }));
  const counters = createCounters().rest;
  const client = new RestClient({
    credentials: () => ({ key: "SIM_KEY", secret: "SIM_SECRET" }),
    clock: systemClock,
    log: new RecordingLog(),
    counters,
  });
  const data = { client, url: simulator.url };
  const marketData = new RestMarketData({ data, stockFeed: "sip", optionFeed: "opra" });
  const kept = made.move();
  const now = Date.now();
  const query = { span: { from: now - 60_000, to: now + 60_000 }, maxEvents: 1_000 };
  return {
    simulator,
    counters,
    marketData,
    query,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

function trade(symbol: string, i: number): Message {
  const t = new Date().toISOString();
  return { T: "t", S: symbol, i, x: "V", p: 10 + i, s: 100, c: ["@"], z: "A", t };
}

function optionTrade(i: number): Message {
  const t = new Date().toISOString();
  return { T: "t", S: OPTION, x: "C", p: 1 + i, s: 2, c: "I", t };
}

const { signal } = new AbortController();

Deno.test("the history of stock and option trades has what the stream sent", async () => {
  await using parts = await start();
  const { simulator, marketData, query } = parts;
  simulator.emit("sip", [trade("ZZA", 1), trade("ZZB", 2), trade("ZZA", 3)]);
  simulator.emit("opra", [optionTrade(1), optionTrade(2)]);
  const stocks = await marketData
    .history("stockTrades", { ...query, symbols: ["ZZA", "ZZB", "ZZC"] }, signal);
  assert.deepEqual(stocks.events.get("ZZA")?.map(({ tradeId }) => tradeId), [1, 3]);
  assert.deepEqual(stocks.events.get("ZZB")?.map(({ price }) => price), [12]);
  assert.equal(stocks.incomplete.size, 0);
  const options = await marketData.history("optionTrades", { ...query, symbols: [OPTION] }, signal);
  assert.deepEqual(options.events.get(OPTION)?.map(({ price }) => price), [2, 3]);
});

Deno.test("the history of bars and the latest values are read", async () => {
  await using parts = await start();
  const { simulator, marketData, query } = parts;
  const t = new Date(Math.floor(Date.now() / 60_000) * 60_000).toISOString();
  const bar = { T: "b", S: "ZZA", o: 1, h: 3, l: 0.5, c: 2, v: 7, vw: 1.5, n: 3, t };
  simulator.emit("sip", [bar, trade("ZZA", 5)]);
  simulator.emit("opra", [optionTrade(4)]);
  const bars = await marketData.history("stockBars", { ...query, symbols: ["ZZA"] }, signal);
  assert.deepEqual(bars.events.get("ZZA")?.map(({ close, volume }) => [close, volume]), [[2, 7]]);
  const latest = await marketData.latest("stockTrades", ["ZZA", "ZZB"], signal);
  assert.deepEqual([...latest.values()].map(({ tradeId }) => tradeId), [5]);
  const options = await marketData.latest("optionTrades", [OPTION], signal);
  assert.equal(options.get(OPTION)?.price, 5);
  assert.equal((await marketData.latest("stockBars", ["ZZA"], signal)).get("ZZA")?.close, 2);
});

Deno.test("requests that are limited, fail or are cut off are repeated", async () => {
  await using parts = await start();
  const { simulator, marketData, query, counters } = parts;
  simulator.emit("sip", [trade("ZZA", 1)]);
  const path = "/v2/stocks/trades";
  for (
    const fault of [
      { kind: "status", status: 429, retryAfterSeconds: 1 },
      { kind: "status", status: 500 },
      { kind: "cut" },
    ] as const
  ) {
    simulator.faults.failRest({ ...fault, path });
    const history = await marketData
      .history("stockTrades", { ...query, symbols: ["ZZA"] }, signal);
    assert.equal(history.events.get("ZZA")?.length, 1);
  }
  assert.deepEqual(counters.backfill, { ok: 3, rate_limited: 1, rejected: 0, failed: 2 });
});

Deno.test("a request without a response ends with its signal and says what was read", async () => {
  await using parts = await start();
  const { simulator, marketData, query } = parts;
  simulator.faults.failRest({ kind: "timeout", path: "/v2/stocks/trades" });
  const history = await marketData.history(
    "stockTrades",
    { ...query, symbols: ["ZZA"] },
    AbortSignal.timeout(200),
  );
  assert.deepEqual([...history.incomplete], [["ZZA", query.span.from]]);
  assert.match(history.problem ?? "", /; 0 events of 0 symbols were read$/);
});
