/**
 * One serving thread of the experiment: writes the bytes that it receives to all
 * of its streams and reports when they are written.
 *
 * @module
 */
import { createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";

/** Messages of a worker: its port, or the end of a batch. */
export type FromWorker = { readonly port: number } | {
  readonly written: number;
};

const scope = globalThis as unknown as {
  postMessage(message: FromWorker): void;
  onmessage: ((event: MessageEvent<Uint8Array>) => void) | null;
};
const streams = new Set<ServerHttp2Stream>();
const server = createServer({ maxSessionMemory: 1_000_000 });
server.on("connection", (socket) => socket.setNoDelay(true));
server.on("session", (session) => session.on("error", () => {}));
server.on("stream", (incoming) => {
  // The type of the event does not say that these are server streams.
  const stream = incoming as ServerHttp2Stream;
  stream.respond({ ":status": 200, "content-type": "application/grpc" });
  stream.on("error", () => {});
  streams.add(stream);
});
scope.onmessage = async ({ data }) => {
  await Promise.all(
    Array.from(
      streams,
      (stream) => new Promise<unknown>((done) => stream.write(data, done)),
    ),
  );
  scope.postMessage({ written: streams.size });
};
server.listen(0, "127.0.0.1", () => {
  scope.postMessage({ port: (server.address() as AddressInfo).port });
});
