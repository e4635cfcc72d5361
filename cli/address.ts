/**
 * Parses the address of a proxy.
 *
 * @module
 */
import { UsageError } from "./flags.ts";

/** Address of a proxy's gRPC port. */
export interface ProxyAddress {
  /** Host name, IPv4, or IPv6 in brackets. */
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/** The default port of the proxy. */
export const DEFAULT_GRPC_PORT = 50052;

const ACCEPTED = "an address is host:port, host, http://host:port or https://host:port";

/**
 * Reads `localhost:50052`, `[::1]:50052`, `http://host:50052` or
 * `https://host` (TLS).
 *
 * @param source where it was set, for the message: `--address`
 * @throws {UsageError} when it is none of these
 */
export function parseAddress(text: string, source: string): ProxyAddress {
  const invalid = () => new UsageError(`${source} ${text}`, ACCEPTED);
  const match = /^(?:(https?):\/\/)?(\[[0-9a-fA-F:.]+\]|[0-9A-Za-z._-]+)(?::(\d{1,5}))?\/?$/
    .exec(text);
  const host = match?.[2];
  if (host === undefined) throw invalid();
  const tls = match?.[1] === "https";
  const port = match?.[3] === undefined ? tls ? 443 : DEFAULT_GRPC_PORT : Number(match[3]);
  if (port < 1 || port > 65_535) throw invalid();
  return { host, port, tls };
}

/** The address as text: `localhost:50052`. */
export function addressText(address: ProxyAddress): string {
  return `${address.host}:${address.port}`;
}
