/**
 * What node:http2 of Deno 2.9.6 does without the workarounds in
 * `src/infrastructure/grpc/http2_workarounds`. A test that fails shows that a
 * workaround can go.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect, createServer, type ServerHttp2Stream, type ServerOptions } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Flag, FrameClient, Type } from "../../support/frame_client.ts";
import { SmallWindowClient } from "../../support/small_window_client.ts";
import { until } from "../../support/until.ts";

/** A server of node:http2 alone. */
async function serve(
  onStream: (stream: ServerHttp2Stream) => void,
  options: ServerOptions = {},
) {
  const server = createServer(options);
  const sockets: Socket[] = [];
  server.on("connection", (socket: Socket) => sockets.push(socket));
  server.on("session", (session) => session.on("error", () => {}));
  server.on("stream", (stream) => {
    stream.on("error", () => {});
    onStream(stream as ServerHttp2Stream);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

Deno.test("node:http2 opens all streams of a chunk in one turn", async () => {
  let opened = 0;
  let openedInTurn = 0;
  await using server = await serve(() => {
    if (opened++ === 0) setImmediate(() => openedInTurn = opened);
  });
  await using client = await FrameClient.connect(server.port);
  await client.roundTrip();
  client.socket.cork();
  for (let i = 0; i < 400; i++) client.open("/");
  client.socket.uncork();
  await until("all are open", () => opened === 400);
  assert(openedInTurn > 100, `${openedInTurn} of 400`);
});

Deno.test("node:http2 ends a connection for 200 kB of metadata", async () => {
  await using server = await serve((stream) => stream.respond());
  const session = connect(`http://127.0.0.1:${server.port}`);
  session.on("error", () => {});
  let ended = false;
  session.once("close", () => ended = true);
  // Not of the characters that HPACK makes shorter.
  const request = session.request({ "x-large": "{|}~".repeat(50_000) });
  request.on("error", () => {});
  await until("the connection ends", () => ended);
});

Deno.test("node:http2 writes each frame to the socket by itself", async () => {
  const streams: ServerHttp2Stream[] = [];
  await using server = await serve((stream) => {
    stream.respond();
    streams.push(stream);
  });
  await using client = await FrameClient.connect(server.port);
  for (let i = 0; i < 10; i++) client.open("/");
  await client.until(() => client.of(Type.headers).length === 10);
  const [socket] = server.sockets;
  assert(socket);
  let writes = 0;
  const { write } = socket;
  socket.write = ((...args: Parameters<typeof write>) => {
    writes++;
    return write.apply(socket, args);
  }) as typeof write;
  for (const stream of streams) stream.write("a");
  await client.until(() => client.of(Type.data).length === 10);
  assert(writes >= 10, `${writes} writes`);
});

Deno.test("node:http2 fills the socket of a client that does not read", async () => {
  const chunk = Buffer.alloc(65_536);
  let most = 0;
  await using server = await serve((stream) => {
    let written = 0;
    stream.respond();
    const next = () => {
      most = Math.max(most, server.sockets[0]?.writableLength ?? 0);
      written += chunk.length;
      if (written < 64 * 2 ** 20) stream.write(chunk, next);
    };
    next();
  });
  await using client = await FrameClient.connect(server.port, {
    connectionWindow: 2 ** 31 - 1,
  });
  await client.roundTrip();
  client.socket.pause();
  client.open("/");
  await until("the socket is full", () => most > 8 * 2 ** 20);
});

Deno.test("node:http2 never closes a writing stream that is reset with NO_ERROR", async () => {
  let closed = false;
  await using server = await serve((stream) => {
    stream.once("close", () => closed = true);
    stream.respond();
    stream.write(Buffer.alloc(1_000));
  });
  await using client = await FrameClient.connect(server.port, {
    streamWindow: 10,
  });
  const stream = client.open("/");
  await client.until(() => client.of(Type.data).length > 0);
  client.reset(stream, 0);
  await client.roundTrip();
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  assert.equal(closed, false);
});

Deno.test("node:http2 sends the data of the oldest stream first", async () => {
  const chunk = Buffer.alloc(512 * 1024);
  await using server = await serve((stream) => {
    stream.respond();
    const next = (error?: Error | null) => {
      if (!error) stream.write(chunk, next);
    };
    next();
  });
  await using client = await SmallWindowClient.connect(server.port);
  for (let i = 0; i < 2; i++) client.open("/");
  let granted = 65_535;
  await client.until(granted);
  for (let round = 0; round < 20; round++) {
    client.grant(20_000);
    await client.until(granted += 20_000);
  }
  const [oldest = 0, youngest = 0] = client.received;
  assert(youngest < oldest / 4, `received ${client.received.join(", ")} bytes`);
});

Deno.test("node:http2 ends a connection that opens many streams above the limit", async () => {
  await using server = await serve((stream) => stream.respond(), {
    settings: { maxConcurrentStreams: 10 },
  });
  await using client = await FrameClient.connect(server.port);
  for (let i = 0; i < 3_000; i++) client.open("/");
  await until(
    "the connection ends",
    () => client.end !== undefined || client.of(Type.goaway).length > 0,
  );
});

Deno.test("node:http2 ends a connection for data of streams that are over", async () => {
  await using server = await serve((stream) => {
    stream.respond({}, { endStream: true });
    stream.close();
  });
  await using client = await FrameClient.connect(server.port);
  const isGone = () => client.end !== undefined || client.of(Type.goaway).length > 0;
  for (let i = 0; i < 2_000 && !isGone(); i++) {
    const stream = client.open("/", { isDataLater: true });
    await client.until(() => client.of(Type.headers, stream).length > 0 || isGone());
    client.sendFrame(Type.data, { stream, flags: Flag.endStream, payload: [0, 0, 0, 0, 0] });
  }
  await until("the connection ends", isGone);
});
