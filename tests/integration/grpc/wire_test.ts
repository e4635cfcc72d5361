/** Behaviour that only a client without a gRPC library can observe. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { headerBlock } from "../../../scripts/rig/hpack.ts";
import { ERROR_CODES, Flag, FrameClient, numberAt, Type } from "../../support/frame_client.ts";
import { GOLDEN_QUOTE } from "../../support/grpc_events.ts";
import {
  type BareClient,
  bareClient,
  pathOf,
  startGrpcHarness,
} from "../../support/grpc_client.ts";

Deno.test("response headers arrive before any message exists", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  for (
    const method of [
      "StreamQuotes",
      "StreamTrades",
      "StreamBars",
      "StreamOptionQuotes",
      "StreamOptionTrades",
      "StreamOrderUpdates",
    ]
  ) {
    const headers = await client.request(pathOf(method)).headers;
    assert.equal(headers[":status"], 200, method);
    assert.equal(headers["grpc-status"], undefined, method);
  }
});

Deno.test("both request content types are answered with application/grpc", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  for (const type of ["application/grpc", "application/grpc+proto"]) {
    const stream = client.request(pathOf("StreamQuotes"), {
      "content-type": type,
    });
    assert.equal((await stream.headers)["content-type"], "application/grpc");
    const unary = client.request(pathOf("GetConnectionStatus"), {
      "content-type": type,
    });
    assert.equal((await unary.headers)["content-type"], "application/grpc");
    assert.equal((await unary.trailers)["grpc-status"], "0");
  }
});

Deno.test("a status without headers before it is application/grpc too", async () => {
  await using harness = await startGrpcHarness();
  harness.server.drain();
  await using client = await bareClient(harness);
  const headers = await client.request(pathOf("StreamQuotes")).headers;
  assert.equal(headers["grpc-status"], "14");
  assert.equal(headers["content-type"], "application/grpc");
});

Deno.test("calls that are rejected before their handler are application/grpc too", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  const unknown = client.request(pathOf("NoSuchMethod"));
  const late = client.request(pathOf("StreamQuotes"), { "grpc-timeout": "x" });
  const codes = [];
  for (const { headers } of [unknown, late]) {
    const received = await headers;
    assert.equal(received["content-type"], "application/grpc");
    codes.push(received["grpc-status"]);
  }
  assert.deepEqual(codes, ["12", "13"]);
});

Deno.test("a request that is not gRPC is refused with an HTTP error", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  const status = async (headers: Record<string, string>) => {
    const call = client.request(pathOf("GetConnectionStatus"), headers);
    const received = await call.headers;
    const body = await text(call.stream);
    return {
      status: received[":status"],
      explained: body.includes("gRPC alone"),
    };
  };
  for (
    const type of [
      "application/json",
      "text/plain",
      "application/grpc-web",
      "application/grpc-web+proto",
      "application/grpc+json",
      "",
    ]
  ) {
    const answer = await status({ "content-type": type });
    assert.deepEqual(answer, { status: 415, explained: true }, type);
  }
  assert.equal((await status({ ":method": "PUT" })).status, 405);
  const grpc = { "content-type": "application/grpc+proto; charset=utf-8" };
  assert.equal((await status(grpc)).status, 200);
});

Deno.test("a HEAD request has no data in its response", async () => {
  await using harness = await startGrpcHarness();
  await using client = await FrameClient.connect(harness.server.port);
  const path = [[":method", "HEAD"], [":scheme", "http"], [":path", "/"]] as const;
  const block = headerBlock([...path, [":authority", "localhost"]]);
  // The request is not complete.
  const flags = Flag.endHeaders;
  client.sendFrame(Type.headers, { stream: 1, flags, payload: [...block] });
  await client.until(() => client.of(Type.rstStream, 1).length > 0);
  const [headers, reset, ...more] = client.frames.filter(({ stream }) => stream === 1);
  assert.equal(headers?.flags, Flag.endHeaders | Flag.endStream);
  assert.equal(reset && ERROR_CODES[numberAt(reset, 0)], "NO_ERROR");
  assert.deepEqual(more, []);
});

Deno.test("a message is framed with its length and sent immediately", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  const { stream, headers } = client.request(pathOf("StreamQuotes"));
  await headers;
  await harness.market.untilOpen(1);
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  const [frame] = await once(stream, "data") as [Uint8Array];
  assert.equal(
    new Uint8Array(frame).toHex(),
    "0000000037" +
      "0a350a044141504c120b08a08494ad0610959aef3a1a0151210000000000c86240280332015039713d0ad7a3c8624040044a0152520143",
  );
});

Deno.test("an unknown method is UNIMPLEMENTED", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  for (
    const path of [
      "/cream.v1.ScannerService/StreamScannerAlerts",
      "/cream.v1.ScannerService/GetScannerStatus",
      "/cream.v1.ScannerService/ReloadScannerConfig",
      pathOf("NoSuchMethod"),
    ]
  ) {
    const { headers, trailers } = client.request(path);
    assert.equal((await headers)[":status"], 200);
    assert.equal((await trailers)["grpc-status"], "12", path);
  }
});

/** Sends pings in rounds, because a client may have only ten unanswered. */
async function ping(client: BareClient, rounds: number): Promise<number> {
  let answered = 0;
  for (let round = 0; round < rounds; round++) {
    await Promise.all(Array.from({ length: 10 }, () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      client.session.ping((error) => {
        if (error === null) answered++;
        resolve();
      });
      return promise;
    }));
  }
  return answered;
}

