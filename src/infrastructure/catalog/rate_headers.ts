/**
 * How long upstream asks us to wait, by the headers of an answer: `Retry-After`
 * and Alpaca's `X-RateLimit-Reset`, a Unix time in seconds.
 *
 * @module
 */
import { parseRetryAfter } from "../../domain/connection/retry_after.ts";

/** Part of a window that is left alone. */
const RESERVE = 0.25;

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

/**
 * Whether an answer says that no request is left for us in this window. A
 * quarter of the window is not ours: the limit is the account's, and its orders
 * count against it too.
 */
export function isUsedUp(headers: Headers): boolean {
  const remaining = numberIn(headers, "x-ratelimit-remaining");
  const limit = numberIn(headers, "x-ratelimit-limit") ?? 0;
  return remaining !== undefined && remaining <= limit * RESERVE;
}

function numberIn(headers: Headers, name: string): number | undefined {
  const text = headers.get(name)?.trim();
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
