/** How connections end that the proxy or its HTTP/2 library ends. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { fastClock } from "../../support/fast_clock.ts";
import { FrameClient, numberAt, Type, uint32 } from "../../support/frame_client.ts";
import { GOLDEN_QUOTE } from "../../support/grpc_events.ts";
import {
  connectClient,
  type GrpcHarness,
  pathOf,
  startGrpcHarness,
} from "../../support/grpc_client.ts";
import { until } from "../../support/until.ts";

const PROTOCOL_ERROR = 1;
const REFUSED_STREAM = 7;
const CANCEL = 8;

/** Short times: a connection that does not answer ends within 200 ms. */
const KEEPALIVE = { keepaliveMs: 100, keepaliveTimeoutMs: 100 };

/** Opens streams and waits until the proxy has them. */
async function openStreams(
  harness: GrpcHarness,
  client: FrameClient,
  count: number,
): Promise<number[]> {
  const ids = Array.from(
    { length: count },
    () => client.open(pathOf("StreamQuotes")),
  );
  await harness.market.untilOpen(harness.market.streams.size + count);
  return ids;
}

/** The codes with which each stream was reset. */
function resets(client: FrameClient, ids: readonly number[]): number[][] {
  return ids.map((id) => client.of(Type.rstStream, id).map((frame) => numberAt(frame, 0)));
}

/** Codes of the GOAWAY frames that a client received. */
function goaways(client: FrameClient): number[] {
  return client.of(Type.goaway).map((frame) => numberAt(frame, 4));
}

function untilGone(harness: GrpcHarness): Promise<void> {
  return until("the connection and its streams are gone", () => {
    const { server, market } = harness;
    return server.connections === 0 && server.openCalls === 0 &&
      market.streams.size === 0;
  });
}

Deno.test("a client that answers no ping is ended in a way it retries", async () => {
  await using harness = await startGrpcHarness(KEEPALIVE);
  await using client = await FrameClient.connect(harness.server.port);
  client.answers = false;
  const ids = await openStreams(harness, client, 3);
  await client.until(() => client.end !== undefined);
  await untilGone(harness);
  assert.deepEqual(resets(client, ids), ids.map(() => [REFUSED_STREAM]));
  assert.deepEqual(goaways(client), []);
  const [record, ...more] = harness.log.records;
  assert.deepEqual(more, []);
  assert.equal(record?.level, "warn");
  assert.equal(record.fields["streams"], 3);
});

Deno.test("a client that answers pings stays, also after its GOAWAY", async () => {
  await using harness = await startGrpcHarness(KEEPALIVE);
  await using client = await FrameClient.connect(harness.server.port);
  const [id] = await openStreams(harness, client, 1);
  await client.until(() => client.of(Type.ping).length >= 3);
  client.goaway(0);
  await client.until(() => goaways(client).length > 0);
  const asked = client.of(Type.settings).length;
  await client.until(() => client.of(Type.settings).length >= asked + 3);
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  await client.until(() => client.of(Type.data, id).length > 0);
  client.answers = false;
  await client.until(() => client.end !== undefined);
  await untilGone(harness);
});

Deno.test("a session that is closing for hours has its settings acknowledged", async () => {
  await using time = fastClock();
  await using harness = await startGrpcHarness({
    clock: time.clock,
    keepaliveMs: 2_000,
    keepaliveTimeoutMs: 10_000,
  });
  await using client = await FrameClient.connect(harness.server.port);
  const [stream] = await openStreams(harness, client, 1);
  client.goaway(0);
  await client.until(() => client.of(Type.settings).length > 30);
  assert.equal(client.end, undefined);
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  await client.until(() => client.of(Type.data, stream).length > 0);
});

