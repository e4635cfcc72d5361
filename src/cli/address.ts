/**
 * Where the proxy is, as a user writes it.
 *
 * @module
 */
import { UsageError } from "./usage_error.ts";

/** Address of a proxy's gRPC port. */
export interface ProxyAddress {
  /** Host name, IPv4, or IPv6 in brackets. */
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/** The port that the proxy listens on unless told otherwise. */
export const DEFAULT_GRPC_PORT = 50052;

const ACCEPTED =
  "an address is host:port, host, http://host:port or https://host:port";

/**
 * Reads `localhost:50052`, `[::1]:50052`, `http://host:50052` or
 * `https://host` (TLS).
 *
 * @param source how the user gave it, for the message: `--address`
 * @throws {UsageError} when it is none of these.
 */
export function parseAddress(text: string, source: string): ProxyAddress {
  const refused = () => new UsageError(`${source} ${text}`, ACCEPTED);
  const match =
    /^(?:(https?):\/\/)?(\[[0-9a-fA-F:.]+\]|[0-9A-Za-z._-]+)(?::(\d{1,5}))?\/?$/
      .exec(text);
  const host = match?.[2];
  if (host === undefined) throw refused();
  const tls = match?.[1] === "https";
  const port = match?.[3] === undefined
    ? tls ? 443 : DEFAULT_GRPC_PORT
    : Number(match[3]);
  if (port < 1 || port > 65_535) throw refused();
  return { host, port, tls };
}

/** The address as gRPC and people write it: `localhost:50052`. */
export function addressText(address: ProxyAddress): string {
  return `${address.host}:${address.port}`;
}
