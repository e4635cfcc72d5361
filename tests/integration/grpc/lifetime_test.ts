/** How streams and the server end. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Code, ConnectError } from "@connectrpc/connect";
import { type ServiceError, status } from "@grpc/grpc-js";
import { GOLDEN_QUOTE } from "../../support/grpc_events.ts";
import {
  bareClient,
  connectClient,
  grpcClient,
  pathOf,
  RAW,
  startGrpcHarness,
} from "../../support/grpc_client.ts";

/** The error that ends an iteration. */
async function endOf(stream: AsyncIterable<unknown>): Promise<ConnectError> {
  try {
    for await (const _ of stream);
  } catch (error) {
    assert(error instanceof ConnectError, String(error));
    return error;
  }
  throw new Error("The stream ended without an error");
}

Deno.test("stopping ends every stream with UNAVAILABLE and the reason", async () => {
  await using harness = await startGrpcHarness();
  using connected = connectClient(harness);
  using client = grpcClient(harness);
  const ends = [
    endOf(connected.streamQuotes({})),
    endOf(connected.streamOrderUpdates({})),
  ];
  const call = client.makeServerStreamRequest(
    pathOf("StreamTrades"),
    RAW.serialize,
    RAW.deserialize,
    new Uint8Array(0),
  );
  const failed = Promise.withResolvers<ServiceError>();
  call.on("error", (error) => {
    failed.resolve(error as ServiceError);
    client.close();
  });
  call.resume();
  await harness.market.untilOpen(3);
  await harness.server.stop(5_000, "maintenance at noon");

  for (const end of await Promise.all(ends)) {
    assert.equal(end.code, Code.Unavailable);
    assert.equal(end.rawMessage, "maintenance at noon");
  }
  const error = await failed.promise;
  assert.equal(error.code, status.UNAVAILABLE);
  assert.equal(error.details, "maintenance at noon");
  assert.equal(harness.server.openCalls, 0);
  assert.equal(harness.server.connections, 0);
  assert.equal(harness.market.streams.size, 0);
  assert.deepEqual(
    harness.log.records,
    [],
    "an orderly end is nothing to report",
  );
});

Deno.test("messages published before the stop arrive before the status", async () => {
  await using harness = await startGrpcHarness();
  using connected = connectClient(harness);
  const seen: string[] = [];
  const done = (async () => {
    for await (const { quote } of connected.streamQuotes({})) {
      seen.push(quote?.symbol ?? "");
    }
  })();
  await harness.market.untilOpen(1);
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  // The pump takes what is ready in the next turn; then the stop follows.
  await new Promise((resolve) => setTimeout(resolve, 0));
  const end = assert.rejects(done, { code: Code.Unavailable });
  await harness.server.stop(5_000, "bye");
  await end;
  assert.deepEqual(seen, ["AAPL"]);
});

Deno.test("draining rejects new streams; open ones continue", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const leave = new AbortController();
  const open = client.streamQuotes({}, leave)[Symbol.asyncIterator]();
  const next = open.next();
  await harness.market.untilOpen(1);
  harness.server.drain("restarting");
  const refused = await endOf(client.streamQuotes({}));
  assert.equal(refused.code, Code.Unavailable);
  assert.equal(refused.rawMessage, "restarting");
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  assert.equal((await next).value?.quote?.symbol, "AAPL");
  leave.abort();
  await harness.market.untilOpen(0);
});

Deno.test("a stream whose source fails ends with UNAVAILABLE and is logged", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const end = endOf(client.streamQuotes({}));
  await harness.market.untilOpen(1);
  for (const stream of harness.market.streams) {
    stream.end(new Error("secret detail"));
  }
  const { code, rawMessage } = await end;
  assert.equal(code, Code.Unavailable);
  assert(!rawMessage.includes("secret detail"), rawMessage);
  const [record] = harness.log.records;
  assert.equal(record?.level, "error");
  assert.equal((record.fields["cause"] as Error).message, "secret detail");
  assert.equal(harness.tracing.spans[0]?.attributes["stream.end"], "fault");
  assert(harness.tracing.spans[0].failure instanceof Error);
});

Deno.test("a stream whose source ends is ended with UNAVAILABLE, not OK", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const end = endOf(client.streamQuotes({}));
  await harness.market.untilOpen(1);
  for (const stream of harness.market.streams) stream.end();
  assert.equal((await end).code, Code.Unavailable);
});

Deno.test("an event that cannot be encoded is skipped", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const leave = new AbortController();
  const stream = client.streamQuotes({}, leave)[Symbol.asyncIterator]();
  const next = stream.next();
  await harness.market.untilOpen(1);
  const broken = { ...GOLDEN_QUOTE, conditions: null };
  harness.market.publish(
    "stockQuotes",
    // A decoder that breaks its promise is exactly the case.
    broken as unknown as typeof GOLDEN_QUOTE,
  );
  harness.market.publish("stockQuotes", { ...GOLDEN_QUOTE, symbol: "NEXT" });
  assert.equal((await next).value?.quote?.symbol, "NEXT");
  assert.deepEqual(harness.log.records.map(({ level }) => level), ["error"]);
  leave.abort();
  await harness.market.untilOpen(0);
});

