/** Recordings, played to clients of the simulator. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import {
  ManualClock,
  replay,
  type ReplayOptions,
  type Simulator,
  startSimulator,
} from "@alpaca-stream-proxy/simulator";
import { encodeMsgpack, msgpackFrame } from "../../src/protocol/msgpack_encoder.ts";
import { batchBytes, recordingBytes, sourceOf } from "../unit/replay/recordings.ts";
import { RawClient } from "./raw_client.ts";

const START = Date.parse("2026-09-14T14:30:00Z");
const QUOTE = `{"T":"q","S":"AAPL","bp":231.10,"x":{"new":"field"},"t":"2026-09-14T14:30:00.1Z"}`;
const TRADE = `{"T":"t","S":"AAPL","i":9223372036854775807,"p":231,"t":"2026-09-14T14:30:00.2Z"}`;
const OTHER = `{"T":"t","S":"F","i":2,"p":12.5,"s":3,"t":"2026-09-14T14:30:00.3Z"}`;

/** A recording of stock frames, by their ms after the start. */
function stocks(frames: Readonly<Record<number, string>>): Uint8Array {
  return recordingBytes(
    Object.entries(frames).map(([ms, payload], index) => ({
      feed: "sip",
      batch: batchBytes(index + 1, [{ at: START + Number(ms), payload }]),
    })),
  );
}

const quietly = (options: ReplayOptions = {}) => ({ wait: false, speed: 1000, ...options });

function emittedOnly(): Promise<Simulator> {
  return startSimulator({ emittedOnly: true, pingSeconds: 0 });
}

Deno.test("sessions receive the bytes of what they subscribe to", async () => {
  await using simulator = await emittedOnly();
  const client = await RawClient.open(simulator.streamUrls.stocks("sip"));
  await client.ask({ action: "subscribe", quotes: ["AAPL"], trades: ["AAPL"] });
  const reply = `[{"T":"subscription","trades":["*"]}]`;
  const bytes = stocks({ 0: `[${QUOTE}, ${OTHER}]`, 20: reply, 40: `[${TRADE}]`, 60: "[{oops" });
  const report = await replay(simulator, sourceOf(bytes), quietly());
  assert.equal(await client.raw(), `[${QUOTE}]`);
  assert.equal(await client.raw(), `[${TRADE}]`);
  const sip = { messages: 3, unsubscribed: 1, unreadable: 1, missing: 0, holes: [] };
  assert.deepEqual(Object.fromEntries(report.feeds), { sip });
  assert.deepEqual(report.span, { from: START, to: START + 60 });
});

Deno.test("a session with the other encoding receives the same values", async () => {
  await using simulator = await emittedOnly();
  const url = simulator.streamUrls.stocks("iex");
  const client = await RawClient.open(url, { msgpack: true });
  await client.ask({ action: "subscribe", trades: ["*"] });
  await replay(simulator, sourceOf(stocks({ 0: `[${TRADE}]` })), quietly());
  const expected = msgpackFrame([encodeMsgpack({
    T: "t",
    S: "AAPL",
    i: 9223372036854775807n,
    p: 231,
    t: "2026-09-14T14:30:00.2Z",
  })]);
  assert.deepEqual(new Uint8Array(await client.raw() as Uint8Array), expected);
});

Deno.test("options, crypto, news and trade updates are played to their streams", async () => {
  await using simulator = await emittedOnly();
  const { streamUrls } = simulator;
  const contract = "AAPL261218C00250000";
  const quote = encodeMsgpack({ T: "q", S: contract, bp: 1, ap: 2 });
  const whole = `{"T":"o","S":"BTC/USD","b":[{"p":1,"s":2}],"a":[],"r":true}`;
  const change = `{"T":"o","S":"BTC/USD","t":"2026-09-14T14:30:01Z","b":[{"p":3,"s":4}],"a":[]}`;
  const article = `{"T":"n","id":1,"symbols":["F"]}`;
  const update = `{"stream":"trade_updates","data":{"event":"new", "order":{}}}`;
  const reply = `{"stream":"listening","data":{"streams":["trade_updates"]}}`;
  const records = [
    { feed: "opra", payload: msgpackFrame([quote]) },
    { feed: "crypto", payload: `[${whole}]` },
    { feed: "crypto", payload: `[${change}]` },
    { feed: "news", payload: `[${article}]` },
    { feed: "trading", payload: reply },
    { feed: "trading", payload: update },
  ].map(({ feed, payload }, index) => ({
    feed,
    batch: batchBytes(feed === "crypto" ? index : 1 + index % 2, [{ at: START, payload }]),
  }));
  const options = await RawClient.open(streamUrls.options("opra"), { msgpack: true });
  await options.ask({ action: "subscribe", quotes: [contract] });
  const crypto = await RawClient.open(streamUrls.crypto("us"));
  await crypto.ask({ action: "subscribe", orderbooks: ["BTC/USD"] });
  const news = await RawClient.open(streamUrls.news);
  await news.ask({ action: "subscribe", news: ["F"] });
  const trading = new RawClient(streamUrls.trading);
  await once(trading.ws, "open");
  trading.send({ action: "auth", key: "SIM_KEY", secret: "SIM_SECRET" });
  await trading.raw();
  trading.send({ action: "listen", data: { streams: ["trade_updates"] } });
  await trading.raw();
  const report = await replay(simulator, sourceOf(recordingBytes(records)), quietly());
  assert.deepEqual(new Uint8Array(await options.raw() as Uint8Array), msgpackFrame([quote]));
  assert.deepEqual([await crypto.raw(), await crypto.raw()], [`[${whole}]`, `[${change}]`]);
  assert.equal(await news.raw(), `[${article}]`);
  assert.equal(new TextDecoder().decode(await trading.raw() as Uint8Array), update);
  assert.deepEqual(report.feeds.get("trading")?.messages, 1);
  assert.ok(report.feeds.values().every(({ unsubscribed }) => unsubscribed === 0));
});

