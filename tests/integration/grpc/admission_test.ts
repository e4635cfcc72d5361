/** What clients may use up: streams, unfinished requests, turns of the loop. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Metadata, type ServiceError } from "@grpc/grpc-js";
import { Health } from "../../../src/gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../../src/gen/grpc/reflection/v1/reflection_pb.ts";
import type { AdmissionLimits } from "../../../src/infrastructure/grpc/limits/admission.ts";
import { Flag, frame, FrameClient, numberAt, Type, uint32 } from "../../support/frame_client.ts";
import {
  bareClient,
  DEFAULT_ADMISSION,
  grpcClient,
  type GrpcHarness,
  type GrpcHarnessOptions,
  pathOf,
  RAW,
  startGrpcHarness,
} from "../../support/grpc_client.ts";
import { GOLDEN_QUOTE } from "../../support/grpc_events.ts";

const REFUSED_STREAM = 7;
const QUOTES = pathOf("StreamQuotes");
const CHECK = `/${Health.typeName}/Check`;
const REFLECTION = `/${ServerReflection.typeName}/ServerReflectionInfo`;

function start(
  limits: Partial<AdmissionLimits>,
  more: GrpcHarnessOptions = {},
): Promise<GrpcHarness> {
  return startGrpcHarness({
    ...more,
    admission: { ...DEFAULT_ADMISSION, ...limits },
  });
}

/** The status of a call on a bare connection, headers or trailers. */
async function statusOf(
  client: Awaited<ReturnType<typeof bareClient>>,
  path: string,
) {
  const trailers = await client.request(path).trailers;
  return {
    code: Number(trailers["grpc-status"]),
    message: decodeURI(String(trailers["grpc-message"] ?? "")),
  };
}

/** The warnings about one limit. */
function warnings(harness: GrpcHarness, limit: string) {
  return harness.log.records.filter(({ level, fields }) =>
    level === "warn" && fields.limit === limit
  );
}

/** Opens a stream whose message is announced and not sent. */
function openUnfinished(client: FrameClient, announced: number[]): number {
  const stream = client.open(QUOTES, { halfClose: false });
  client.sendFrame(Type.data, { stream, payload: [0, ...announced] });
  return stream;
}

/** The one reason for refusals at a limit that the log has. */
function reasonOf(harness: GrpcHarness, limit: string): string {
  const lines = warnings(harness, limit);
  assert.equal(lines.length, 1, "one line, however many refusals");
  return String(lines[0]?.fields.reason);
}

Deno.test("the streams that a connection may open are announced", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  await client.request(QUOTES).headers;
  assert.equal(client.session.remoteSettings.maxConcurrentStreams, 1_000);
});

Deno.test("a stream above the connection's limit is refused alone", async () => {
  await using harness = await start({ maxStreamsPerConnection: 3 });
  await using client = await FrameClient.connect(harness.server.port);
  for (let i = 0; i < 4; i++) client.open(QUOTES);
  await client.until(() => client.of(Type.rstStream).length === 1);
  // The settings were read and acknowledged long ago, and are ignored.
  await client.roundTrip();
  client.open(QUOTES);
  await client.until(() => client.of(Type.rstStream).length === 2);
  const refused = client.of(Type.rstStream);
  assert.deepEqual(refused.map(({ stream }) => stream), [7, 9]);
  for (const frame of refused) assert.equal(numberAt(frame, 0), REFUSED_STREAM);
  assert.equal(client.of(Type.goaway).length, 0);
  assert.equal(harness.market.streams.size, 3);
  assert.equal(harness.refusals.streams_per_connection, 2);
  const [line] = warnings(harness, "streams_per_connection");
  assert.match(String(line?.fields.peer), /^127\.0\.0\.1:\d+$/);
  assert.match(
    String(line?.fields.reason),
    /STREAM_PROXY_MAX_STREAMS_PER_CONNECTION/,
  );

  client.reset(1, 8);
  await harness.market.untilOpen(2);
  client.open(QUOTES);
  await harness.market.untilOpen(3);
});

