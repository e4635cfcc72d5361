/** How often clients may open streams, over real sockets. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Code, ConnectError } from "@connectrpc/connect";
import { OpeningRate } from "../../../src/application/limits/opening_rate.ts";
import {
  QuotaFailureSchema,
  RetryInfoSchema,
} from "../../../src/gen/google/rpc/error_details_pb.ts";
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
import { ManualClock } from "../../support/manual_clock.ts";

const QUOTES = pathOf("StreamQuotes");
/** The default of STREAM_PROXY_MAX_STREAM_OPENINGS_PER_SEC. */
const DEFAULT_RATE = 500;

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
  await using harness = await startGrpcHarness({ openings: new OpeningRate(1, clock) });
  using client = connectClient(harness);
  const leave = new AbortController();
  const open = () => client.streamQuotes({}, leave)[Symbol.asyncIterator]().next();
  const kept = Array.from({ length: 10 }, () => open().catch(() => {}));
  await harness.market.untilOpen(10);
  const error = await open().then(() => undefined, (cause: unknown) => cause);
  assert(error instanceof ConnectError);
  assert.equal(error.code, Code.ResourceExhausted);
  assert.match(error.rawMessage, /connection opens more than 0.5 streams a second/);
  const [quota] = error.findDetails(QuotaFailureSchema);
  assert.equal(quota?.violations[0]?.subject, "openings of the connection");
  const [retry] = error.findDetails(RetryInfoSchema);
  assert.equal(retry?.retryDelay?.seconds, 2n);
  assert.equal(harness.refusals.stream_openings, 1);
  const [line] = harness.log.records.filter(({ fields }) => fields.limit === "stream_openings");
  assert.match(String(line?.fields.peer), /^127\.0\.0\.1:\d+$/);
  // Unary calls are not limited by it.
  await client.getConnectionStatus({});
  await clock.advance(2_000);
  kept.push(open().catch(() => {}));
  await harness.market.untilOpen(11);
  leave.abort();
  await Promise.all(kept);
  await harness.market.untilOpen(0);
});

/** Opens and resets streams as fast as the connection takes them. */
async function loop(harness: GrpcHarness, count: number): Promise<FrameClient> {
  const client = await FrameClient.connect(harness.server.port);
  for (let opened = 0; opened < count && client.end === undefined;) {
    for (let i = 0; i < 100; i++, opened++) client.reset(client.open(QUOTES), 8);
    await client.roundTrip();
  }
  return client;
}

Deno.test("10 000 openings in a loop leave no streams and no memory", async () => {
  const openings = new OpeningRate(DEFAULT_RATE, systemClock);
  await using harness = await startGrpcHarness({ openings });
  await using good = await bareClient(harness);
  const quotes = good.request(QUOTES);
  await quotes.headers;
  let received = 0;
  quotes.stream.on("data", () => received++);
  await using warm = await loop(harness, 2_000);
  const heap = () => {
    (globalThis as { gc?: () => void }).gc?.();
    return Deno.memoryUsage().heapUsed;
  };
  const before = heap();
  let published = 0;
  for (let connection = 0; connection < 8; connection++) {
    await using client = await loop(harness, 1_000);
    harness.market.publish("stockQuotes", GOLDEN_QUOTE);
    published++;
    if (received < published) await once(quotes.stream, "data");
    await client[Symbol.asyncDispose]();
  }
  await warm[Symbol.asyncDispose]();
  await harness.market.untilOpen(1);
  const grown = heap() - before;
  assert(grown < 16 * 2 ** 20, `${grown} bytes of heap`);
  assert.ok(received >= published);
  quotes.cancel();
  await harness.market.untilOpen(0);
});

Deno.test("a loop above the rate is refused while another connection opens a stream", async () => {
  const openings = new OpeningRate(20, systemClock);
  await using harness = await startGrpcHarness({ openings });
  await using looping = await loop(harness, 1_000);
  assert.ok(harness.refusals.stream_openings > 500);
  assert.equal(looping.end, undefined, "the connection stays");
  await using good = await FrameClient.connect(harness.server.port);
  const stream = good.open(QUOTES);
  await harness.market.untilOpen(1);
  assert.equal(good.of(Type.rstStream, stream).length, 0);
});
