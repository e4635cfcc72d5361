/**
 * An HTTP proxy for CONNECT, and a TLS server in front of another one.
 *
 * @module
 */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { fileURLToPath } from "node:url";

/** Path of the certificate of a CA that signed the one of `localhost` and `alpaca.test`. */
export const CA_FILE: string = pathOf("ca.pem");

function pathOf(name: string): string {
  return fileURLToPath(new URL(`tls/${name}`, import.meta.url));
}

/** A server on a free port of the loopback. */
export interface LocalServer extends AsyncDisposable {
  readonly port: number;
}

async function listen(server: Server): Promise<LocalServer> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Joins two sockets until one of them closes. */
function join(left: Socket, right: Socket): void {
  for (const [one, other] of [[left, right], [right, left]] as const) {
    one.pipe(other);
    one.on("error", () => {});
    one.once("close", () => other.destroy());
  }
}

/**
 * Terminates TLS in front of a port.
 *
 * @param certificate that of an own CA, or one that expired on 2021-01-01
 */
export function startTlsServer(
  port: number,
  certificate: "server.pem" | "expired.pem" = "server.pem",
): Promise<LocalServer> {
  const options = {
    key: Deno.readTextFileSync(pathOf("server.key")),
    cert: Deno.readTextFileSync(pathOf(certificate)),
  };
  return listen(createTlsServer(options, (socket) => join(socket, connect(port, "127.0.0.1"))));
}

/** A proxy, and the heads of the requests that it received. */
export interface ConnectProxy extends LocalServer {
  readonly requests: string[];
}

/** Connects all clients with one port, or answers all with `answer`; "" is no answer. */
export async function startConnectProxy(
  to: { readonly port: number } | { readonly answer: string },
): Promise<ConnectProxy> {
  const requests: string[] = [];
  const server = await listen(createServer((client) => {
    client.on("error", () => {});
    client.once("data", (head) => {
      requests.push(head.toString());
      if ("answer" in to) {
        if (to.answer) client.end(to.answer);
        return;
      }
      const target = connect(to.port, "127.0.0.1");
      target.once("connect", () => {
        client.write("HTTP/1.1 200 OK\r\n\r\n");
        join(client, target);
      });
    });
  }));
  return Object.assign(server, { requests });
}
