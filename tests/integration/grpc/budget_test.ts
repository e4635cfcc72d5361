/** The status of a stream whose symbols exceed the symbol quota. */
import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { type ServiceError, status } from "@grpc/grpc-js";
import { QuotaExceeded } from "../../../src/application/feeds/quota_check.ts";
import { QuotaFailureSchema } from "../../../src/gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../../src/gen/google/rpc/status_pb.ts";
import { GOLDEN_QUOTE } from "../../support/grpc_events.ts";
import {
  bareClient,
  connectClient,
  grpcClient,
  type GrpcHarness,
  pathOf,
  RAW,
  startGrpcHarness,
} from "../../support/grpc_client.ts";

const LIMIT = 2;

/** A proxy with a quota of two symbols. */
async function startSmallPlan(): Promise<GrpcHarness> {
  const harness = await startGrpcHarness();
  harness.market.admit = (_channel, { symbols }) => {
    let used = 0;
    for (const { filter } of harness.market.streams) {
      used += filter.symbols.length;
    }
    const requested = symbols.length;
    if (used + requested <= LIMIT) return;
    throw new QuotaExceeded({ feed: "sip", limit: LIMIT, used, requested });
  };
  return harness;
}

/** StreamQuotesRequest with three symbols. */
const THREE = new Uint8Array([10, 1, 65, 10, 1, 66, 10, 1, 67]);

Deno.test("a connect client receives which quota is exceeded and by how much", async () => {
  await using harness = await startSmallPlan();
  using client = connectClient(harness);
  const stream = client.streamQuotes({ symbols: ["A", "B", "C"] });
  const error = await stream[Symbol.asyncIterator]().next()
    .then(() => undefined, (e: unknown) => e);
  assert(error instanceof ConnectError);
  assert.equal(error.code, Code.ResourceExhausted);
  assert.match(
    error.rawMessage,
    /feed sip is exceeded by 1: 2 allowed, 0 used, 3 more requested; request fewer/,
  );
  const [detail] = error.findDetails(QuotaFailureSchema);
  const [violation] = detail?.violations ?? [];
  assert.equal(violation?.subject, "feed:sip symbols");
  assert.match(violation.description, /exceeded by 1: 2 allowed, 0 used/);
  assert.equal(harness.server.openCalls, 0);
});

Deno.test("a grpc-js client finds the quota failure in the trailers", async () => {
  await using harness = await startSmallPlan();
  using client = grpcClient(harness);
  const call = client.makeServerStreamRequest(
    pathOf("StreamQuotes"),
    RAW.serialize,
    RAW.deserialize,
    THREE,
  );
  const { promise, resolve } = Promise.withResolvers<ServiceError>();
  call.on("error", (error) => resolve(error as ServiceError));
  call.resume();
  const error = await promise;
  assert.equal(error.code, status.RESOURCE_EXHAUSTED);
  assert.match(error.details, /2 allowed, 0 used, 3 more requested/);
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  assert(bytes instanceof Uint8Array);
  const { code, details } = fromBinary(StatusSchema, bytes);
  assert.equal(code, status.RESOURCE_EXHAUSTED);
  const quota = details[0] && anyUnpack(details[0], QuotaFailureSchema);
  assert.equal(quota?.violations[0]?.subject, "feed:sip symbols");
});

Deno.test("a rejected stream is one block of headers", async () => {
  await using harness = await startSmallPlan();
  harness.market.admit = () => {
    throw new QuotaExceeded({ feed: "opra", limit: 0, used: 0, requested: 1 });
  };
  await using bare = await bareClient(harness);
  const { headers, trailers } = bare.request(pathOf("StreamOptionQuotes"));
  assert.equal(await headers, await trailers);
  assert.equal((await headers)["grpc-status"], "8");
  assert.equal((await headers)["content-type"], "application/grpc");
});

Deno.test("an open stream continues while others are rejected", async () => {
  await using harness = await startSmallPlan();
  using client = connectClient(harness);
  const leave = new AbortController();
  const running = client.streamQuotes({ symbols: ["AAPL", "MSFT"] }, leave)
    [Symbol.asyncIterator]();
  const first = running.next();
  await harness.market.untilOpen(1);
  for (let i = 0; i < 5; i++) {
    const late = client.streamQuotes({ symbols: ["C"] })
      [Symbol.asyncIterator]();
    await assert.rejects(late.next(), { code: Code.ResourceExhausted });
  }
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  assert.equal((await first).value?.quote?.symbol, "AAPL");
  leave.abort();
  await assert.rejects(running.next(), { code: Code.Canceled });
  await harness.market.untilOpen(0);
});

Deno.test("a rejection for the quota is logged with its numbers", async () => {
  await using harness = await startSmallPlan();
  using client = connectClient(harness);
  const stream = client.streamQuotes({ symbols: ["A", "B", "C"] });
  await assert.rejects(stream[Symbol.asyncIterator]().next());
  const lines = harness.log.records.filter(({ level }) => level === "warn");
  assert.equal(lines.length, 1);
  assert.deepEqual(lines[0]?.fields, {
    channel: "stockQuotes",
    feed: "sip",
    limit: 2,
    used: 0,
    requested: 3,
  });
  const [span] = harness.tracing.spans;
  assert.equal(span?.attributes["stream.end"], "proxy");
  assert.equal(span.failure, undefined);
});
