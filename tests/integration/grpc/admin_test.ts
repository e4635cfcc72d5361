/** `cream.v1.AdminService` over real connections, with identities. */
import assert from "node:assert/strict";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import {
  AdminService,
  ConnectionKind,
  DrainRequest_Action as Action,
  Setting_Source as Source,
} from "../../../src/gen/cream/v1/admin_pb.ts";
import { DeliveryPolicy, StreamProxyService } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { BadRequestSchema, RetryInfoSchema } from "../../../src/gen/google/rpc/error_details_pb.ts";
import { ServerReflection } from "../../../src/gen/grpc/reflection/v1/reflection_pb.ts";
import { systemClock } from "../../../src/infrastructure/clock/system_clock.ts";
import { adminService } from "../../../src/infrastructure/grpc/admin_service.ts";
import { administered, NAMED_ACCESS } from "../../support/administered.ts";
import { GOLDEN_QUOTE } from "../../support/grpc_events.ts";
import { startGrpcHarness } from "../../support/grpc_client.ts";
import { until } from "../../support/until.ts";

async function start() {
  const made = administered(systemClock);
  const admin = adminService({ admin: made.admin, clock: systemClock });
  const harness = await startGrpcHarness({ ...made, admin, access: NAMED_ACCESS });
  const clients = new DisposableStack();
  const leave = new AbortController();
  const ends: Promise<unknown>[] = [];
  /** A client with a connection of its own. */
  const client = (token: string) => {
    const sessionManager = new Http2SessionManager(harness.url);
    const transport = createGrpcTransport({
      baseUrl: harness.url,
      sessionManager,
      interceptors: [(next) => (request) => {
        request.header.set("authorization", `Bearer ${token}`);
        return next(request);
      }],
    });
    clients.defer(() => sessionManager.abort());
    const connection = {
      admin: createClient(AdminService, transport),
      streams: createClient(StreamProxyService, transport),
    };
    /** Opens a stream of quotes; `end` resolves with the error that ends it. */
    const open = (request: Parameters<typeof connection.streams.streamQuotes>[0]) => {
      const received: string[] = [];
      const end = (async () => {
        try {
          for await (const { quote } of connection.streams.streamQuotes(request, leave)) {
            received.push(quote?.symbol ?? "");
          }
        } catch (error) {
          return ConnectError.from(error);
        }
        throw new Error("The stream ended without an error");
      })();
      ends.push(end);
      return { received, end };
    };
    return { ...connection, open };
  };
  return {
    ...made,
    harness,
    client,
    operator: client("operator").admin,
    async [Symbol.asyncDispose]() {
      made.admin[Symbol.dispose]();
      leave.abort();
      await Promise.all(ends);
      await until("the end of the streams", () => harness.server.openCalls === 0);
      clients.dispose();
      await harness[Symbol.asyncDispose]();
    },
  };
}

async function failure(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error("The call did not fail");
}

/** Names of the services that reflection lists. */
async function servicesOf(transport: Transport): Promise<readonly string[]> {
  async function* requests() {
    yield { messageRequest: { case: "listServices", value: "" } } as const;
  }
  const names: string[] = [];
  const reflection = createClient(ServerReflection, transport);
  for await (const { messageResponse } of reflection.serverReflectionInfo(requests())) {
    if (messageResponse.case !== "listServicesResponse") continue;
    names.push(...messageResponse.value.service.map(({ name }) => name));
  }
  return names;
}

Deno.test("without authentication there is no administration, nor in reflection", async () => {
  await using harness = await startGrpcHarness();
  const sessionManager = new Http2SessionManager(harness.url);
  const transport = createGrpcTransport({ baseUrl: harness.url, sessionManager });
  const { code } = await failure(createClient(AdminService, transport).listStreams({}));
  assert.equal(code, Code.Unimplemented);
  const services = await servicesOf(transport);
  assert.ok(services.includes(StreamProxyService.typeName));
  assert.ok(!services.includes(AdminService.typeName));
  sessionManager.abort();
});

Deno.test("only an identity with the grant may administer", async () => {
  await using proxy = await start();
  const { admin } = proxy.client("reader");
  for (
    const call of [
      admin.listStreams({}),
      admin.listConnections({}),
      admin.endStream({ id: "x" }),
      admin.closeConnection({ id: "x" }),
      admin.drain({ action: Action.BEGIN }),
      admin.reconnectFeed({ feed: "sip" }),
      admin.getSettings({}),
      admin.setLogLevel({ level: "debug" }),
    ]
  ) assert.equal((await failure(call)).code, Code.PermissionDenied);
  assert.equal(proxy.drain.reason, undefined);
  assert.deepEqual(proxy.reconnects, []);
  assert.equal(proxy.logControl.level, "info");
});

