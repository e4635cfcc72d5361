/**
 * Addresses of a proxy's gRPC port.
 *
 * @module
 */

/** Address of a proxy's gRPC port. */
export interface ProxyAddress {
  /** Host name, IPv4, or IPv6 in brackets. */
  readonly host: string;
  /** TCP port. */
  readonly port: number;
  /** Whether the connection is encrypted. */
  readonly tls: boolean;
}

/** The default port of the proxy. */
export const DEFAULT_GRPC_PORT = 50052;

/** What an address looks like. */
export const ACCEPTED_ADDRESSES =
  "an address is host:port, host, http://host:port or https://host:port";

/**
 * Reads `localhost:50052`, `[::1]:50052`, `http://host:50052` or
 * `https://host` (TLS); undefined when it is none of these.
 */
export function readAddress(text: string): ProxyAddress | undefined {
  const match = /^(?:(https?):\/\/)?(\[[0-9a-fA-F:.]+\]|[0-9A-Za-z._-]+)(?::(\d{1,5}))?\/?$/
    .exec(text);
  const host = match?.[2];
  if (host === undefined) return undefined;
  const tls = match?.[1] === "https";
  const port = match?.[3] === undefined ? tls ? 443 : DEFAULT_GRPC_PORT : Number(match[3]);
  if (port < 1 || port > 65_535) return undefined;
  return { host, port, tls };
}

/** The address as text: `localhost:50052`. */
export function addressText(address: ProxyAddress): string {
  return `${address.host}:${address.port}`;
}
