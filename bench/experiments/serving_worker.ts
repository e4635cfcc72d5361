/**
 * One serving thread of the experiment: writes whatever bytes it is given to
 * all of its streams and says when they are taken.
 *
 * @module
 */
import { createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";

/** What a worker says: where it listens, or that a batch is written. */
export type FromWorker = { readonly port: number } | { readonly taken: number };

const scope = globalThis as unknown as {
  postMessage(message: FromWorker): void;
  onmessage: ((event: MessageEvent<Uint8Array>) => void) | null;
};
const streams = new Set<ServerHttp2Stream>();
const server = createServer({ maxSessionMemory: 1_000_000 });
server.on("connection", (socket) => socket.setNoDelay(true));
server.on("session", (session) => session.on("error", () => {}));
server.on("stream", (incoming) => {
  // A server's streams are server streams, which the event's type forgets.
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
  scope.postMessage({ taken: streams.size });
};
server.listen(0, "127.0.0.1", () => {
  scope.postMessage({ port: (server.address() as AddressInfo).port });
});