Deno.test("a client that cancels releases its stream", async () => {
  await using harness = await startGrpcHarness();
  using client = grpcClient(harness);
  const call = client.makeServerStreamRequest(
    pathOf("StreamQuotes"),
    RAW.serialize,
    RAW.deserialize,
    new Uint8Array(0),
  );
  call.on("error", () => {});
  call.resume();
  await harness.market.untilOpen(1);
  call.cancel();
  await harness.market.untilOpen(0);
  assert.equal(harness.server.openCalls, 0);
});

Deno.test("a client that vanishes frees all of its streams", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  for (let i = 0; i < 20; i++) client.request(pathOf("StreamQuotes"));
  await harness.market.untilOpen(20);
  client.session.destroy();
  await harness.market.untilOpen(0);
  assert.equal(harness.server.openCalls, 0);
});

Deno.test("a client that vanishes right after its request leaves no open call", async () => {
  await using harness = await startGrpcHarness();
  for (let i = 0; i < 30; i++) {
    await using client = await bareClient(harness);
    const call = client.request(pathOf("StreamQuotes"));
    if (i % 3 === 0) call.cancel();
    if (i % 3 === 1) client.session.destroy();
  }
  await using client = await bareClient(harness);
  await client.request(pathOf("StreamQuotes")).headers;
  await harness.market.untilOpen(1);
  assert.equal(harness.server.openCalls, 1);
});

Deno.test("a client's deadline ends its stream with DEADLINE_EXCEEDED", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  const { trailers } = client.request(pathOf("StreamQuotes"), {
    "grpc-timeout": "50m",
  });
  assert.equal((await trailers)["grpc-status"], "4");
  await harness.market.untilOpen(0);
});

Deno.test("a deadline of more than 24 days does not end a stream", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  // In ms of 32 bits: below 0, 10 days and 1.5 days.
  const deadlines = ["2592000S", "1440H", "99999999H"];
  const calls = deadlines.map((timeout) =>
    client.request(pathOf("StreamQuotes"), { "grpc-timeout": timeout })
  );
  for (const { headers } of calls) assert.equal((await headers)["grpc-status"], undefined);
  // By then one with a short deadline has ended.
  const short = client.request(pathOf("StreamQuotes"), { "grpc-timeout": "50m" });
  assert.equal((await short.trailers)["grpc-status"], "4");
  assert.equal(harness.server.openCalls, calls.length);
});

Deno.test("a client that does not read is reset with an error that it retries", async () => {
  await using harness = await startGrpcHarness();
  using client = connectClient(harness);
  const stream = client.streamQuotes({})[Symbol.asyncIterator]();
  const first = stream.next();
  await harness.market.untilOpen(1);
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  await first; // and reads no more for now
  for (let i = 0; i < 40_000; i++) {
    harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  await harness.server.stop(100, "bye");
  assert.equal(harness.server.connections, 0);
  assert.deepEqual(harness.log.records.map(({ level }) => level), ["warn"]);

  const end = await endOf({ [Symbol.asyncIterator]: () => stream });
  // The codes that existing clients retry.
  const retried = [Code.Unavailable, Code.Aborted, Code.Internal, Code.Unknown];
  assert(retried.includes(end.code), `ended with ${Code[end.code]}`);
});

Deno.test("stopping and disposing are idempotent", async () => {
  const harness = await startGrpcHarness();
  const first = harness.server.stop(1_000);
  assert.equal(harness.server.stop(0), first);
  await harness[Symbol.asyncDispose]();
  await harness[Symbol.asyncDispose]();
});

Deno.test("a port in use is reported with the variable to change", async () => {
  await using harness = await startGrpcHarness();
  const { port } = harness.server;
  await assert.rejects(
    startGrpcHarness({ port }),
    (error: Error) => {
      assert(error.message.includes(`127.0.0.1:${port}`), error.message);
      assert(error.message.includes("STREAM_PROXY_GRPC_PORT"), error.message);
      return true;
    },
  );
});

Deno.test("an address of another host is reported with the variable to change", async () => {
  await assert.rejects(
    startGrpcHarness({ host: "192.0.2.1" }),
    /192\.0\.2\.1:0.*STREAM_PROXY_HOST/,
  );
});

Deno.test("a stream is one span, with its counts and the reason of its end", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  const { stream, headers, cancel } = client.request(pathOf("StreamQuotes"));
  await headers;
  await harness.market.untilOpen(1);
  for (let i = 0; i < 5; i++) {
    harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  }
  await once(stream, "data");
  cancel();
  await harness.market.untilOpen(0);
  // The span is closed in the turn after the stream was released.
  await new Promise((resolve) => setTimeout(resolve, 0));
  const [span, ...more] = harness.tracing.spans;
  assert.deepEqual(more, []);
  assert.equal(span?.ended, true);
  assert.equal(span.attributes["rpc.method"], pathOf("StreamQuotes"));
  assert.equal(span.attributes["stream.sent"], 5);
  assert.equal(span.attributes["stream.dropped"], 0);
  assert.equal(span.attributes["stream.end"], "client");
});
