/** Batches on the wire, read without a gRPC library. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
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
