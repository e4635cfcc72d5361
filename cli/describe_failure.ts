/**
 * Describes why a call to the proxy failed, and what to do.
 *
 * @module
 */
import { addressText, DEFAULT_GRPC_PORT, type ProxyAddress } from "../client/address.ts";
import type { RpcError } from "../client/rpc_client.ts";

/** Which port of the proxy a client needs. */
export const GRPC_PORT_TEXT =
  `the proxy's gRPC port is STREAM_PROXY_GRPC_PORT, ${DEFAULT_GRPC_PORT} by default`;

/** Why the proxy is not reachable or has ended the stream, with all violations. */
export function describeFailure(
  error: RpcError,
  { address, opened }: { address: ProxyAddress; opened: boolean },
): string {
  const where = addressText(address);
  if (error.code === "RESOURCE_EXHAUSTED" && !opened) {
    return `the proxy at ${where} is at a limit: ${lowerFirst(error.details)}`;
  }
  if (opened) {
    return `the proxy at ${where} ended the stream (${error.message})`;
  }
  if (/^HTTP 50[234]$/.test(error.details)) {
    return `the load balancer at ${where} has no backend (${error.details})`;
  }
  const other = describeOtherServer(address, error);
  if (other !== undefined) return other;
  // connect-node 2.2.0 reports an unreachable host or network as INTERNAL.
  if (
    ["UNAVAILABLE", "DEADLINE_EXCEEDED"].includes(error.code) ||
    error.code === "INTERNAL" && /ENETUNREACH|EHOSTUNREACH|ETIMEDOUT/.test(error.details)
  ) {
    return `no proxy answers at ${where} (${shortReason(error.details)})`;
  }
  const { code, message, violations } = error;
  if (code === "UNAUTHENTICATED") {
    return `the proxy at ${where} refused the client (${message}); ` +
      "set STREAM_PROXY_TOKEN to a valid token";
  }
  // The message has the first violation only.
  return violations.length > 1
    ? [`the proxy at ${where} refused the request (${code}):`, ...violations].join("\n  ")
    : `the proxy at ${where} refused the request (${message})`;
}

/** For a server that is not the proxy, or is with other TLS; undefined when it may be. */
function describeOtherServer(
  address: ProxyAddress,
  error: RpcError,
): string | undefined {
  const where = addressText(address);
  if (/wrong version number|InvalidContentType/i.test(error.details)) {
    return `${where} does not use TLS; omit https://`;
  }
  if (/certificate required/i.test(error.details)) return `${where} ${NEEDS_CERTIFICATE}`;
  // What a port reports that uses TLS, or needs a client certificate, depends on the moment in
  // which it closes the connection.
  const tls = address.tls ? `, or it ${NEEDS_CERTIFICATE}` : ", or it uses TLS (https://)";
  // A server of HTTP/1.1, and a forwarded port without a server behind it.
  if (
    error.code === "CANCELLED" &&
    /^(http\/2 stream closed|the connection was closed)/.test(error.details)
  ) {
    return `${where} closed the connection without an answer: it is not a gRPC port, or ` +
      `nothing runs behind it${tls}; ${GRPC_PORT_TEXT}`;
  }
  if (error.code === "INTERNAL" && /EPIPE|ECONNRESET/.test(error.details)) {
    return `${where} is not a gRPC port (${error.details})${tls}; ${GRPC_PORT_TEXT}`;
  }
  return /^(HTTP \d+$|unsupported content type)/.test(error.details)
    ? `${where} is not a gRPC port (${error.details}); ${GRPC_PORT_TEXT}`
    : undefined;
}

const NEEDS_CERTIFICATE = "requires a client certificate: set STREAM_PROXY_CLIENT_CERT and " +
  "STREAM_PROXY_CLIENT_KEY";

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** Errors of a connection that could not be opened, with their text. */
const UNREACHABLE: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED|connection refused/i, "connection refused"],
  [/ENETUNREACH|network is unreachable/i, "network unreachable"],
  [/EHOSTUNREACH|no route to host/i, "host unreachable"],
  [/ETIMEDOUT|connection timed out/i, "connection timed out"],
  [/ENOTFOUND|resol(ve|ution)/i, "no such host"],
];

function shortReason(details: string): string {
  return UNREACHABLE.find(([pattern]) => pattern.test(details))?.[1] ?? details;
}
