/**
 * A port with TLS in front of a server without it, for clients that connect with TLS only.
 *
 * @module
 */
import type { AddressInfo } from "node:net";
import { connect, type Socket } from "node:net";
import { createServer } from "node:tls";
import { keyPair } from "./proxy_certificates.ts";

/** A running port. */
export interface TlsFront extends AsyncDisposable {
  readonly port: number;
}

/** Starts it. @param target port on loopback */
export async function startTlsFront(target: number): Promise<TlsFront> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
  };
  const server = createServer(keyPair("proxy"), (client) => {
    const behind = connect({ port: target, host: "127.0.0.1" });
    keep(client);
    keep(behind);
    client.once("close", () => behind.destroy());
    behind.once("close", () => client.destroy());
    client.pipe(behind).pipe(client);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}
