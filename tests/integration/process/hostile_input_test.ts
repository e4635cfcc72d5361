/** Input that no client library sends, and connections that end in the middle of it. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect } from "node:net";
import { startSimulator } from "@alpaca-stream-proxy/simulator";
import { RpcClient } from "../../../client/rpc_client.ts";

import { freePort } from "../../docs/loopback.ts";
import { FREE_PORTS } from "../../support/harness.ts";
import { collect, METHODS } from "../../support/streams.ts";
import { until } from "../../support/until.ts";
import { Child } from "./child.ts";
import { HELLO, hostileStreams } from "./hostile_grpc.ts";
import { type HostileParts, hostileRequests, hostileWebSockets } from "./hostile_http.ts";

/** Connections at a time: those of gRPC have many streams. */
const CONNECTIONS = 40, GRPC_CONNECTIONS = 8;
/** Streams of a connection that do the same; some defects need several. */
const STREAMS = 20;
/** Time between two parts, so that the proxy has handled one before it reads the next, in ms. */
const PAUSE_MS = 20;

const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));

/** Sends the parts, then ends the connection with FIN or with RST. */
async function send(port: number, parts: HostileParts, isReset: boolean): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  const closed = new Promise((resolve) => socket.once("close", resolve));
  await once(socket, "connect");
  socket.setNoDelay(true);
  socket.resume();
  for (const part of parts) {
    if (socket.destroyed) break;
    socket.write(part);
    await pause();
  }
  if (!isReset) {
    socket.end();
    await pause();
    socket.destroy();
  } else if (!socket.destroyed) socket.resetAndDestroy();
  await closed;
}

/** The same on several streams of a connection. */
function* connections(): Generator<[name: string, HostileParts]> {
  const ids = Array.from({ length: STREAMS }, (_, i) => 2 * i + 1);
  for (const [name, partsOf] of hostileStreams()) {
    const streams = ids.map(partsOf);
    const parts = (streams[0] ?? []).map((_, i) =>
      Buffer.from(streams.flatMap((stream) => stream[i] ?? []))
    );
    yield [name, [Buffer.from(HELLO), ...parts]];
  }
}

Deno.test("invalid input ends its connection only", async (t) => {
  await using simulator = await startSimulator({ messagesPerSecond: 200 });
  const websocket = freePort();
  await using child = new Child({
    env: {
      ...simulator.environment(),
      ...FREE_PORTS,
      STREAM_PROXY_WEBSOCKET_PORT: String(websocket),
      OTEL_ENABLED: "false",
    },
  });
  const { ports } = await child.logged("Started");
  const { grpc, health } = ports as { grpc: number; health: number };
  using client = new RpcClient({ host: "127.0.0.1", port: grpc, tls: false });
  await using stream = collect(client, METHODS.streamQuotes);
  await stream.opened;
  for (
    const [name, port, width, cases] of [
      ["gRPC", grpc, GRPC_CONNECTIONS, [...connections()]],
      ["HTTP", health, CONNECTIONS, [...hostileRequests()]],
      ["WebSocket", websocket, CONNECTIONS, [...hostileWebSockets()]],
    ] as const
  ) {
    for (const isReset of [true, false]) {
      await t.step(`${name}, ended with ${isReset ? "RST" : "FIN"}`, async () => {
        for (let at = 0; at < cases.length; at += width) {
          const some = cases.slice(at, at + width);
          await Promise.all(some.map(([, parts]) => send(port, parts, isReset)));
          const { length } = stream.messages;
          await until(
            () => `a quote after one of ${some.map(([each]) => JSON.stringify(each)).join("\n")}`,
            () => stream.messages.length > length || stream.ending() !== undefined,
          );
          const errors = child.log.filter(({ level }) => level === "error");
          const names = some.map(([each]) => each).join("\n");
          assert.deepEqual([stream.ending(), errors], [undefined, []], names);
        }
      });
    }
  }
  await stream.close();
  child.signal("SIGTERM");
  const { code, log, stderr } = await child.ended();
  assert.deepEqual(log.filter(({ level }) => level === "error"), []);
  assert.deepEqual([code, stderr], [0, ""]);
});
