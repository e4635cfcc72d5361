/** Calls by gRPC-Web and Connect, compared with the same calls by gRPC. */
import assert from "node:assert/strict";
import { toBinary } from "@bufbuild/protobuf";
import { type CallOptions, type Client, Code, ConnectError } from "@connectrpc/connect";
import {
  StreamProxyService,
  StreamQuotesResponseSchema,
} from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { BadRequestSchema } from "../../../src/gen/google/rpc/error_details_pb.ts";
import {
  Health,
  HealthCheckResponse_ServingStatus,
} from "../../../src/gen/grpc/health/v1/health_pb.ts";
import { connectClient, connectTo } from "../../support/grpc_client.ts";
import { GOLDEN_QUOTE, GOLDEN_TRADE } from "../../support/grpc_events.ts";
import { startWebHarness, WEB_PROTOCOLS, webClient } from "../../support/web_client.ts";
import { until } from "../../support/until.ts";

type Proxy = Client<typeof StreamProxyService>;

/** Takes messages of a stream and ends it, which connect-node does for a signal alone. */
async function take<T>(
  open: (options: CallOptions) => AsyncIterable<T>,
  count: number,
): Promise<T[]> {
  const leave = new AbortController();
  const taken: T[] = [];
  for await (const message of open({ signal: leave.signal })) {
    taken.push(message);
    if (taken.length === count) break;
  }
  leave.abort();
  return taken;
}

/** The error that a call ends with. */
async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  const error = await call.then(() => undefined, (cause: unknown) => cause);
  assert(error instanceof ConnectError, `ended with ${error}`);
  return error;
}

