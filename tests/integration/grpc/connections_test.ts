/** How many connections the gRPC port takes, over real sockets. */
import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Client, type ServiceError, status } from "@grpc/grpc-js";
import {
  connectClient,
  grpcClient,
  pathOf,
  RAW,
  startFace,
} from "../../support/grpc_face.ts";
import { httpDependencies } from "../../support/http_dependencies.ts";
import { RawConnection } from "../../support/raw_http.ts";
import { until } from "../../support/stage.ts";

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
  await using face = await startFace({ connections });
  using client = grpcClient(face);
  {
    using all = new DisposableStack();
    for (let opened = 0; opened < 3; opened++) {
      all.use(await RawConnection.open(face.server.port));
    }
    await until("all are accepted", () => face.server.connections === 3);
    assert.equal((await failureOfCall(client))?.code, status.UNAVAILABLE);
    using refused = connectClient(face);
    await assert.rejects(
      refused.getConnectionStatus({}),
      // connect-es reports every reset so; clients retry it as well.
      (error) => ConnectError.from(error).code === Code.Aborted,
    );
    assert.equal(face.server.connections, 3);
  }
  await until(
    "the client is served",
    async () => await failureOfCall(client) === null,
  );
  assert.equal(connections.figures.grpc, 1);
});
