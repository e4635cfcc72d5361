/**
 * When a client of the proxy tries again, and what it tells the user.
 *
 * @module
 */
import {
  addressText,
  DEFAULT_GRPC_PORT,
  type ProxyAddress,
} from "./address.ts";
import type { RpcError } from "./grpc_client.ts";

/**
 * Statuses that name an error in the request itself. Any other status may come
 * from a balancer, a broken connection or a shortage, and is retried.
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

/** Milliseconds that a client waits between two attempts at most. */
export const LONGEST_DELAY_MS = 10_000;

/** Whether the same request may succeed later. */
export function isWorthRetrying(error: RpcError): boolean {
  return !PERMANENT.has(error.code);
}

/**
 * Milliseconds before attempt number `attempt` (1 is the first retry): doubling
 * from half a second up to ten, the upper half of it left to chance.
 *
 * @param random a number in [0, 1)
 */
export function retryDelay(attempt: number, random: number): number {
  const grown = FIRST_DELAY_MS * 2 ** (Math.max(1, attempt) - 1);
  return Math.min(grown, LONGEST_DELAY_MS) * (0.5 + random / 2);
}

/** Why the proxy cannot be reached or has left, in one sentence. */
export function describeEnd(
  error: RpcError,
  { address, opened }: { address: ProxyAddress; opened: boolean },
): string {
  const where = addressText(address);
  if (error.code === "RESOURCE_EXHAUSTED" && !opened) {
    return `the proxy at ${where} has no room: ${lowerFirst(error.details)}`;
  }
  if (opened) {
    return `the proxy at ${where} ended the stream (${error.message})`;
  }
  if (/^HTTP 50[234]$/.test(error.details)) {
    return `a balancer at ${where} has no proxy behind it (${error.details})`;
  }
  const stranger = strangerAt(where, error);
  if (stranger !== undefined) return stranger;
  if (error.code === "UNAVAILABLE" || error.code === "DEADLINE_EXCEEDED") {
    return `no proxy answers at ${where} (${shortReason(error.details)})`;
  }
  return `the proxy at ${where} refused (${error.message})`;
}

/** When somebody answers who is not the proxy; undefined when it may be. */
function strangerAt(where: string, error: RpcError): string | undefined {
  if (/wrong version number|InvalidContentType/i.test(error.details)) {
    return `${where} speaks no TLS; leave https:// out`;
  }
  const isHttp = /^HTTP \d+$/.test(error.details) ||
    error.code === "INTERNAL" && /EPIPE|ECONNRESET/.test(error.details);
  return isHttp
    ? `${where} is no gRPC port (${error.details}); the proxy's is ` +
      `STREAM_PROXY_GRPC_PORT, ${DEFAULT_GRPC_PORT} unless set`
    : undefined;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** What a system says in its own words. */
function shortReason(details: string): string {
  return /ECONNREFUSED|connection refused/i.test(details)
    ? "connection refused"
    : /ENOTFOUND|resol(ve|ution)/i.test(details)
    ? "no such host"
    : details;
}
