/**
 * Clients of the WebSocket API that read slowly, do not answer, or stay while the proxy stops.
 *
 * @module
 */
import assert from "node:assert/strict";
import { AlpacaClient } from "../../support/alpaca_client.ts";
import { fastClock } from "../../support/fast_clock.ts";
import { type Harness, startHarness } from "../../support/harness.ts";
import { clientOf, collect, METHODS } from "../../support/streams.ts";
import { until } from "../../support/until.ts";

const CAPACITY = 100;
const TRADE = {
  T: "t",
  S: "AAPL",
  x: "D",
  p: 402.115,
  s: 1,
  c: ["@"],
  t: "2026-09-14T14:30:02.118450321Z",
  z: "C",
};
/** Bytes of a message: the sockets' buffers hold some hundred of them. */
const PADDING = "x".repeat(20_000);

function emit({ simulator }: Harness, from: number, count: number): void {
  for (let i = from; i < from + count; i++) {
    simulator.emit("sip", [{ ...TRADE, i, padding: PADDING }]);
  }
}

const droppedOf = async ({ health }: Harness) => {
  const text = await (await fetch(`${health}/metrics`)).text();
  const [, value = "0"] =
    /^alpaca_proxy_messages_dropped_total\{message_type="stock_message"\} (\d+)$/m.exec(text) ?? [];
  return Number(value);
};

Deno.test("a slow client loses its oldest messages, and is notified once", async () => {
  await using harness = await startHarness({
    websocket: true,
    env: { STREAM_PROXY_WEBSOCKET_CAPACITY: String(CAPACITY) },
  });
  await using slow = await AlpacaClient.logIn(`${harness.websocket}/v2/sip`);
  await using fast = await AlpacaClient.logIn(`${harness.websocket}/v2/sip`);
  for (const client of [slow, fast]) {
    await client.request({ action: "subscribe", trades: ["AAPL"] });
  }
  slow.socket.pause();
  let sent = 0;
  while (await droppedOf(harness) < 50) {
    emit(harness, sent, 100);
    sent += 100;
    assert.equal((await fast.take(100)).at(-1)?.i, sent - 1);
  }
  slow.socket.resume();
  const received: number[] = [];
  const errors: unknown[] = [];
  while (received.at(-1) !== sent - 1) {
    const { T, i, code, msg } = await slow.next();
    if (T === "error") errors.push([code, msg, received.length]);
    else received.push(Number(i));
  }
  assert.equal(errors.length, 1);
  assert.deepEqual((errors[0] as unknown[]).slice(0, 2), [407, "slow client"]);
  // Messages are missing at one place, and the newest have arrived.
  const gaps = received.filter((each, at) => at > 0 && each !== (received[at - 1] ?? 0) + 1);
  assert.equal(gaps.length, 1);
  assert.deepEqual(
    received.slice(-CAPACITY),
    Array.from({ length: CAPACITY }, (_, i) => sent - CAPACITY + i),
  );
  emit(harness, sent, 1);
  assert.equal((await slow.next()).i, sent);
});

Deno.test("a client that loses messages for too long is disconnected, others are not", async () => {
  await using time = fastClock();
  await using harness = await startHarness({
    websocket: true,
    clock: time.clock,
    env: {
      STREAM_PROXY_WEBSOCKET_CAPACITY: String(CAPACITY),
      STREAM_PROXY_WEBSOCKET_SLOW_SECS: "3",
      STREAM_PROXY_WEBSOCKET_PING_SECS: "3600",
    },
  });
  await using slow = await AlpacaClient.logIn(`${harness.websocket}/v2/sip`);
  await using fast = await AlpacaClient.logIn(`${harness.websocket}/v2/sip`);
  for (const client of [slow, fast]) {
    await client.request({ action: "subscribe", trades: ["AAPL"] });
  }
  slow.socket.pause();
  let sent = 0;
  const isOver = () => harness.log.records.some(({ fields }) => fields?.status === "slow client");
  while (!isOver()) {
    emit(harness, sent, 50);
    sent += 50;
    await fast.take(50);
  }
  slow.socket.resume();
  assert.equal((await slow.closed).code, 1006);
  emit(harness, sent, 1);
  assert.equal((await fast.next()).i, sent);
});

Deno.test("a client that has not logged in after ten seconds is closed", async () => {
  await using time = fastClock();
  await using harness = await startHarness({ websocket: true, clock: time.clock });
  await using market = new AlpacaClient(`${harness.websocket}/v2/sip`);
  await using orders = new AlpacaClient(`${harness.websocket}/stream`);
  assert.equal((await market.next()).msg, "connected");
  const { code, msg } = await market.next();
  assert.deepEqual([code, msg], [404, "auth timeout"]);
  assert.deepEqual(await market.closed, { code: 1000, reason: "auth timeout" });
  assert.deepEqual(await orders.closed, { code: 1008, reason: "auth timeout" });
});

Deno.test("a client that answers no ping is disconnected, one that answers is not", async () => {
  await using time = fastClock();
  await using harness = await startHarness({
    websocket: true,
    clock: time.clock,
    env: { STREAM_PROXY_WEBSOCKET_PING_SECS: "5" },
  });
  const url = `${harness.websocket}/v2/sip`;
  await using answering = await AlpacaClient.logIn(url);
  await using silent = await AlpacaClient.logIn(url, { autoPong: false });
  let pings = 0;
  answering.socket.on("ping", () => pings++);
  assert.equal((await silent.closed).code, 1006);
  await until("more pings", () => pings >= 5);
  assert.equal((await answering.request({ action: "subscribe", bars: ["*"] })).T, "subscription");
});

Deno.test("a subscription is acknowledged although Alpaca has not answered", async () => {
  await using harness = await startHarness({ websocket: true });
  await using client = await AlpacaClient.logIn(`${harness.websocket}/v2/sip`);
  harness.simulator.faults.slowAcks("sip", 60_000);
  const before = performance.now();
  const ack = await client.request({ action: "subscribe", trades: ["AAPL"] });
  assert.deepEqual(ack.trades, ["AAPL"]);
  assert.ok(performance.now() - before > 1_500, "it waits for Alpaca");
  // What is carried already needs no answer.
  const again = await client.request({ action: "unsubscribe", trades: [] });
  assert.deepEqual(again.trades, ["AAPL"]);
});

Deno.test("when the proxy stops, clients are closed with the reason to reconnect", async () => {
  const harness = await startHarness({ websocket: true });
  await using market = await AlpacaClient.logIn(`${harness.websocket}/v2/sip`);
  await using waiting = new AlpacaClient(`${harness.websocket}/v2/sip`);
  await waiting.next();
  await market.request({ action: "subscribe", trades: ["AAPL"] });
  using grpc = clientOf(harness);
  await using stream = collect(grpc, METHODS.streamTrades, { symbols: ["AAPL"] });
  await stream.opened;
  await harness[Symbol.asyncDispose]();
  assert.deepEqual(await market.closed, { code: 1012, reason: "the proxy is shutting down" });
  assert.equal((await waiting.closed).code, 1012);
});