Deno.test("filters of order streams are listed only for operators with the grant", async () => {
  await using proxy = await start();
  const filter = { symbols: ["TSLA"], orderIds: ["5f3c"] };
  proxy.streams.open("orderUpdates", filter, { onEnd: () => {} });
  const listed = async (token: string) => {
    const { streams: [stream] } = await proxy.client(token).admin.listStreams({});
    return [stream?.filter, stream?.filterSize];
  };
  assert.deepEqual(await listed("operator"), ["TSLA, order 5f3c", 2]);
  assert.deepEqual(await listed("caretaker"), ["hidden: orders are not granted", 0]);
});

Deno.test("streams are listed with client, filter, options and what they were sent", async () => {
  await using proxy = await start();
  const reader = proxy.client("reader");
  const plain = reader.open({ symbols: ["AAPL", "MSFT", "NVDA", "TSLA"] });
  await until("the stream", () => proxy.streams.clients.count === 1);
  reader.open({ symbols: ["AAPL"], options: { delivery: DeliveryPolicy.LATEST, meta: true } });
  await until("both streams", () => proxy.streams.clients.count === 2);
  proxy.channels.stockQuotes.publish(GOLDEN_QUOTE, Date.now());
  await until("the quote", () => plain.received.length === 1);

  const { streams, total, nextPageToken } = await proxy.operator.listStreams({});
  assert.deepEqual([streams.length, total, nextPageToken], [2, 2, ""]);
  const [first, second] = streams;
  assert.ok(first && second);
  assert.equal(first.identity, "reader");
  assert.equal(first.rpc, "StreamQuotes");
  assert.equal(first.filter, "AAPL, MSFT, NVDA and 1 more");
  assert.equal(first.filterSize, 4);
  assert.match(first.peer, /^127\.0\.0\.1:\d+$/);
  assert.match(first.userAgent, /connect-es/);
  assert.equal(first.streamId, undefined);
  assert.deepEqual(first.options, []);
  assert.equal(first.sent, 1n);
  assert.ok(first.bytes > 50n && first.bytes < 200n, `${first.bytes} bytes`);
  assert.equal(second.delivery, DeliveryPolicy.LATEST);
  assert.deepEqual(second.options, ["meta", "delivery"]);
  assert.equal(second.peer, first.peer, "one connection");

  const { connections } = await proxy.operator.listConnections({});
  const connection = connections.find(({ peer }) => peer === first.peer);
  assert.ok(connection);
  assert.deepEqual([connection.streams, connection.identities], [2, ["reader"]]);
  assert.equal(connection.kind, ConnectionKind.GRPC);
  assert.equal(connection.idleSince, undefined);
  assert.ok(connection.bytesSent > 0n && connection.bytesReceived > 0n);
  assert.equal(connections.length, 2, "that of the operator too");
});

Deno.test("a stream that is ended has the reason; others continue; the log has both", async () => {
  await using proxy = await start();
  const reader = proxy.client("reader");
  const stream = reader.open({ symbols: ["AAPL"] });
  const other = reader.open({ symbols: ["MSFT"] });
  await until("both streams", () => proxy.streams.clients.count === 2);
  const { streams } = await proxy.operator.listStreams({});
  const id = streams.find(({ filter }) => filter === "AAPL")?.id ?? "";
  await proxy.operator.endStream({ id, reason: "moved to another replica" });
  const { code, rawMessage } = await stream.end;
  assert.equal(code, Code.Unavailable);
  assert.equal(rawMessage, "Ended by the operator: moved to another replica");
  await until("the other stream", () => proxy.streams.clients.count === 1);
  proxy.channels.stockQuotes.publish({ ...GOLDEN_QUOTE, symbol: "MSFT" }, Date.now());
  await until("its quote", () => other.received.length === 1);

  const [action] = proxy.log.records.filter(({ fields }) => fields["audit"] === "admin");
  assert.deepEqual(
    ["identity", "action", "stream", "stream_identity", "outcome"].map((name) =>
      action?.fields[name]
    ),
    ["operator", "end_stream", id, "reader", "done"],
  );
  const ended = proxy.log.records.find(({ message }) => message === "Stream ended");
  assert.equal(ended?.fields["ended_by"], "proxy");
  assert.equal(
    ended.fields["status"],
    "UNAVAILABLE: Ended by the operator: moved to another replica",
  );
  assert.equal((await failure(proxy.operator.endStream({ id }))).code, Code.NotFound);
});

