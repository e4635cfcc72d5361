/** Effects of clients that do not keep up. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { FrameClient } from "../../support/frame_client.ts";
import { GOLDEN_QUOTE } from "../../support/grpc_events.ts";
import { bareClient, pathOf, startGrpcHarness } from "../../support/grpc_client.ts";
import { MemoryMarket } from "../../support/grpc_market.ts";
import { SmallWindowClient } from "../../support/small_window_client.ts";

/** Waits 5 ms, in which sockets and promises become idle. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

Deno.test("a slow stream does not delay other streams of its connection", async () => {
  const total = 40_000;
  await using harness = await startGrpcHarness({
    market: new MemoryMarket({ capacity: 1_000 }),
  });
  await using client = await bareClient(harness);
  const slow = client.request(pathOf("StreamQuotes"));
  const fast = client.request(pathOf("StreamTrades"));
  await Promise.all([slow.headers, fast.headers]);
  await harness.market.untilOpen(2);
  const [slowStream] = harness.market.streams;
  assert.equal(slowStream?.channel, "stockQuotes");

  // Reads one chunk and pauses: from here on flow control holds it back.
  const first = once(slow.stream, "data");
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  await first;
  slow.stream.pause();

  let fastBytes = 0;
  fast.stream.on("data", (chunk: Uint8Array) => fastBytes += chunk.length);
  const trade = {
    symbol: "AAPL",
    timestamp: GOLDEN_QUOTE.timestamp,
    tradeId: 1,
    exchange: "D",
    price: 1,
    size: 1,
    conditions: [],
    tape: "C",
  };
  const { encoded } = harness.market.publish("stockTrades", trade);
  for (let i = 0; i < total; i++) {
    harness.market.publish("stockQuotes", GOLDEN_QUOTE);
    if (i % 100 === 0) {
      harness.market.publish("stockTrades", trade);
      await pause();
    }
  }
  await pause();
  assert.equal(encoded, undefined);
  const frame = 5 + 2 + 40; // prefix, wrapper, and no more than this body
  assert(fastBytes > 0 && fastBytes <= 401 * frame, `${fastBytes} bytes`);
  assert.equal(fastBytes % 401, 0, "every trade has arrived, whole");

  // The slow one holds what one window and one batch can hold, not more; all
  // the rest was lost in its own queue, and counted there.
  const { sent, dropped } = slowStream;
  assert(sent < 10_000, `${sent} are on their way`);
  assert(dropped > total - 12_000, `${dropped} lost`);
  slow.stream.resume();
  slow.cancel();
  await harness.market.untilOpen(1);
});

Deno.test("a slow client that resumes reading receives the next messages", async () => {
  await using harness = await startGrpcHarness({
    market: new MemoryMarket({ capacity: 100 }),
  });
  await using client = await bareClient(harness);
  const { stream, headers } = client.request(pathOf("StreamQuotes"));
  await headers;
  await harness.market.untilOpen(1);
  const [open] = harness.market.streams;
  let bytes = 0;
  stream.on("data", (chunk: Uint8Array) => bytes += chunk.length);
  stream.pause();
  for (let i = 0; i < 20_000; i++) {
    harness.market.publish("stockQuotes", GOLDEN_QUOTE);
    if (i % 50 === 0) await pause();
  }
  assert(open && open.dropped > 0);
  stream.resume();
  const size = 5 + 55;
  while (bytes < open.sent * size) await pause();
  const before = bytes;
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  while (bytes < before + size) await pause();
  assert.equal(bytes, open.sent * size, "sent means on the wire");
  assert.equal(open.sent + open.dropped, 20_001);
});

/** Initial flow control window of a connection, in bytes. */
const FIRST_WINDOW = 65_535;
/** Bytes of one golden quote on the wire. */
const QUOTE_BYTES = 5 + 55;

Deno.test("on a slow connection all streams receive equally", async () => {
  const streams = 6;
  await using harness = await startGrpcHarness();
  await using client = await SmallWindowClient.connect(harness.server.port);
  for (let i = 0; i < streams; i++) client.open(pathOf("StreamQuotes"));
  await harness.market.untilOpen(streams);

  const publish = (quotes: number) => {
    for (let i = 0; i < quotes; i++) {
      harness.market.publish("stockQuotes", GOLDEN_QUOTE);
    }
  };
  let granted = FIRST_WINDOW;
  publish(Math.ceil(FIRST_WINDOW / QUOTE_BYTES));
  await client.until(granted);
  // Each round every stream has more to say than there is room for all.
  for (let round = 0; round < 150; round++) {
    publish(300);
    client.grant(20_000);
    await client.until(granted += 20_000);
  }
  const least = Math.min(...client.received);
  const most = Math.max(...client.received);
  assert(least > most / 3, `received ${client.received.join(", ")} bytes`);
});

Deno.test("a client that does not read is sent what its socket takes", async () => {
  await using harness = await startGrpcHarness();
  await using client = await FrameClient.connect(harness.server.port, {
    connectionWindow: 2 ** 31 - 1,
  });
  client.open(pathOf("StreamQuotes"));
  client.open(pathOf("StreamQuotes"));
  await harness.market.untilOpen(2);
  await client.roundTrip();
  const streams = [...harness.market.streams];
  const delivered = () => streams.reduce((sum, stream) => sum + stream.sent, 0);
  client.socket.pause();
  // The system's buffers on both sides take some megabytes.
  for (let before = -1; before < delivered();) {
    before = delivered();
    assert(before < 1_000_000, `${before} messages were sent unread`);
    for (let i = 0; i < 50_000; i++) {
      harness.market.publish("stockQuotes", GOLDEN_QUOTE);
      if (i % 1_000 === 0) await pause();
    }
  }
  const unread = delivered();
  // One that comes later waits as well, and one that leaves is released.
  const third = client.open(pathOf("StreamQuotes"));
  await harness.market.untilOpen(3);
  client.reset(third, 8);
  await harness.market.untilOpen(2);
  client.socket.resume();
  while (delivered() === unread) await pause();
  const now = delivered();
  await client.roundTrip();
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  while (delivered() === now) await pause();
});
