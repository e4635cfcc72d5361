/**
 * Clients of the proxy's TLS ports.
 *
 * @module
 */
import { once } from "node:events";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { StreamProxyService } from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import { keyPair, PROXY_CA } from "./proxy_certificates.ts";

/** Trusts the CA of the proxy; with a name such as `client`, it sends that certificate. */
export function credentialsOf(name?: string): Pick<ConnectionOptions, "ca" | "cert" | "key"> {
  return { ca: PROXY_CA, ...name === undefined ? {} : keyPair(name) };
}

/** Connects a connect-node client; disposing closes its connection. */
export function secureClient(
  port: number,
  name?: string,
): Client<typeof StreamProxyService> & Disposable {
  const baseUrl = `https://localhost:${port}`;
  const sessionManager = new Http2SessionManager(baseUrl, {}, credentialsOf(name));
  const transport = createGrpcTransport({ baseUrl, sessionManager });
  return Object.assign(createClient(StreamProxyService, transport), {
    [Symbol.dispose]: () => sessionManager.abort(),
  });
}

/** Completes a handshake with a port. */
export async function secureSocket(
  port: number,
  options: ConnectionOptions = {},
): Promise<TLSSocket> {
  const socket = connect({
    host: "127.0.0.1",
    servername: "localhost",
    port,
    ...credentialsOf(),
    ...options,
  });
  socket.on("error", () => {});
  await once(socket, "secureConnect");
  return socket;
}

/** Subject of the certificate that a port presents to new connections. */
export async function presentedSubject(port: number, protocol: string): Promise<string> {
  const socket = await secureSocket(port, { ALPNProtocols: [protocol] });
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}
