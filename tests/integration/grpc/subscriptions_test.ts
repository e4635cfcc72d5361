/** The status with and without subscriptions. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { FeedSubscriptions } from "../../../src/application/status/reports.ts";
import { SymbolState } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import {
  connectClient,
  grpcClient,
  type GrpcHarness,
  pathOf,
  RAW,
  startGrpcHarness,
} from "../../support/grpc_client.ts";

const REPORT: FeedSubscriptions = {
  feed: "sip",
  channels: [{
    channel: "trades",
    symbols: [{
      symbol: "AAPL",
      state: "acknowledged",
      streams: 4,
      reason: undefined,
    }],
    unfiltered: 0,
  }],
  quota: { limit: 30, learned: false, used: 1 },
  expansions: [],
};

/** The bytes of the status for a request of these bytes. */
async function statusBytes(
  harness: GrpcHarness,
  request: number[],
): Promise<Buffer> {
  using client = grpcClient(harness);
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  client.makeUnaryRequest(
    pathOf("GetConnectionStatus"),
    RAW.serialize,
    RAW.deserialize,
    new Uint8Array(request),
    (error, answer) => answer ? resolve(answer) : reject(error),
  );
  return Buffer.from(await promise);
}

Deno.test("subscriptions are in the status on request", async () => {
  await using harness = await startGrpcHarness({
    subscriptions: () => [REPORT],
  });
  using client = connectClient(harness);
  const { status } = await client.getConnectionStatus({
    includeSubscriptions: true,
  });
  const [sip, opra, trading] = status?.feeds ?? [];
  assert.equal(opra?.subscriptions, undefined);
  assert.equal(trading?.subscriptions, undefined);
  const [channel] = sip?.subscriptions?.channels ?? [];
  assert.equal(channel?.channel, "trades");
  const [aapl] = channel.symbols;
  assert.equal(aapl?.state, SymbolState.ACKNOWLEDGED);
  assert.equal(aapl.streams, 4);
  assert.equal(sip?.subscriptions?.budget?.limit, 30);
});

Deno.test("a status without them has the same bytes as before", async () => {
  await using with_ = await startGrpcHarness({
    subscriptions: () => {
      throw new Error("Not requested");
    },
  });
  await using without = await startGrpcHarness();
  const plain = await statusBytes(without, []);
  assert.deepEqual(await statusBytes(with_, []), plain);
  // include_subscriptions: true, and a proxy without subscriptions.
  assert.deepEqual(await statusBytes(without, [0x78, 0x01]), plain);
});
