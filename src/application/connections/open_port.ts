/**
 * Opens the ports of the proxy, and explains why one cannot be opened.
 *
 * @module
 */
import type { ConnectionLimits } from "./connection_limits.ts";

/** Connections that the system queues until they are accepted. */
export const BACKLOG = 511;

/** What to listen on, and which variable sets it. */
export interface ListenAddress {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** What the port is for: "gRPC". */
  readonly purpose: string;
  /** The environment variable that sets the port. */
  readonly variable: string;
}

/**
 * Thrown when a port cannot be opened; the message has the address, the reason and the variable to
 * change.
 */
export class CannotListen extends Error {
  override readonly name = "CannotListen";

  constructor(address: ListenAddress, cause: unknown) {
    const { host, port, purpose } = address;
    const reason = explain(address, cause as Error & { readonly code?: string });
    super(`Cannot listen on ${host}:${port} for ${purpose}: ${reason}`, {
      cause,
    });
  }
}

/** The part of a server of node:net or node:http that opens its port. */
interface PortServer {
  once(event: "error", listener: (cause: Error) => void): unknown;
  once(event: "close", listener: () => void): unknown;
  off(event: "error", listener: (cause: Error) => void): unknown;
  on(event: "error", listener: (cause: Error) => void): unknown;
  listen(port: number, host: string, backlog: number, listening: () => void): unknown;
  address(): string | { readonly port: number } | null;
}

/**
 * Has a server listen; `connections` receives its failed accepts.
 *
 * @returns the number of the port
 * @throws {CannotListen} when the port is taken or may not be opened
 */
export async function openPort(
  server: PortServer,
  address: ListenAddress,
  connections: ConnectionLimits,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(address.port, address.host, BACKLOG, resolve);
  try {
    await promise;
  } catch (cause) {
    throw new CannotListen(address, cause);
  }
  server.off("error", reject);
  // Node reports a failed accept here; it does not close the port.
  server.on("error", (cause) => connections.acceptFailed(address.purpose, cause));
  connections.servers.add(server);
  server.once("close", () => connections.servers.delete(server));
  const bound = server.address();
  // A TCP server that listens always has an address object.
  return typeof bound === "object" && bound ? bound.port : 0;
}

function explain(
  { variable }: ListenAddress,
  { code, message }: Error & { readonly code?: string },
): string {
  switch (code) {
    case "EADDRINUSE":
      return `another process has the port. Stop it, or set ${variable} to a free port`;
    // Deno 2.9.6 reports EADDRNOTAVAIL as EINVAL.
    case "EADDRNOTAVAIL":
    case "EINVAL":
      return "this machine has no such address. " +
        "Set STREAM_PROXY_HOST to one of its own, or to 0.0.0.0 for all";
    case "ENOTFOUND":
      return "the host name is unknown. Set STREAM_PROXY_HOST to an address";
    case "EACCES":
      return `not permitted. Set ${variable} to a port of 1024 or above`;
  }
  return `${message}. Check STREAM_PROXY_HOST and ${variable}`;
}
