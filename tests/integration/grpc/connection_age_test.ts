import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectClient, DEFAULT_ADMISSION, startGrpcHarness } from "../../support/grpc_client.ts";
import { until } from "../../support/until.ts";

const limits = { ...DEFAULT_ADMISSION, maxConnectionAgeMs: 200 };

Deno.test("streams of an old connection end with UNAVAILABLE after the grace period", async () => {
  await using harness = await startGrpcHarness({
    admission: { ...limits, connectionGraceMs: 300 },
  });
  using client = connectClient(harness);
  const openedAt = performance.now();
  const ended = (async () => {
    for await (const _quote of client.streamQuotes({ symbols: ["AAPL"] }));
  })();
  const error = await ended.then(() => undefined, (cause) => ConnectError.from(cause));
  // connect-es reads REFUSED_STREAM as Internal, other clients as UNAVAILABLE.
  assert.ok(error?.code === Code.Unavailable || error?.code === Code.Internal, `${error}`);
  assert.ok(performance.now() - openedAt >= 180 + 300, "not before age and grace");
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