Deno.test("a vanished machine is disconnected, with and without a flood", async () => {
  await using time = fastClock();
  await using harness = await startGrpcHarness({ clock: time.clock });
  for (const messages of [0, 20_000]) {
    await using client = await FrameClient.connect(harness.server.port, {
      connectionWindow: 2 ** 30,
    });
    await openStreams(harness, client, 2);
    client.socket.pause();
    for (let i = 0; i < messages; i++) {
      harness.market.publish("stockQuotes", GOLDEN_QUOTE);
      if (i % 500 === 0) await new Promise((next) => setTimeout(next, 0));
    }
    await untilGone(harness);
  }
});

Deno.test("a client that connects and sends nothing is disconnected", async () => {
  await using harness = await startGrpcHarness(KEEPALIVE);
  const conn = await Deno.connect({
    hostname: "127.0.0.1",
    port: harness.server.port,
  });
  await until("it is connected", () => harness.server.connections === 1);
  await until("it is gone", () => harness.server.connections === 0);
  conn.close();
});

Deno.test("a protocol error ends its connection's streams in a way clients retry", async () => {
  await using harness = await startGrpcHarness();
  await using client = await FrameClient.connect(harness.server.port);
  const ids = await openStreams(harness, client, 2);
  client.sendFrame(Type.windowUpdate, { payload: uint32(0) });
  await client.until(() => client.end !== undefined);
  await untilGone(harness);
  assert.deepEqual(resets(client, ids), ids.map(() => [REFUSED_STREAM]));
  assert.deepEqual(goaways(client), []);
});

Deno.test("an unanswered ping ends 400 streams over several turns of the event loop", async () => {
  // The streams are open before the first ping, also on a busy machine.
  await using harness = await startGrpcHarness({
    ...KEEPALIVE,
    keepaliveMs: 2_000,
  });
  await using client = await FrameClient.connect(harness.server.port);
  await openStreams(harness, client, 400);
  client.answers = false;
  let most = 0;
  for (let before = 400; before > 0;) {
    await nextTurn();
    const now = harness.market.streams.size;
    most = Math.max(most, before - now);
    before = now;
  }
  assert(most <= 24, `${most} streams ended in one turn`);
  await client.until(() => client.end !== undefined);
  assert.equal(client.of(Type.rstStream).length, 400);
});

Deno.test("a protocol error without streams is named", async () => {
  await using harness = await startGrpcHarness();
  await using client = await FrameClient.connect(harness.server.port);
  client.sendFrame(Type.windowUpdate, { payload: uint32(0) });
  await client.until(() => client.end !== undefined);
  assert.deepEqual(goaways(client), [PROTOCOL_ERROR]);
  assert.deepEqual(harness.log.records, []);
});

/** More resets than nghttp2 allows: 1000, and 33 a second. */
const TOO_MANY = 1_200;
/** Streams that a client opens, and cancels, together. */
const BATCH = 100;

Deno.test("a client that cancels many streams keeps its others", async () => {
  await using harness = await startGrpcHarness();
  await using client = await FrameClient.connect(harness.server.port);
  const [kept] = await openStreams(harness, client, 1);
  for (let i = 0; i < TOO_MANY; i++) {
    client.reset(client.open(pathOf("StreamQuotes")), CANCEL);
    if (i % BATCH === 0) await client.roundTrip();
  }
  await client.until(() => goaways(client).length > 0);
  assert.deepEqual(goaways(client), [0], "clients take it as a clean end");
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  await client.until(() => client.of(Type.data, kept).length > 0);
  assert.deepEqual(client.of(Type.rstStream, kept), []);
  assert.equal(client.end, undefined);
});