Deno.test("a later subscription to an order book begins with the whole one", async () => {
  await using simulator = await emittedOnly();
  const frames = [
    `[{"T":"o","S":"XX/USD","t":"t1","b":[{"p":1,"s":2},{"p":2,"s":1}],"a":[],"r":true}]`,
    `[{"T":"o","S":"XX/USD","t":"t2","b":[{"p":1,"s":0}],"a":[{"p":3,"s":4}]}]`,
  ];
  const batch = batchBytes(1, frames.map((payload) => ({ at: START, payload })));
  await replay(simulator, sourceOf(recordingBytes([{ feed: "crypto", batch }])), quietly());
  const client = await RawClient.open(simulator.streamUrls.crypto("us"));
  await client.ask({ action: "subscribe", orderbooks: ["XX/USD", "ETH/USD"] });
  assert.equal(
    await client.raw(),
    `[{"T":"o","S":"XX/USD","t":"t2","b":[{"p":2,"s":1}],"a":[{"p":3,"s":4}],"r":true}]`,
  );
});

Deno.test("REST has what was played and nothing else", async () => {
  await using simulator = await emittedOnly();
  const frames = { 0: `[${TRADE}]`, 1_000: `[${OTHER}]` };
  const from = { offset: 500 };
  await replay(simulator, sourceOf(stocks(frames)), quietly({ from }));
  const url = `${simulator.url}/v2/stocks/trades/latest?symbols=AAPL,F,MSFT`;
  const headers = { "APCA-API-KEY-ID": "SIM_KEY", "APCA-API-SECRET-KEY": "SIM_SECRET" };
  const { trades } = await (await fetch(url, { headers })).json();
  assert.deepEqual(Object.keys(trades).sort(), ["AAPL", "F"]);
});

Deno.test("pauses are divided by the speed, and bounded before", async () => {
  const clock = new ManualClock();
  await using simulator = await startSimulator({
    emittedOnly: true,
    clock,
    pingSeconds: 0,
    ledgerCapacity: 10,
  });
  const client = await RawClient.open(simulator.streamUrls.stocks("sip"));
  await client.ask({ action: "subscribe", trades: ["*"] });
  const bytes = stocks({ 0: `[${TRADE}]`, 1_000: `[${OTHER}]`, 61_000: `[${TRADE}]` });
  const options = { clock, speed: 10, maxPauseMs: 20_000, delayMs: 500 };
  const done = replay(simulator, sourceOf(bytes), options);
  const startedAt = clock.now() + 500;
  for (let ms = 0; ms < 3_000; ms += 10) {
    for (let turn = 0; turn < 3; turn++) await setImmediate();
    clock.advance(10);
  }
  await done;
  const played = simulator.ledger.produced().map(({ at }) => at - startedAt);
  assert.deepEqual(played, [0, 100, 2_100]);
});

Deno.test("a span of a recording is played, again and again until the signal", async () => {
  await using simulator = await emittedOnly();
  const client = await RawClient.open(simulator.streamUrls.stocks("sip"));
  await client.ask({ action: "subscribe", quotes: ["*"], trades: ["*"] });
  const bytes = stocks({ 0: `[${QUOTE}]`, 1_000: `[${TRADE}]`, 9_000: `[${OTHER}]` });
  const interrupt = new AbortController();
  const done = replay(simulator, sourceOf(bytes), {
    speed: 1000,
    from: { time: START + 500 },
    to: { offset: 8_999 },
    loop: true,
    delayMs: 0,
    signal: interrupt.signal,
  });
  for (let round = 0; round < 3; round++) assert.equal(await client.raw(), `[${TRADE}]`);
  interrupt.abort();
  const report = await done;
  assert.ok(report.rounds >= 3);
  assert.deepEqual(report.span, { from: START + 1_000, to: START + 1_000 });
});

Deno.test("holes, damaged batches and a cut are reported, the rest is played", async () => {
  await using simulator = await emittedOnly();
  const batch = (first: number) => batchBytes(first, [{ at: START, payload: `[${TRADE}]` }]);
  const damaged = batch(2);
  damaged[0] = 9;
  const records = [batch(1), damaged, batch(3)].map((batch) => ({ feed: "sip", batch }));
  const bytes = recordingBytes([...records, { feed: "sip", batch: batch(4) }]).slice(0, -1);
  const report = await replay(simulator, sourceOf(bytes), quietly());
  assert.equal(report.feeds.get("sip")?.messages, 2);
  assert.equal(report.feeds.get("sip")?.missing, 1);
  assert.equal(report.damagedBatches, 1);
  assert.ok(report.truncatedBytes > 0);
  assert.equal(report.damage, undefined);
});
