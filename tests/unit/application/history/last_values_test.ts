import assert from "node:assert/strict";
import { LastValues } from "../../../../src/application/history/last_values.ts";
import { ApiUnavailable } from "../../../../src/application/ports/api_unavailable.ts";
import type { LatestPurpose } from "../../../../src/application/ports/market_data.ts";
import { ManualClock, settle } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";
import { ScriptedMarketData, tradeAt } from "./scripted_market_data.ts";

class Harness implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly log = new RecordingLog();
  readonly api = new ScriptedMarketData();
  readonly values: LastValues<"stockTrades">;
  readonly #end = new AbortController();

  constructor(purpose?: LatestPurpose) {
    const { api: marketData, clock, log } = this;
    this.values = new LastValues("stockTrades", { marketData, clock, log, purpose });
    this.api.onLatest = (symbols) => Promise.resolve(this.trades(symbols));
  }

  /** A trade of each symbol at the present time. */
  trades(symbols: readonly string[]) {
    const now = this.clock.now();
    return new Map(symbols.map((symbol) => [symbol, tradeAt(symbol, now)]));
  }

  /** Asks for values; resolves with the symbols that have one. */
  readonly fetch = async (symbols: readonly string[]): Promise<readonly string[]> => {
    return [...(await this.values.lookUp(symbols, this.#end.signal)).keys()];
  };

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await settle();
    assert.equal(this.clock.sleepers, 0);
  }
}

Deno.test("a hundred streams with the same symbols cause one request", async () => {
  await using harness = new Harness();
  const { api, clock, fetch } = harness;
  const streams = Array.from({ length: 100 }, () => fetch(["AAPL", "MSFT"]));
  await clock.advance(10);
  for (const found of await Promise.all(streams)) assert.deepEqual(found, ["AAPL", "MSFT"]);
  assert.deepEqual(api.latestRequests, [["AAPL", "MSFT"]]);
});

Deno.test("symbols are requested in groups of a hundred, each once", async () => {
  await using harness = new Harness();
  const { api, clock, fetch } = harness;
  const symbols = Array.from({ length: 250 }, (_, i) => `S${i}`);
  const all = fetch(symbols);
  const some = fetch(symbols.slice(100, 120));
  await clock.advance(10);
  assert.equal((await all).length, 250);
  assert.equal((await some).length, 20);
  assert.deepEqual(api.latestRequests.map((each) => each.length), [100, 100, 50]);
  assert.equal(new Set(api.latestRequests.flat()).size, 250);
});

Deno.test("a value is reused for a second after its request, also the lack of one", async () => {
  await using harness = new Harness();
  const { api, clock, fetch } = harness;
  api.onLatest = () => Promise.resolve(new Map([["A", tradeAt("A", 0)]]));
  const first = fetch(["A", "B"]);
  await clock.advance(10);
  assert.deepEqual(await first, ["A"]);
  await clock.advance(999);
  assert.deepEqual(await fetch(["A", "B"]), ["A"]);
  assert.equal(api.latestRequests.length, 1);
  await clock.advance(1);
  const later = fetch(["A", "B"]);
  await clock.advance(10);
  await later;
  assert.equal(api.latestRequests.length, 2);
});

Deno.test("what was requested before symbols are carried again is not reused", async () => {
  await using harness = new Harness();
  const { api, clock, values, fetch } = harness;
  const first = fetch(["A"]);
  await clock.advance(10);
  await first;
  values.forget();
  const second = fetch(["A"]);
  await clock.advance(10);
  await second;
  assert.equal(api.latestRequests.length, 2);
});

Deno.test("a stream waits for at most 3 s, then it has no value", async () => {
  await using harness = new Harness();
  const { api, clock, fetch, log } = harness;
  let signal: AbortSignal | undefined;
  api.onLatest = (_symbols, given) => {
    signal = given;
    return new Promise(() => {});
  };
  const found = fetch(["A"]);
  await clock.advance(2_999);
  assert.equal(signal?.aborted, false);
  await clock.advance(11);
  assert.deepEqual(await found, []);
  assert.equal(signal?.aborted, true);
  assert.match(JSON.stringify(log.records), /no value within 3000 ms/);
});

Deno.test("a failed request is logged once with its remedy, then there is a pause", async () => {
  await using harness = new Harness();
  const { api, clock, fetch, log } = harness;
  api.onLatest = () => Promise.reject(new ApiUnavailable("host/path: HTTP 500"));
  for (let i = 0; i < 3; i++) {
    const failed = fetch(["A"]);
    await clock.advance(10);
    assert.deepEqual(await failed, []);
    assert.deepEqual(await fetch(["B"]), []);
    await clock.advance(5_000);
  }
  assert.equal(api.latestRequests.length, 3);
  assert.deepEqual(log.records.map(({ message, fields }) => [message, fields]), [
    ["Cannot read the latest values for snapshots", {
      channel: "stockTrades",
      cause: "host/path: HTTP 500",
      remedy: "If this persists, check the network and ALPACA_DATA_API_URL",
      pause_ms: 5_000,
    }],
  ]);
});

Deno.test("without permission there is a request per minute", async () => {
  await using harness = new Harness();
  const { api, clock, fetch, log } = harness;
  api.onLatest = () => Promise.reject(new ApiUnavailable("HTTP 403", 403));
  for (let at = 0; at < 120_000; at += 1_000) {
    const failed = fetch(["A"]);
    await clock.advance(1_000);
    assert.deepEqual(await failed, []);
  }
  assert.equal(api.latestRequests.length, 2);
  assert.equal(log.records.length, 1);
  assert.match(String(log.records[0]?.fields?.remedy), /the plan includes ALPACA_FEED/);
});

Deno.test("symbols that wait too long are not requested", async () => {
  await using harness = new Harness();
  const { api, clock, fetch } = harness;
  // Each request takes a second, so that 400 symbols are served within the deadline.
  api.onLatest = async (symbols) => {
    const trades = new Map(symbols.map((symbol) => [symbol, tradeAt(symbol, 0)]));
    await clock.sleep(1_000);
    return trades;
  };
  const found = fetch(Array.from({ length: 20_000 }, (_, i) => `S${i}`));
  await clock.advance(60_000);
  assert.equal((await found).length, 200);
  assert.ok(api.latestRequests.length <= 4, `${api.latestRequests.length} requests`);
});

Deno.test("first events wait for a minute, and are collected while a request waits", async () => {
  await using harness = new Harness("first_events");
  const { api, clock, fetch } = harness;
  const share = Promise.withResolvers<void>();
  api.onLatest = async (symbols) => {
    await share.promise;
    return harness.trades(symbols);
  };
  const first = fetch(["A"]);
  await clock.advance(10);
  const later = Array.from({ length: 40 }, (_, at) => fetch([`S${at}`, `S${at + 1}`]));
  await clock.advance(50_000);
  assert.deepEqual(api.latestRequests, [["A"]]);
  share.resolve();
  await clock.advance(1_000);
  assert.deepEqual(await first, ["A"]);
  for (const found of await Promise.all(later)) assert.equal(found.length, 2);
  assert.deepEqual(api.latestRequests.map((each) => each.length), [1, 41]);
  assert.deepEqual(api.latestPurposes, ["first_events", "first_events"]);
});

Deno.test("first events are requested once a second, and not after a minute", async () => {
  await using harness = new Harness("first_events");
  const { api, clock, fetch } = harness;
  for (let at = 0; at < 40; at++) {
    fetch([`S${at}`]);
    await clock.advance(100);
  }
  await clock.advance(1_000);
  assert.ok(api.latestRequests.length <= 6, `${api.latestRequests.length} requests`);
  assert.equal(api.latestRequests.flat().length, 40);
  api.onLatest = () => new Promise(() => {});
  const none = fetch(["LATE"]);
  await clock.advance(62_000);
  assert.deepEqual(await none, []);
});
