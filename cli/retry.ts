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
  if (error.code === "UNAVAILABLE" || error.code === "DEADLINE_EXCEEDED") {
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
  const isHttp = /^HTTP \d+$/.test(error.details) ||
    error.code === "INTERNAL" && /EPIPE|ECONNRESET/.test(error.details);
  return isHttp
    ? `${where} is not a gRPC port (${error.details}); the proxy's is ` +
      `STREAM_PROXY_GRPC_PORT, ${DEFAULT_GRPC_PORT} by default`
    : undefined;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** A short text for common system errors. */
function shortReason(details: string): string {
  return /ECONNREFUSED|connection refused/i.test(details)
    ? "connection refused"
    : /ENOTFOUND|resol(ve|ution)/i.test(details)
    ? "no such host"
    : details;
}