Deno.test("a connection is closed after its streams have their status", async () => {
  await using proxy = await start();
  const reader = proxy.client("reader");
  const ends = ["AAPL", "MSFT"].map((symbol) => reader.open({ symbols: [symbol] }).end);
  await until("both streams", () => proxy.streams.clients.count === 2);
  const { connections } = await proxy.operator.listConnections({});
  const id = connections.find(({ streams }) => streams === 2)?.id ?? "";
  const { streams } = await proxy.operator.closeConnection({ id, reason: "too many streams" });
  assert.equal(streams, 2);
  for (const { code, rawMessage } of await Promise.all(ends)) {
    assert.equal(code, Code.Unavailable);
    assert.equal(rawMessage, "Its connection was closed by the operator: too many streams");
  }
  await until("the end of the connection", () => proxy.harness.server.connections === 1);
  const again = reader.open({ symbols: ["AAPL"] });
  await until("the next connection", () => proxy.streams.clients.count === 1);
  assert.equal(again.received.length, 0);
});

Deno.test("a draining proxy refuses streams with the reason, and accepts them again", async () => {
  await using proxy = await start();
  const reader = proxy.client("reader");
  const open = reader.open({ symbols: ["AAPL"] });
  await until("the stream", () => proxy.streams.clients.count === 1);
  const begun = await proxy.operator.drain({ action: Action.BEGIN, reason: "upgrade" });
  assert.deepEqual([begun.draining, begun.streams], [true, 1]);
  const { code, rawMessage } = await reader.open({ symbols: ["MSFT"] }).end;
  assert.equal(code, Code.Unavailable);
  assert.equal(rawMessage, "The proxy accepts no new streams: upgrade");
  proxy.channels.stockQuotes.publish(GOLDEN_QUOTE, Date.now());
  await until("a quote of the open stream", () => open.received.length === 1);
  const undone = await proxy.operator.drain({ action: Action.UNDO });
  assert.deepEqual([undone.draining, undone.streams], [false, 1]);
  reader.open({ symbols: ["MSFT"] });
  await until("the new stream", () => proxy.streams.clients.count === 2);
  await proxy.operator.drain({ action: Action.BEGIN, endStreams: true });
  assert.equal((await open.end).code, Code.Unavailable);
  const invalid = await failure(proxy.operator.drain({}));
  assert.equal(invalid.code, Code.InvalidArgument);
  const [detail] = invalid.findDetails(BadRequestSchema);
  assert.equal(detail?.fieldViolations[0]?.field, "action");
  const refused = proxy.log.records.find(({ message }) => message === "Stream refused");
  assert.deepEqual(
    ["identity", "rpc", "status", "reason"].map((name) => refused?.fields[name]),
    ["reader", "StreamQuotes", "UNAVAILABLE", "The proxy accepts no new streams: upgrade"],
  );
});

Deno.test("feeds are reconnected with a limit on the rate", async () => {
  await using proxy = await start();
  await proxy.operator.reconnectFeed({ feed: "sip" });
  const again = await failure(proxy.operator.reconnectFeed({ feed: "sip" }));
  assert.equal(again.code, Code.ResourceExhausted);
  const [retry] = again.findDetails(RetryInfoSchema);
  assert.ok(Number(retry?.retryDelay?.seconds) >= 28);
  assert.deepEqual(proxy.reconnects, ["sip"]);
});

Deno.test("settings have sources and no secrets; the log level is changed for a time", async () => {
  await using proxy = await start();
  const { settings, logLevel } = await proxy.operator.getSettings({});
  assert.deepEqual(
    settings.map(({ name, value, source, variable }) => [name, value, source, variable]),
    [
      ["LOG_LEVEL", "info", Source.ENVIRONMENT, "RUST_LOG"],
      ["ALPACA_KEY", "<set>", Source.DEFAULT, ""],
    ],
  );
  assert.equal(logLevel?.level, "info");
  const duration = { seconds: 0n, nanos: 50_000_000 };
  const changed = await proxy.operator.setLogLevel({ level: "debug", duration });
  assert.equal(changed.logLevel?.level, "debug");
  assert.ok(changed.logLevel.until);
  await until("the end of the time", () => proxy.logControl.level === "info");
});
