/** How often clients may open streams, over real sockets. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Code, ConnectError } from "@connectrpc/connect";
import { OpeningRate } from "../../../src/application/limits/opening_rate.ts";
import {
  QuotaFailureSchema,
  RetryInfoSchema,
} from "../../../src/gen/google/rpc/error_details_pb.ts";
import { StreamProxyService } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { systemClock } from "../../../src/infrastructure/clock/system_clock.ts";
import { FrameClient, Type } from "../../support/frame_client.ts";
import { GOLDEN_QUOTE } from "../../support/grpc_events.ts";
import {
  bareClient,
  connectClient,
  type GrpcHarness,
  pathOf,
  startGrpcHarness,
} from "../../support/grpc_client.ts";
import { startWebHarness, webClient } from "../../support/web_client.ts";
import { ManualClock } from "../../support/manual_clock.ts";

const QUOTES = pathOf("StreamQuotes");
/** The default of STREAM_PROXY_MAX_STREAM_OPENINGS_PER_SEC. */
const DEFAULT_RATE = 200;

Deno.test("500 streams are reopened together on a new connection, four times", async () => {
  const openings = new OpeningRate(DEFAULT_RATE, systemClock);
  await using harness = await startGrpcHarness({ openings });
  for (let restart = 0; restart < 4; restart++) {
    await using client = await FrameClient.connect(harness.server.port);
    for (let i = 0; i < 500; i++) client.open(QUOTES);
    await harness.market.untilOpen(500);
    await client[Symbol.asyncDispose]();
    await harness.market.untilOpen(0);
  }
  assert.equal(harness.refusals.stream_openings, 0);
});

Deno.test("a stream above the rate is refused with details, and opens later", async () => {
  const clock = new ManualClock();
  await using harness = await startGrpcHarness({ openings: new OpeningRate(0.4, clock) });
  using client = connectClient(harness);
  const leave = new AbortController();
  const open = () => client.streamQuotes({}, leave)[Symbol.asyncIterator]().next();
  const kept = Array.from({ length: 10 }, () => open().catch(() => {}));
  await harness.market.untilOpen(10);
  const error = await open().then(() => undefined, (cause: unknown) => cause);
  assert(error instanceof ConnectError);
  assert.equal(error.code, Code.ResourceExhausted);
  assert.match(error.rawMessage, /connection opens more than 0.2 streams a second/);
  const [quota] = error.findDetails(QuotaFailureSchema);
  assert.equal(quota?.violations[0]?.subject, "openings of the connection");
  const [retry] = error.findDetails(RetryInfoSchema);
  assert.equal(retry?.retryDelay?.seconds, 5n);
  assert.equal(harness.refusals.stream_openings, 1);
  const [line] = harness.log.records.filter(({ fields }) => fields.limit === "stream_openings");
  assert.match(String(line?.fields.peer), /^127\.0\.0\.1:\d+$/);
  // Unary calls are not limited by it.
  await client.getConnectionStatus({});
  await clock.advance(5_000);
  kept.push(open().catch(() => {}));
  await harness.market.untilOpen(11);
  leave.abort();
  await Promise.all(kept);
  await harness.market.untilOpen(0);
});

/** Streams that a loop opens together. */
const BATCH = 100;
/** HTTP/2 has a client that resets 1,000 streams continue on another connection. */
const ROUNDS = 8;

/** Opens streams, resets them once all are open, and begins again, on one connection. */
async function reopen({ server, market }: GrpcHarness): Promise<void> {
  await using client = await FrameClient.connect(server.port);
  const open = market.streams.size;
  for (let round = 0; round < ROUNDS; round++) {
    const streams = Array.from({ length: BATCH }, () => client.open(QUOTES));
    await market.untilOpen(open + BATCH);
    for (const stream of streams) client.reset(stream, 8);
    await market.untilOpen(open);
  }
}

Deno.test("10 000 streams opened and closed in a loop leave nothing", async () => {
  await using harness = await startGrpcHarness({ openings: new OpeningRate(1_000, systemClock) });
  await using good = await bareClient(harness);
  const quotes = good.request(QUOTES);
  await quotes.headers;
  let received = 0;
  quotes.stream.on("data", () => received++);
  await reopen(harness);
  await reopen(harness);
  // Not resident memory: test files that run in parallel share a process.
  const used = () => {
    (globalThis as { gc?: () => void }).gc?.();
    return Deno.memoryUsage().heapUsed;
  };
  const before = used();
  let published = 0;
  for (let opened = 0; opened < 10_000; opened += ROUNDS * BATCH) {
    const looping = reopen(harness);
    harness.market.publish("stockQuotes", GOLDEN_QUOTE);
    published++;
    while (received < published) await once(quotes.stream, "data");
    await looping;
  }
  const grown = (used() - before) / 2 ** 20;
  assert(grown < 16, `${grown} MiB of heap`);
  assert.equal(harness.refusals.stream_openings, 0);
  quotes.cancel();
  await harness.market.untilOpen(0);
});

Deno.test("a loop above the rate is refused while another connection opens a stream", async () => {
  const openings = new OpeningRate(8, systemClock);
  await using harness = await startGrpcHarness({ openings });
  await using looping = await FrameClient.connect(harness.server.port);
  for (let opened = 0; opened < 900; opened += BATCH) {
    const streams = Array.from({ length: BATCH }, () => looping.open(QUOTES));
    await looping.until(() =>
      streams.every((stream) => looping.of(Type.headers, stream).length > 0)
    );
    for (const stream of streams) looping.reset(stream, 8);
  }
  assert.ok(harness.refusals.stream_openings > 500);
  assert.equal(looping.end, undefined, "the connection stays");
  await using good = await FrameClient.connect(harness.server.port);
  const stream = good.open(QUOTES);
  await good.until(() => good.of(Type.headers, stream).length > 0);
  assert.equal(good.of(Type.rstStream, stream).length, 0);
  await harness.market.untilOpen(1);
});

Deno.test("streams by Connect and gRPC-Web count in the rate of their address", async () => {
  const clock = new ManualClock();
  await using harness = await startWebHarness({ openings: new OpeningRate(0.04, clock) });
  for (const protocol of ["connect", "grpc-web"] as const) {
    const client = webClient(harness, protocol, StreamProxyService);
    const leave = new AbortController();
    const open = () =>
      client.streamQuotes({}, { signal: leave.signal })[Symbol.asyncIterator]().next();
    const kept = [open().catch(() => {})];
    await harness.market.untilOpen(1);
    if (protocol === "connect") {
      kept.push(open().catch(() => {}));
      await harness.market.untilOpen(2);
    }
    const error = await open().then(() => undefined, (cause: unknown) => cause);
    assert(error instanceof ConnectError);
    assert.equal(error.code, Code.ResourceExhausted);
    const [quota] = error.findDetails(QuotaFailureSchema);
    assert.equal(quota?.violations[0]?.subject, "openings of the address");
    leave.abort();
    await Promise.all(kept);
    await harness.market.untilOpen(0);
    await clock.advance(25_000);
  }
  assert.equal(harness.refusals.stream_openings, 2);
});
