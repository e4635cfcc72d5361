/** The commands' client against servers that do not behave, and as a slow reader. */
import assert from "node:assert/strict";
import { RpcClient, RpcError } from "../../../client/rpc_client.ts";
import { StreamProxyService } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { startAbruptServer } from "../../support/abrupt_server.ts";
import { startFullBacklog } from "../../support/full_backlog.ts";
import { GOLDEN_QUOTE } from "../../support/grpc_events.ts";
import { startGrpcHarness } from "../../support/grpc_client.ts";
import { MemoryMarket } from "../../support/grpc_market.ts";

const { streamQuotes, getConnectionStatus } = StreamProxyService.method;

Deno.test("a peer that stops replying is detected", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const serving = (async () => {
    using conn = await listener.accept();
    // An empty SETTINGS frame, and not a word more.
    await conn.write(new Uint8Array([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    const piece = new Uint8Array(1024);
    while (await conn.read(piece).catch(() => null) !== null);
  })();
  {
    using client = new RpcClient({ host: "127.0.0.1", port, tls: false }, {
      intervalMs: 20,
      timeoutMs: 20,
    });
    const stream = client.stream(streamQuotes, {});
    await assert.rejects(stream.next(), (error) => {
      assert(error instanceof RpcError);
      assert.equal(error.code, "UNAVAILABLE");
      assert.match(error.details, /no ping reply within 20 ms/);
      return true;
    });
  }
  await serving;
});

Deno.test("a peer that answers keeps its silent stream", async () => {
  await using harness = await startGrpcHarness();
  using client = new RpcClient(
    { host: "127.0.0.1", port: harness.server.port, tls: false },
    { intervalMs: 10, timeoutMs: 2_000 },
  );
  const stream = client.stream(streamQuotes, {});
  const first = stream.next();
  await harness.market.untilOpen(1);
  // Some fifteen questions and answers, without a message in between.
  await new Promise((resolve) => setTimeout(resolve, 150));
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  const { value } = await first;
  assert.equal(value?.[0]?.quote?.symbol, "AAPL");
  await stream.return();
  await harness.market.untilOpen(0);
});

Deno.test("a connection that does not open in time is UNAVAILABLE", async () => {
  using full = await startFullBacklog();
  using client = new RpcClient(
    { host: "127.0.0.1", port: full.port, tls: false },
    { dialTimeoutMs: 50 },
  );
  for (let attempt = 0; attempt < 2; attempt++) {
    const stream = client.stream(streamQuotes, {});
    await assert.rejects(stream.next(), {
      code: "UNAVAILABLE",
      details: "no connection within 50 ms",
    });
  }
});

Deno.test("a stream that breaks inside a message is UNAVAILABLE", async () => {
  await using server = startAbruptServer("inside a message");
  const { port } = server;
  using client = new RpcClient({ host: "127.0.0.1", port, tls: false });
  const stream = client.stream(streamQuotes, {});
  await assert.rejects(stream.next(), {
    code: "UNAVAILABLE",
    details: "protocol error: incomplete envelope",
  });
});

Deno.test("a reader that is behind leaves the socket unread", async () => {
  const market = new MemoryMarket({ capacity: 1_000 });
  await using harness = await startGrpcHarness({ market });
  using client = new RpcClient({
    host: "127.0.0.1",
    port: harness.server.port,
    tls: false,
  });
  const stream = client.stream(streamQuotes, {});
  const first = stream.next();
  await market.untilOpen(1);
  const [open] = market.streams;
  let published = 0;
  while (open?.dropped === 0 && published < 200_000) {
    for (let i = 0; i < 500; i++) {
      market.publish("stockQuotes", GOLDEN_QUOTE);
      published++;
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.ok((open?.dropped ?? 0) > 0, `${published} messages piled up unread`);
  let received = (await first).value?.length ?? 0;
  assert.ok(received >= 1);
  // What waited is delivered, and nothing of it is lost on this side.
  while (received < published - (open?.dropped ?? 0)) {
    received += (await stream.next()).value?.length ?? 0;
  }
  assert.equal(received, published - (open?.dropped ?? 0));
  await stream.return();
  await market.untilOpen(0);
});

Deno.test("a call whose signal fires is cancelled", async () => {
  await using harness = await startGrpcHarness();
  using client = new RpcClient({
    host: "127.0.0.1",
    port: harness.server.port,
    tls: false,
  });
  await assert.rejects(
    client.call(getConnectionStatus, {}, AbortSignal.abort()),
    { name: "RpcError", code: "CANCELLED" },
  );
});

Deno.test("one client follows its proxy across a restart", async () => {
  const first = await startGrpcHarness();
  const { port } = first.server;
  using client = new RpcClient({ host: "127.0.0.1", port, tls: false });
  await client.call(getConnectionStatus, {});
  await first[Symbol.asyncDispose]();
  await assert.rejects(client.call(getConnectionStatus, {}), {
    code: "UNAVAILABLE",
  });
  await using _second = await startGrpcHarness({ port });
  const { status } = await client.call(getConnectionStatus, {});
  assert.equal(status?.feeds.length, 3);
});
