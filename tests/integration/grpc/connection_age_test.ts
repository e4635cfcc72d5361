import assert from "node:assert/strict";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  StreamQuotesRequestSchema,
  StreamQuotesResponseSchema,
} from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { Health } from "../../../src/gen/grpc/health/v1/health_pb.ts";
import { systemClock } from "../../../src/infrastructure/clock/system_clock.ts";
import { administered } from "../../support/administered.ts";
import { FrameClient, Type } from "../../support/frame_client.ts";
import {
  connectClient,
  DEFAULT_ADMISSION,
  pathOf,
  startGrpcHarness,
} from "../../support/grpc_client.ts";
import { until } from "../../support/until.ts";

const limits = { ...DEFAULT_ADMISSION, maxConnectionAgeMs: 200 };

Deno.test("streams of an old connection end with UNAVAILABLE after the grace period", async () => {
  const { clients, streams, log } = administered(systemClock);
  await using harness = await startGrpcHarness({
    streams,
    clients,
    admission: { ...limits, connectionGraceMs: 300 },
  });
  await using client = await FrameClient.connect(harness.server.port);
  const openedAt = performance.now();
  for (let i = 0; i < 20; i++) client.open(pathOf("StreamQuotes"));
  client.open(`/${Health.typeName}/Watch`);
  await until("all are open", () => harness.server.openCalls === 21);
  await until("all have ended", () => harness.server.openCalls === 0);
  assert.ok(performance.now() - openedAt >= 180 + 300, "not before age and grace");
  await until("the connection has ended", () => harness.server.connections === 0);
  const ends = log.records.filter(({ message }) => message === "Stream ended");
  assert.equal(ends.length, 20);
  for (const { fields } of ends) {
    assert.match(String(fields["status"]), /^UNAVAILABLE: .* maximum age; reopen the stream on/);
  }
  assert.equal(client.of(Type.rstStream).length, 0, "all have a status");
});

Deno.test("streams with notices receive one before the end of their connection", async () => {
  const { clients, streams } = administered(systemClock);
  await using harness = await startGrpcHarness({
    streams,
    clients,
    admission: { ...limits, connectionGraceMs: 60_000 },
  });
  await using client = await FrameClient.connect(harness.server.port);
  const request = toBinary(
    StreamQuotesRequestSchema,
    create(StreamQuotesRequestSchema, { options: { notices: true } }),
  );
  client.open(pathOf("StreamQuotes"), { message: [0, 0, 0, 0, request.length, ...request] });
  const draining = () =>
    client.of(Type.data).flatMap(({ payload }) => {
      const { notice } = fromBinary(StreamQuotesResponseSchema, payload.subarray(5));
      return notice?.kind.case === "draining" ? [notice.kind.value] : [];
    });
  await client.until(() => draining().length > 0);
  const [{ reason = "", grace } = {}] = draining();
  assert.match(reason, /^The connection has reached its maximum age; reopen the stream/);
  assert.equal(grace?.seconds, 62n);
  assert.equal(client.of(Type.goaway).length, 1);
});

Deno.test("new streams use a new connection; an old one without streams is closed", async () => {
  await using harness = await startGrpcHarness({
    admission: { ...limits, connectionGraceMs: 60_000 },
  });
  using client = connectClient(harness);
  const left = new AbortController();
  const stream = (async () => {
    for await (const _quote of client.streamQuotes({ symbols: ["AAPL"] }, left)) continue;
  })().catch(() => {});
  await until("the stream is open", () => harness.server.openCalls === 1);
  await until("a call uses another connection", async () => {
    await client.getConnectionStatus({});
    return harness.server.connections > 1;
  });
  assert.equal(harness.server.openCalls, 1, "the stream goes on");
  left.abort();
  await stream;
  await until("all old connections are closed", () => harness.server.connections === 0);
});

Deno.test("connections are not ended by their age by default", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  await client.getConnectionStatus({});
  await new Promise((resolve) => setTimeout(resolve, 300));
  await client.getConnectionStatus({});
  assert.equal(harness.server.connections, 1);
});