Deno.test("when all streams are used up, the status and health are still answered", async () => {
  await using harness = await start({ maxStreams: 2 });
  await using first = await bareClient(harness);
  await using second = await bareClient(harness);
  const kept = first.request(QUOTES);
  await kept.headers;
  await first.request(QUOTES).headers;
  const { code, message } = await statusOf(second, QUOTES);
  assert.equal(code, 8);
  assert.match(message, /2 open streams.*STREAM_PROXY_MAX_STREAMS/);
  assert.equal(harness.refusals.streams, 1);
  const status = pathOf("GetConnectionStatus");
  assert.equal((await statusOf(second, status)).code, 0);
  assert.equal((await statusOf(second, CHECK)).code, 0);
  kept.cancel();
  await harness.market.untilOpen(1);
  await second.request(QUOTES).headers;
});

Deno.test("a request that does not arrive whole in time ends with DEADLINE_EXCEEDED", async () => {
  await using harness = await start({ requestTimeoutMs: 50 });
  await using client = await FrameClient.connect(harness.server.port);
  const stream = openUnfinished(client, [0, 0, 1, 0]);
  await client.until(() => client.of(Type.rstStream, stream).length === 1);
  assert.equal(client.of(Type.headers, stream).length, 1);
  assert.match(reasonOf(harness, "request_time"), /REQUEST_TIMEOUT_SECS/);
  const [reset] = client.of(Type.rstStream, stream);
  assert.equal(reset && numberAt(reset, 0), 0, "NO_ERROR after the status");
  assert.equal(harness.refusals.request_time, 1);
  client.open(QUOTES);
  await harness.market.untilOpen(1);
});

