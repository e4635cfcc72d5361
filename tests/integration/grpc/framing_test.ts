/** Batches on the wire, read without a gRPC library. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import {
  batchInterceptor,
  canFrame,
} from "../../../src/infrastructure/grpc/http2_workarounds/framed_batch.ts";
import { OPEN_ACCESS } from "../../../src/application/access/access.ts";
import { CallIdentities } from "../../../src/infrastructure/grpc/call_identities.ts";
import { addService, serve } from "../../../src/infrastructure/grpc/register_service.ts";
import { Health } from "../../../src/gen/grpc/health/v1/health_pb.ts";
import { GOLDEN_QUOTE } from "../../support/grpc_events.ts";
import { bareClient, pathOf, startGrpcHarness } from "../../support/grpc_client.ts";

/** One golden message as gRPC frames it. */
const FRAME = "0000000037" +
  "0a350a044141504c120b08a08494ad0610959aef3a1a0151210000000000c862402803" +
  "32015039713d0ad7a3c8624040044a0152520143";

/** Publishes `count` events in one turn and returns the stream's first bytes. */
async function bytesOf(count: number, contentType: string): Promise<Buffer> {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  const { stream, headers } = client.request(pathOf("StreamQuotes"), {
    "content-type": contentType,
  });
  await headers;
  await harness.market.untilOpen(1);
  for (let i = 0; i < count; i++) {
    harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= count * FRAME.length / 2) break;
  }
  return Buffer.concat(chunks);
}

Deno.test("a batch has the frames of its messages, for both content types", async () => {
  for (const contentType of ["application/grpc", "application/grpc+proto"]) {
    for (const count of [1, 2, 3, 511, 512, 513, 5_000]) {
      const bytes = await bytesOf(count, contentType);
      const expected = Buffer.from(FRAME.repeat(count), "hex");
      assert(bytes.equals(expected), `${count} messages, ${contentType}`);
    }
  }
});

Deno.test("the installed grpc-js has the framing that batches require", async () => {
  const results: boolean[] = [];
  const server = new Server({
    interceptors: [(method, call) => {
      results.push(canFrame(call));
      return batchInterceptor(method, call);
    }],
  });
  const health = serve(Health, {
    check: () => new Uint8Array([8, 1]),
    watch: (call) => void call.end(),
  });
  addService(server, health, {
    identities: new CallIdentities(OPEN_ACCESS),
    onError: (error) => assert.fail(String(error)),
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(
      "127.0.0.1:0",
      ServerCredentials.createInsecure(),
      (error, port) => error ? reject(error) : resolve(port),
    )
  );
  {
    await using client = await bareClient({ url: `http://127.0.0.1:${port}` });
    const { trailers } = client.request("/grpc.health.v1.Health/Check");
    assert.equal((await trailers)["grpc-status"], "0");
  }
  server.forceShutdown();
  assert.deepEqual(results, [true]);
});
