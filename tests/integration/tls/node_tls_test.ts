/** What node:tls of Deno does that the proxy works around. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";
import { secureServerSocket } from "../../../src/infrastructure/tls/server_socket.ts";
import { keyPair, PROXY_CA } from "../../support/proxy_certificates.ts";

const secureContext = createSecureContext(keyPair("proxy"));

/** As node:tls makes it, and as the proxy does. */
const kinds = {
  node: (raw: Socket) => new TLSSocket(raw, { isServer: true, secureContext }),
  proxy: (raw: Socket) =>
    secureServerSocket(raw, {
      secureContext,
      protocols: [],
      requestsCertificate: false,
      requiresCertificate: false,
    }),
};

/** A server whose first connection is secured, and a client of it. */
async function connectPair(secure: (raw: Socket) => TLSSocket) {
  const accepted = Promise.withResolvers<TLSSocket>();
  const server = createServer((raw) => {
    raw.on("error", () => {});
    const secured = secure(raw);
    secured.on("error", () => {});
    secured.once("secure", () => accepted.resolve(secured));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const client = await Deno.startTls(conn, { hostname: "localhost", caCerts: [PROXY_CA] });
  await client.handshake();
  return {
    client,
    secured: await accepted.promise,
    [Symbol.asyncDispose]: () => {
      try {
        client.close();
      } catch {
        // The server has closed it.
      }
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** How a client learns that its connection is reset. */
async function endAfterReset(secure: (raw: Socket) => TLSSocket): Promise<string> {
  await using pair = await connectPair(secure);
  pair.secured.resetAndDestroy();
  return await pair.client.read(new Uint8Array(1)).then(String, (error) => error.name);
}

/** Bytes that a client can send while the server does not read, at most 32 MiB. */
async function sentWhilePaused(secure: (raw: Socket) => TLSSocket): Promise<number> {
  await using pair = await connectPair(secure);
  pair.secured.once("data", () => pair.secured.pause());
  const piece = new Uint8Array(65_536);
  let sent = 0;
  while (sent < 32 * 1_048_576) {
    const late = Promise.withResolvers<"late">();
    const timer = setTimeout(() => late.resolve("late"), 500);
    const write = pair.client.write(piece).catch(() => 0);
    const size = await Promise.race([write, late.promise]);
    clearTimeout(timer);
    if (size === "late") {
      pair.secured.destroy();
      await write;
      break;
    }
    sent += size;
  }
  pair.secured.destroy();
  return sent;
}

Deno.test("node:tls ends a connection in place of resetting it", async () => {
  assert.notEqual(await endAfterReset(kinds.node), "ConnectionReset");
});

Deno.test("a reset of a secured connection is a TCP reset", async () => {
  assert.equal(await endAfterReset(kinds.proxy), "ConnectionReset");
});

Deno.test("node:tls reads from a client while it is paused", async () => {
  assert.equal(await sentWhilePaused(kinds.node), 32 * 1_048_576);
});

Deno.test("a client of a paused connection has to wait", async () => {
  const sent = await sentWhilePaused(kinds.proxy);
  // What the buffers of the system take.
  assert.ok(sent < 16 * 1_048_576, `${sent}`);
});