Deno.test("a connection that never completes its preface is reset in time", async () => {
  await using harness = await start({ requestTimeoutMs: 50 });
  const socket = connectTcp(harness.server.port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write("PRI * HTTP/2.0\r\n");
  const closed = new Promise((resolve) => socket.once("close", resolve));
  await closed;
  assert.equal(harness.refusals.request_time, 1);
});

Deno.test("unfinished requests of all clients share a budget, and small ones pass", async () => {
  await using harness = await start({ maxPendingRequestBytes: 100_000 });
  await using large = await FrameClient.connect(harness.server.port);
  await using other = await FrameClient.connect(harness.server.port);
  const streams = [0, 1, 2, 3].map(() => openUnfinished(large, [0, 1, 0, 0]));
  const payload = new Array<number>(15_000).fill(65);
  for (let i = 0; i < 4; i++) {
    for (const stream of streams) {
      large.sendFrame(Type.data, { stream, payload });
    }
    await large.roundTrip();
    other.open(QUOTES);
    await harness.market.untilOpen(i + 1);
  }
  const ended = streams.filter((id) => large.of(Type.headers, id).length > 0);
  assert(ended.length >= 2, `${ended.length} of 4 were refused`);
  assert.match(
    reasonOf(harness, "request_bytes"),
    /STREAM_PROXY_MAX_PENDING_REQUEST_MB/,
  );
  assert.equal(harness.refusals.request_bytes, ended.length);
  assert.equal(other.of(Type.rstStream).length, 0);
});

Deno.test("a client that sends without end is cut off", async () => {
  await using harness = await start({});
  await using client = await bareClient(harness);
  const chunk = new Uint8Array(64 * 1024);
  for (const type of ["application/grpc", "application/octet-stream"]) {
    const stream = client.session.request({
      ":method": "POST",
      ":path": QUOTES,
      "content-type": type,
    });
    stream.on("error", () => {});
    stream.resume();
    let sent = 0;
    while (!stream.closed) {
      if (stream.writableLength < 2 ** 20) {
        stream.write(chunk);
        sent += chunk.length;
      }
      await nextTurn();
    }
    assert(sent < 16 * 2 ** 20, `${sent} bytes of ${type}`);
  }
});

Deno.test("200 kB of metadata fail their call and not the connection", async () => {
  await using harness = await startGrpcHarness();
  using client = grpcClient(harness);
  const open = (value?: string) => {
    const metadata = new Metadata();
    if (value) metadata.set("x-large", value);
    const call = client.makeServerStreamRequest(
      QUOTES,
      RAW.serialize,
      RAW.deserialize,
      new Uint8Array(0),
      metadata,
    );
    const failed = new Promise<ServiceError>((resolve) =>
      call.on("error", (error) => resolve(error as ServiceError))
    );
    return { call, failed };
  };
  const kept = open().call;
  await once(kept, "metadata");
  // Not of the characters that HPACK makes shorter.
  for (const bytes of [100_000, 200_000]) {
    const error = await open("{|}~".repeat(bytes / 4)).failed;
    assert.equal(error.code, 8);
    assert.match(error.details, /bytes of metadata; at most 65536/);
  }
  assert.equal(harness.refusals.metadata, 2);
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  await once(kept, "data");
  kept.cancel();
  await harness.market.untilOpen(0);
});

Deno.test("a header block without end ends its connection", async () => {
  await using harness = await startGrpcHarness();
  await using client = await FrameClient.connect(harness.server.port);
  client.sendFrame(Type.headers, { stream: 1, payload: [0x83, 0x86] });
  const payload = new Array<number>(16_000).fill(0);
  for (let i = 0; i < 40; i++) client.sendFrame(9, { stream: 1, payload });
  await client.until(() => client.end !== undefined);
  assert.equal(harness.refusals.metadata, 1);
});

Deno.test("an idle reflection stream has no deadline", async () => {
  await using harness = await start({ requestTimeoutMs: 50 });
  await using client = await FrameClient.connect(harness.server.port);
  const stream = client.open(REFLECTION, { halfClose: false });
  const slow = openUnfinished(client, [0, 0, 1, 0]);
  await client.until(() => client.of(Type.rstStream, slow).length === 1);
  assert.equal(client.of(Type.rstStream, stream).length, 0);
});

Deno.test("streams of one packet are opened over several turns of the event loop", async () => {
  await using harness = await startGrpcHarness();
  await using client = await FrameClient.connect(harness.server.port);
  await client.roundTrip();
  await using good = await bareClient(harness);
  const quotes = good.request(QUOTES);
  await quotes.headers;
  for (let i = 0; i < 400; i++) client.open(pathOf("StreamTrades"));
  let most = 0;
  for (let before = 1; before < 401;) {
    await nextTurn();
    const now = harness.market.streams.size;
    most = Math.max(most, now - before);
    before = now;
  }
  // One of the test spans two of the server: a timer's and an immediate's.
  assert(most <= 2 * 24, `${most} streams were opened in one turn`);
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  await once(quotes.stream, "data");
});

Deno.test("streams of a lost connection end over several turns of the event loop", async () => {
  await using harness = await startGrpcHarness();
  const client = await FrameClient.connect(harness.server.port);
  for (let i = 0; i < 400; i++) client.open(QUOTES);
  await harness.market.untilOpen(400);
  await client[Symbol.asyncDispose]();
  let most = 0;
  for (let before = 400; before > 0;) {
    await nextTurn();
    const now = harness.market.streams.size;
    most = Math.max(most, before - now);
    before = now;
  }
  // One of the test spans two of the server: a timer's and an immediate's.
  assert(most <= 2 * 24, `${most} streams ended in one turn`);
});

Deno.test("streams of a lost connection take no events while they wait to end", async () => {
  await using harness = await startGrpcHarness();
  const client = await FrameClient.connect(harness.server.port);
  for (let i = 0; i < 400; i++) client.open(QUOTES);
  await harness.market.untilOpen(400);
  await client[Symbol.asyncDispose]();
  while (harness.market.streams.size === 400) await nextTurn();
  const all = [...harness.market.streams]
    .map((stream) => ({ stream, sent: stream.sent, batches: 0 }));
  while (harness.market.streams.size > 0) {
    harness.market.publish("stockQuotes", GOLDEN_QUOTE);
    await nextTurn();
    for (const each of all) {
      if (each.stream.sent > each.sent) each.batches++;
      each.sent = each.stream.sent;
    }
  }
  // What is taken first finds the socket closed.
  const most = Math.max(...all.map(({ batches }) => batches));
  assert(most <= 1, `${most} batches of a stream were taken`);
});

Deno.test("20 000 pings end a connection, 900 cancelled streams do not", async () => {
  await using harness = await startGrpcHarness();
  await using wellBehaved = await FrameClient.connect(harness.server.port);
  await using flooding = await FrameClient.connect(harness.server.port);
  for (let i = 0; i < 900; i++) wellBehaved.reset(wellBehaved.open(QUOTES), 8);
  await wellBehaved.roundTrip();
  const ping = [0, 0, 8, Type.ping, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
  const pings = new Array<number[]>(1_000).fill(ping).flat();
  for (let i = 0; i < 20; i++) flooding.send(pings);
  await flooding.until(() => flooding.end !== undefined);
  assert.equal(harness.refusals.frames, 1);
  assert.equal(warnings(harness, "frames").length, 1);
  wellBehaved.open(QUOTES);
  await harness.market.untilOpen(1);
  assert.equal(wellBehaved.end, undefined);
});

Deno.test("3 000 streams opened before the limit is read do not end the connection", async () => {
  await using harness = await startGrpcHarness();
  await using client = await FrameClient.connect(harness.server.port);
  for (let i = 0; i < 3_000; i++) client.open(QUOTES);
  await harness.market.untilOpen(1_000);
  await client.until(() =>
    harness.refusals.streams_per_connection === 2_000 ||
    client.end !== undefined
  );
  await client.roundTrip();
  assert.equal(client.end, undefined);
  assert.equal(client.of(Type.goaway).length, 0);
  assert.equal(harness.market.streams.size, 1_000);
  const refused = client.of(Type.rstStream);
  assert.equal(refused.length, 2_000);
  assert(refused.every((reset) => numberAt(reset, 0) === REFUSED_STREAM));
});

Deno.test("no frames reach HTTP/2 uncounted, inside of an acknowledgement", async () => {
  await using harness = await startGrpcHarness();
  await using client = await FrameClient.connect(harness.server.port);
  const payload = frame(Type.ping, { payload: [1, 2, 3, 4, 5, 6, 7, 8] });
  client.sendFrame(Type.settings, { flags: Flag.ack, payload });
  await client.until(() => client.end !== undefined || client.of(Type.ping).length > 0);
  assert.equal(client.of(Type.ping).length, 0);
});

Deno.test("a request whose length arrives in two parts is read", async () => {
  await using harness = await startGrpcHarness();
  await using client = await FrameClient.connect(harness.server.port);
  const stream = client.open(QUOTES, { halfClose: false, message: [0, 0] });
  await client.roundTrip();
  const symbols = ["A", "B"].flatMap((name) => [10, 1, name.charCodeAt(0)]);
  client.sendFrame(Type.data, {
    stream,
    flags: Flag.endStream,
    payload: [0, 0, symbols.length, ...symbols],
  });
  await client.until(() => client.of(Type.headers, stream).length > 0);
  assert.equal(harness.refusals.request_bytes, 0);
  await harness.market.untilOpen(1);
});

Deno.test("a request that is too large after its headers ends its call only", async () => {
  await using harness = await start({});
  const { port } = harness.server;
  const prefix = [0, ...uint32(6_188_890)];
  for (const [first, rest] of [[prefix, []], [[], prefix], [prefix.slice(0, 3), prefix.slice(3)]]) {
    await using client = await FrameClient.connect(port);
    const streams: number[] = [];
    for (let i = 0; i < 20; i++) {
      streams.push(client.open(QUOTES, { isDataLater: true }));
    }
    await client.roundTrip();
    for (const stream of streams) {
      client.send([
        ...frame(Type.data, { stream, payload: first! }),
        ...frame(Type.data, { stream, payload: rest! }),
        ...frame(Type.data, { stream, payload: new Array(1_000).fill(0) }),
      ]);
    }
    await client.until(() =>
      streams.every((stream) => client.of(Type.headers, stream).length > 0) ||
      client.end !== undefined
    );
    await client.roundTrip();
    assert.equal(client.end, undefined);
  }
});

Deno.test("compressed bytes that arrive with the headers count as expanded", async () => {
  await using harness = await start({ maxPendingRequestBytes: 50_000 });
  await using client = await FrameClient.connect(harness.server.port);
  const stream = client.open(QUOTES, {
    headers: [["grpc-encoding", "gzip"]],
    message: [1, 0, 0, 1, 0, ...new Array<number>(256).fill(0)],
  });
  await client.until(() => client.of(Type.headers, stream).length > 0);
  assert.equal(harness.refusals.request_bytes, 1);
});

Deno.test("a client that does not read is not read either, until it does", async () => {
  await using harness = await start({ maxStreams: 1 });
  await using client = await FrameClient.connect(harness.server.port);
  client.open(QUOTES);
  await client.roundTrip();
  client.socket.pause();
  let opened = 0;
  // The system's buffers take some megabytes of answers.
  while (client.socket.writableLength < 2 ** 20) {
    assert(opened < 200_000, "everything was read");
    for (let i = 0; i < 200; i++, opened++) client.open(QUOTES);
    await nextTurn();
  }
  const { streams } = harness.refusals;
  client.socket.resume();
  await client.until(() => harness.refusals.streams > streams + 1_000);
  assert.equal(client.end, undefined);
});
