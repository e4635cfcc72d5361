/** How many connections the gRPC port takes, over real sockets. */
import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Client, type ServiceError, status } from "@grpc/grpc-js";
import {
  connectClient,
  grpcClient,
  pathOf,
  RAW,
  startGrpcHarness,
} from "../../support/grpc_client.ts";
import { FrameClient } from "../../support/frame_client.ts";
import { httpDependencies } from "../../support/http_dependencies.ts";
import { until } from "../../support/until.ts";

/** How a grpc-js client reports that its call fails; null if it does not. */
function failureOfCall(client: Client): Promise<ServiceError | null> {
  const { promise, resolve } = Promise.withResolvers<ServiceError | null>();
  client.makeUnaryRequest(
    pathOf("GetConnectionStatus"),
    RAW.serialize,
    RAW.deserialize,
    new Uint8Array(),
    resolve,
  );
  return promise;
}

Deno.test("a gRPC connection above the limit is UNAVAILABLE until one is closed", async () => {
  const { connections } = httpDependencies({ maxGrpc: 3 });
  await using harness = await startGrpcHarness({ connections });
  using client = grpcClient(harness);
  {
    await using all = new AsyncDisposableStack();
    for (let opened = 0; opened < 3; opened++) {
      const busy = all.use(await FrameClient.connect(harness.server.port));
      busy.open(pathOf("StreamQuotes"));
    }
    await harness.market.untilOpen(3);
    assert.equal((await failureOfCall(client))?.code, status.UNAVAILABLE);
    using refused = connectClient(harness);
    await assert.rejects(
      refused.getConnectionStatus({}),
      // connect-es reports every reset so; clients retry it as well.
      (error) => ConnectError.from(error).code === Code.Aborted,
    );
    assert.equal(harness.server.connections, 3);
  }
  await until(
    "the client is served",
    async () => await failureOfCall(client) === null,
  );
  assert.equal(connections.figures.grpc, 1);
});

Deno.test("gRPC connections of one address are limited until one is closed", async () => {
  const { connections, counters } = httpDependencies({ maxGrpcPerAddress: 2 });
  await using harness = await startGrpcHarness({ connections });
  using client = grpcClient(harness);
  {
    await using all = new AsyncDisposableStack();
    for (let opened = 0; opened < 2; opened++) {
      const busy = all.use(await FrameClient.connect(harness.server.port));
      busy.open(pathOf("StreamQuotes"));
    }
    await harness.market.untilOpen(2);
    assert.equal((await failureOfCall(client))?.code, status.UNAVAILABLE);
    assert.ok(counters.refusals.connections_per_address > 0);
  }
  await until("the client is served", async () => await failureOfCall(client) === null);
});

Deno.test("gRPC connections without a stream are closed for new ones", async () => {
  const { connections } = httpDependencies({ maxGrpc: 3 });
  await using harness = await startGrpcHarness({ connections });
  await using busy = await FrameClient.connect(harness.server.port);
  busy.open(pathOf("StreamQuotes"));
  await harness.market.untilOpen(1);
  await using used = await FrameClient.connect(harness.server.port);
  const once = used.open(pathOf("StreamQuotes"));
  await harness.market.untilOpen(2);
  used.reset(once, 8);
  await harness.market.untilOpen(1);
  await using silent = await FrameClient.connect(harness.server.port);
  await silent.roundTrip();

  using client = grpcClient(harness);
  assert.equal(await failureOfCall(client), null);
  await used.until(() => used.end !== undefined);
  assert.equal(silent.end, undefined, "the longest idle one is closed");
  using another = grpcClient(harness);
  assert.equal(await failureOfCall(another), null);
  await silent.until(() => silent.end !== undefined);
  assert.equal(busy.end, undefined);
  assert.equal(harness.market.streams.size, 1);
});