Deno.test("600 pings are answered and not limited, with streams and without", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  assert.equal(await ping(client, 30), 300);
  const { stream, headers } = client.request(pathOf("StreamQuotes"));
  await headers;
  assert.equal(await ping(client, 30), 300);
  await harness.market.untilOpen(1);
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  await once(stream, "data");
});

Deno.test("300 streams on one connection all receive", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  const calls = Array.from(
    { length: 300 },
    () => client.request(pathOf("StreamQuotes")),
  );
  await Promise.all(calls.map(({ headers }) => headers));
  await harness.market.untilOpen(300);
  const received = calls.map(({ stream }) => once(stream, "data"));
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  const frames = await Promise.all(received);
  for (const [frame] of frames) assert.equal(frame.length, 60);
});

Deno.test("a connection that does not send HTTP/2 affects no other", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  const stranger = connect(harness.server.port, "127.0.0.1");
  stranger.on("error", () => {});
  const gone = once(stranger, "close");
  stranger.resume();
  stranger.end("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await gone;
  const { trailers } = client.request(pathOf("GetConnectionStatus"));
  assert.equal((await trailers)["grpc-status"], "0");
});

/** The client's preface and its empty SETTINGS. */
const PREFACE = new TextEncoder().encode(
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
);
/** GOAWAY of stream 0 without an error. */
const GOAWAY = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

Deno.test("clients that connect and leave affect no other", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  for (let i = 0; i < 50; i++) {
    const socket = connect(harness.server.port, "127.0.0.1");
    socket.on("error", () => {});
    const gone = once(socket, "close");
    await once(socket, "connect");
    socket.resume();
    socket.end(new Uint8Array([...PREFACE, ...GOAWAY]));
    await gone;
  }
  const { trailers } = client.request(pathOf("GetConnectionStatus"));
  assert.equal((await trailers)["grpc-status"], "0");
});

Deno.test("a request that is not protobuf is rejected", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  const stream = client.open(pathOf("StreamQuotes"));
  const response = once(stream, "response");
  stream.end(new Uint8Array([0, 0, 0, 0, 2, 0xff, 0xff]));
  const [headers] = await response;
  assert.equal(headers["grpc-status"], "13");
  assert.equal(harness.market.streams.size, 0);
});

Deno.test("a compressed request is read, a bomb refused, a response never compressed", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  const ask = async (message: Uint8Array) => {
    const packed = gzipSync(message);
    const prefix = Buffer.alloc(5);
    prefix.writeUInt8(1);
    prefix.writeUInt32BE(packed.length, 1);
    const stream = client.open(pathOf("StreamQuotes"), {
      "grpc-encoding": "gzip",
      "grpc-accept-encoding": "gzip,br",
    });
    stream.on("error", () => {});
    const response = once(stream, "response");
    stream.end(Buffer.concat([prefix, packed]));
    const [headers] = await response;
    return { stream, headers };
  };
  const aapl = new Uint8Array([0x0a, 4, ...Buffer.from("AAPL")]);
  const { stream, headers } = await ask(aapl);
  assert.equal(headers["grpc-encoding"], "identity");
  await harness.market.untilOpen(1);
  assert.deepEqual([...harness.market.streams][0]?.filter.symbols, ["AAPL"]);
  harness.market.publish("stockQuotes", GOLDEN_QUOTE);
  const [frame] = await once(stream, "data");
  assert.equal(frame[0], 0, "not compressed");

  const bomb = await ask(new Uint8Array(5 * 1024 * 1024));
  assert.equal(bomb.headers["grpc-status"], "8");
});

Deno.test("a request above 4 MiB is RESOURCE_EXHAUSTED", async () => {
  await using harness = await startGrpcHarness();
  await using client = await bareClient(harness);
  const stream = client.open(pathOf("StreamQuotes"));
  stream.on("error", () => {});
  const response = once(stream, "response");
  // The length alone is enough: five mebibytes are announced.
  stream.write(new Uint8Array([0, 0, 0x50, 0, 0, 0]));
  const [headers] = await response;
  assert.equal(headers["grpc-status"], "8");
});
