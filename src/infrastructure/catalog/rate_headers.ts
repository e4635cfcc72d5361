/**
 * How long upstream asks us to wait, by the headers of an answer: `Retry-After`
 * and Alpaca's `X-RateLimit-Reset`, a Unix time in seconds.
 *
 * @module
 */
import { parseRetryAfter } from "../../domain/connection/retry_after.ts";

/** ms until the time `Retry-After` names; `undefined` when it names none. */
export function retryAfterMs(
  headers: Headers,
  nowMs: number,
): number | undefined {
  return parseRetryAfter(headers.get("retry-after"), nowMs);
}

/** ms until the rate window ends; `undefined` when the headers do not say. */
export function windowLeftMs(
  headers: Headers,
  nowMs: number,
): number | undefined {
  const seconds = numberIn(headers, "x-ratelimit-reset");
  if (seconds === undefined || seconds <= 0) return undefined;
  return Math.max(0, seconds * 1000 - nowMs);
}

/** Whether an answer says that no request is left in this window. */
export function isUsedUp(headers: Headers): boolean {
  return numberIn(headers, "x-ratelimit-remaining") === 0;
}

function numberIn(headers: Headers, name: string): number | undefined {
  const text = headers.get(name)?.trim();
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
