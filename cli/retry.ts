/**
 * When a client of the proxy retries, and how it reports failures.
 *
 * @module
 */
import { addressText, DEFAULT_GRPC_PORT, type ProxyAddress } from "./grpc_client.ts";
import type { RpcError } from "./grpc_client.ts";

/**
 * Statuses of an error in the request itself. Any other status may come from a
 * load balancer, a broken connection or a limit, and is retried.
 */
const PERMANENT: ReadonlySet<string> = new Set([
  "INVALID_ARGUMENT",
  "UNAUTHENTICATED",
  "PERMISSION_DENIED",
  "UNIMPLEMENTED",
  "NOT_FOUND",
  "FAILED_PRECONDITION",
]);

/** Which port of the proxy a client needs. */
export const GRPC_PORT_TEXT =
  `the proxy's gRPC port is STREAM_PROXY_GRPC_PORT, ${DEFAULT_GRPC_PORT} by default`;

const FIRST_DELAY_MS = 500;

/** Longest delay between two attempts, in ms. */
export const MAX_DELAY_MS = 10_000;

/** Whether the same request may succeed later. */
export function isWorthRetrying(error: RpcError): boolean {
  return !PERMANENT.has(error.code);
}

/**
 * The delay before retry number `attempt`, in ms: doubles from half a second to
 * ten seconds, with jitter in its upper half.
 *
 * @param random a number in [0, 1)
 */
export function retryDelay(attempt: number, random: number): number {
  const grown = FIRST_DELAY_MS * 2 ** (Math.max(1, attempt) - 1);
  return Math.min(grown, MAX_DELAY_MS) * (0.5 + random / 2);
}

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
  const other = describeOtherServer(where, error);
  if (other !== undefined) return other;
  // connect-node 2.2.0 reports an unreachable host or network as INTERNAL.
  if (
    ["UNAVAILABLE", "DEADLINE_EXCEEDED"].includes(error.code) ||
    error.code === "INTERNAL" && /ENETUNREACH|EHOSTUNREACH|ETIMEDOUT/.test(error.details)
  ) {
    return `no proxy answers at ${where} (${shortReason(error.details)})`;
  }
  const { code, message, violations } = error;
  // The message has the first violation only.
  return violations.length > 1
    ? [`the proxy at ${where} refused the request (${code}):`, ...violations].join("\n  ")
    : `the proxy at ${where} refused the request (${message})`;
}

/** For a server that is not the proxy; undefined when it may be. */
function describeOtherServer(
  where: string,
  error: RpcError,
): string | undefined {
  if (/wrong version number|InvalidContentType/i.test(error.details)) {
    return `${where} does not use TLS; omit https://`;
  }
  // A server of HTTP/1.1, and a forwarded port without a server behind it.
  if (
    error.code === "CANCELLED" &&
    /^(http\/2 stream closed|the connection was closed)/.test(error.details)
  ) {
    return `${where} closed the connection without an answer: it is not a gRPC port, or ` +
      `nothing runs behind it; ${GRPC_PORT_TEXT}`;
  }
  const isHttp = /^(HTTP \d+$|unsupported content type)/.test(error.details) ||
    error.code === "INTERNAL" && /EPIPE|ECONNRESET/.test(error.details);
  return isHttp ? `${where} is not a gRPC port (${error.details}); ${GRPC_PORT_TEXT}` : undefined;
}

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