for (const protocol of WEB_PROTOCOLS) {
  Deno.test(`a stream by ${protocol} has the messages of the same stream by gRPC`, async () => {
    await using harness = await startWebHarness();
    using grpc = connectClient(harness);
    const web = webClient(harness, protocol, StreamProxyService);
    const request = { symbols: ["AAPL"], options: { meta: true, notices: true } };
    const streams = [grpc, web].map((client) =>
      take((options) => client.streamQuotes(request, options), 5)
    );
    await harness.market.untilOpen(2);
    for (const stream of harness.market.streams) {
      stream.notify({ type: "draining", at: 5, reason: "a notice", graceMs: 1 });
    }
    for (let i = 0; i < 3; i++) harness.market.publish("stockQuotes", GOLDEN_QUOTE);
    harness.market.publish("stockQuotes", { ...GOLDEN_QUOTE, conditions: [], bidPrice: 1e-7 });
    const [expected = [], received = []] = await Promise.all(streams);
    const bytes = (messages: typeof received) =>
      messages.map((message) => toBinary(StreamQuotesResponseSchema, message).toHex());
    assert.deepEqual(bytes(received), bytes(expected));
    assert.deepEqual(received.map(({ notice }) => notice?.kind.case ?? "quote"), [
      "draining",
      ...["quote", "quote", "quote", "quote"],
    ]);
    await harness.market.untilOpen(0);
  });

  Deno.test(`errors by ${protocol} have the code, text and details of gRPC`, async () => {
    await using harness = await startWebHarness();
    using grpc = connectClient(harness);
    const web = webClient(harness, protocol, StreamProxyService);
    const calls: ((client: Proxy) => Promise<unknown>)[] = [
      (client) => take((options) => client.streamQuotes({ symbols: ["AAPL", ""] }, options), 1),
      (client) => client.acknowledge({ positions: [{ streamId: "" }] }),
    ];
    for (const call of calls) {
      const [expected, received] = await Promise.all([errorOf(call(grpc)), errorOf(call(web))]);
      assert.equal(received.code, Code.InvalidArgument);
      assert.equal(received.code, expected.code);
      assert.equal(received.rawMessage, expected.rawMessage);
      assert.deepEqual(
        received.findDetails(BadRequestSchema),
        expected.findDetails(BadRequestSchema),
      );
      assert.equal(received.findDetails(BadRequestSchema).length, 1);
    }
  });

  Deno.test(`unary calls and health work by ${protocol}`, async () => {
    await using harness = await startWebHarness();
    using grpc = connectClient(harness);
    const web = webClient(harness, protocol, StreamProxyService);
    assert.deepEqual(await web.getConnectionStatus({}), await grpc.getConnectionStatus({}));
    const positions = [{ streamId: "open-1", sequence: 7n }, { streamId: "gone", sequence: 1n }];
    assert.deepEqual((await web.acknowledge({ positions })).unknownStreamIds, ["gone"]);
    assert.deepEqual(harness.market.acknowledged, [["open-1", 7], ["gone", 1]]);
    const health = webClient(harness, protocol, Health);
    const { SERVING, NOT_SERVING } = HealthCheckResponse_ServingStatus;
    assert.equal((await health.check({})).status, SERVING);
    const unknown = await errorOf(health.check({ service: "other" }));
    assert.equal(unknown.code, Code.NotFound);
    const watched = take((options) => health.watch({}, options), 2);
    await until("the watch is open", () => harness.server.openCalls === 1);
    harness.server.drain();
    assert.deepEqual((await watched).map(({ status }) => status), [SERVING, NOT_SERVING]);
  });

  Deno.test(`streams by ${protocol} end with UNAVAILABLE when the server stops`, async () => {
    await using harness = await startWebHarness();
    const web = webClient(harness, protocol, StreamProxyService);
    const plain = errorOf(take((options) => web.streamQuotes({}, options), 2));
    const noticed: string[] = [];
    const withNotices = errorOf((async () => {
      for await (const { notice } of web.streamTrades({ options: { notices: true } })) {
        noticed.push(notice?.kind.case ?? "trade");
      }
    })());
    await harness.market.untilOpen(2);
    await harness.server.stop(2_000, "test ends");
    for (const error of await Promise.all([plain, withNotices])) {
      assert.equal(error.code, Code.Unavailable);
      assert.equal(error.rawMessage, "test ends");
    }
    assert.deepEqual(noticed, ["draining"]);
    const late = await errorOf(take((options) => web.streamQuotes({}, options), 1));
    assert.equal(late.code, Code.Unavailable);
    assert.equal(harness.market.streams.size, 0);
  });

  Deno.test(`a stream by ${protocol} ends when its client leaves`, async () => {
    await using harness = await startWebHarness();
    const web = webClient(harness, protocol, StreamProxyService);
    const leave = new AbortController();
    const ended = errorOf(take(() => web.streamQuotes({}, leave), 1));
    await harness.market.untilOpen(1);
    assert.equal(harness.server.openCalls, 1);
    leave.abort();
    assert.equal((await ended).code, Code.Canceled);
    await harness.market.untilOpen(0);
    await until("the call is over", () => harness.server.openCalls === 0);
  });

  Deno.test(`the deadline of a client ends its stream by ${protocol}`, async () => {
    await using harness = await startWebHarness();
    // The client detects it too; this one does not.
    const web = webClient(harness, protocol, StreamProxyService, [(next) => (request) => {
      const name = protocol.startsWith("connect") ? "connect-timeout-ms" : "grpc-timeout";
      request.header.set(name, protocol.startsWith("connect") ? "50" : "50m");
      return next(request);
    }]);
    const { code } = await errorOf(take((options) => web.streamQuotes({}, options), 1));
    assert.equal(code, Code.DeadlineExceeded);
    await harness.market.untilOpen(0);
  });
}

Deno.test("streams of all protocols share the encoded message", async () => {
  await using harness = await startWebHarness();
  using grpc = connectTo(harness, StreamProxyService);
  const clients: Proxy[] = [
    grpc,
    ...WEB_PROTOCOLS.map((protocol) => webClient(harness, protocol, StreamProxyService)),
  ];
  const taken = clients.map((client) => take((options) => client.streamTrades({}, options), 1));
  await harness.market.untilOpen(clients.length);
  const envelope = harness.market.publish("stockTrades", GOLDEN_TRADE);
  let encoded = 0;
  let bytes: Uint8Array | undefined;
  Object.defineProperty(envelope, "encoded", {
    get: () => bytes,
    set: (value: Uint8Array) => {
      encoded++;
      bytes = value;
    },
  });
  const prices = (await Promise.all(taken)).flat().map(({ trade }) => trade?.price);
  assert.deepEqual(prices, clients.map(() => GOLDEN_TRADE.price));
  assert.equal(encoded, 1);
  await harness.market.untilOpen(0);
});