Deno.test("a connect client that cancels many streams keeps its others", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const leave = new AbortController();
  const kept = client.streamQuotes({}, leave)[Symbol.asyncIterator]();
  const first = kept.next();
  await harness.market.untilOpen(1);
  for (let cancelled = 0; cancelled < TOO_MANY; cancelled += BATCH) {
    const cancel = new AbortController();
    // Streams on their way to a connection that takes no more are refused.
    const refused: Code[] = [];
    const ends = Array.from(
      { length: BATCH },
      () =>
        Array.fromAsync(client.streamTrades({}, cancel)).catch((error) => {
          if (!cancel.signal.aborted) {
            refused.push(ConnectError.from(error).code);
          }
        }),
    );
    await until("all are open or refused", () => {
      return harness.market.streams.size + refused.length === BATCH + 1;
    });
    cancel.abort();
    await Promise.all(ends);
    await until("all are released", () => harness.market.streams.size === 1);
    const retried = [Code.Unavailable, Code.Internal];
    assert(refused.every((code) => retried.includes(code)), String(refused));
  }
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  assert.equal((await first).value?.quote?.symbol, "AAPL");
  leave.abort();
  await until("it is released", () => harness.market.streams.size === 0);
});

Deno.test("Deno ignores the settings of the limit of resets", async () => {
  const options = { streamResetBurst: 5, streamResetRate: 1 };
  const server = createServer(options);
  server.on("stream", (stream) => stream.on("error", () => {}));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  {
    const { port } = server.address() as AddressInfo;
    await using client = await FrameClient.connect(port);
    for (let i = 0; i < 100; i++) client.reset(client.open("/"), CANCEL);
    await client.roundTrip();
    assert.deepEqual(
      goaways(client),
      [],
      "use the settings instead of a patch",
    );
  }
  await new Promise((resolve) => server.close(resolve));
});

/** Opens a stream of a client that does not read, and fills its window. */
async function stall(
  harness: GrpcHarness,
  headers: readonly [string, string][] = [],
): Promise<FrameClient> {
  const client = await FrameClient.connect(harness.server.port, {
    streamWindow: 100,
  });
  client.open(pathOf("StreamQuotes"), { headers });
  await harness.market.untilOpen(1);
  for (let i = 0; i < 1_000; i++) {
    harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  }
  await client.until(() => client.of(Type.data).length > 0);
  return client;
}

Deno.test("a stopping server ends streams that take no status, then connections", async () => {
  await using time = fastClock();
  await using harness = await startGrpcHarness({ clock: time.clock });
  await using client = await stall(harness);
  await harness.server.stop(60_000);
  assert.deepEqual(resets(client, [1]), [[REFUSED_STREAM]]);
  assert.deepEqual(goaways(client), [0, 0], "the announcement and the end, both without an error");
  assert.deepEqual(harness.log.records, [], "nothing had to be broken off");
  await untilGone(harness);
});

Deno.test("a stream that is ended while its client does not read is released", async () => {
  await using time = fastClock();
  await using harness = await startGrpcHarness({ clock: time.clock });
  await using client = await stall(harness, [["grpc-timeout", "300m"]]);
  await client.until(() => client.of(Type.rstStream).length > 0);
  assert.deepEqual(resets(client, [1]), [[REFUSED_STREAM]]);
  await until("the call is released", () => harness.server.openCalls === 0);
  assert.equal(harness.market.streams.size, 0);
  assert.equal(client.end, undefined, "the connection goes on");
});

Deno.test("400 ended streams that are not read are released over several turns", async () => {
  await using time = fastClock();
  await using harness = await startGrpcHarness({ clock: time.clock });
  await using client = await FrameClient.connect(harness.server.port, {
    streamWindow: 0,
  });
  for (let i = 0; i < 400; i++) client.open(pathOf("StreamQuotes"));
  await harness.market.untilOpen(400);
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  for (let i = 0; i < 5; i++) await nextTurn();
  for (const stream of harness.market.streams) {
    stream.stall({ queued: 1, stalledMs: 1 });
  }
  let most = 0;
  for (let before = harness.server.openCalls; before > 0;) {
    await nextTurn();
    const now = harness.server.openCalls;
    most = Math.max(most, before - now);
    before = now;
  }
  assert(most <= 2 * 24, `${most} streams were released in one turn`);
});
