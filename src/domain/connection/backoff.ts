/**
 * Computes how long to wait before the next connection attempt from the failure, the number of
 * attempts and a random number.
 *
 * @module
 */
import type { FailureType } from "./failure.ts";

/** Settings of the exponential schedule. */
export interface BackoffSettings {
  readonly initialDelayMs: number;
  readonly maxDelayMs: number;
  /** Growth per attempt, at least 1. */
  readonly multiplier: number;
}

/**
 * Waits after `connection_limit`. The first ones are short because a clean close frees the
 * connection within seconds; their sum exceeds the 90 s for which Alpaca keeps a ghost session.
 */
const CONNECTION_LIMIT_DELAYS_MS: readonly number[] = [
  5_000,
  10_000,
  15_000,
  20_000,
  25_000,
  30_000,
];

/** Wait after `auth`: the operator has to act, which is noticed within a minute. */
const AUTH_DELAY_MS = 60_000;

/** First wait after a doubted `auth` failure; doubles up to `AUTH_DELAY_MS`. */
const DOUBTED_DELAY_MS = 500;

/** How long after a successful login an `auth` failure is doubted. */
const TRUST_MS = 24 * 3_600_000;

/** Lowest first bound after `rate_limited`. */
const RATE_LIMITED_FLOOR_MS = 2_000;

/** Longest `Retry-After` that is followed; more would be an outage in itself. */
const MAX_RETRY_AFTER_MS = 300_000;

/**
 * Whether an `auth` failure is more likely an outage of Alpaca than a bad key: the same key was
 * accepted within the last 24 hours, and the wait after consecutive failures has not grown to a
 * minute yet.
 */
export function isDoubted(failures: {
  /** Consecutive `auth` failures, at least 1. */
  readonly count: number;
  /** Ms since the key was last accepted; `undefined` when it never was. */
  readonly sinceAcceptedMs: number | undefined;
}): boolean {
  const { count, sinceAcceptedMs } = failures;
  return sinceAcceptedMs !== undefined && sinceAcceptedMs <= TRUST_MS &&
    doubtedBound(count) < AUTH_DELAY_MS;
}

/**
 * Returns the milliseconds to wait before attempt number `attempt` (1 is the first retry).
 *
 * Most failures use full jitter: a random part of the exponential bound, so that many proxies do
 * not reconnect simultaneously. `rate_limited` waits at least half of the bound, and so does a
 * doubted `auth`, whose bound starts at 500 ms for any settings. `connection_limit` and `auth` have
 * fixed schedules plus up to 10 %. `Retry-After`, up to five minutes, is the minimum for every
 * type.
 *
 * @param random a number in [0, 1)
 */
export function backoffDelay(
  failure: {
    readonly type: FailureType;
    readonly attempt: number;
    readonly retryAfterMs?: number | undefined;
    /** Consecutive doubted `auth` failures; absent when not doubted. */
    readonly doubted?: number | undefined;
  },
  options: { readonly settings: BackoffSettings; readonly random: number },
): number {
  const minimum = Math.min(failure.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
  return Math.max(scheduledDelay(failure, options), minimum * (1 + options.random / 10));
}

function scheduledDelay(
  failure: Parameters<typeof backoffDelay>[0],
  options: { readonly settings: BackoffSettings; readonly random: number },
): number {
  const { settings, random } = options;
  const attempt = Math.max(1, failure.attempt);
  switch (failure.type) {
    case "rate_limited": {
      const initial = Math.max(settings.initialDelayMs, RATE_LIMITED_FLOOR_MS);
      const bound = exponentialBound(initial, attempt, settings);
      return bound / 2 + random * bound / 2;
    }
    case "connection_limit": {
      const last = CONNECTION_LIMIT_DELAYS_MS.length - 1;
      const delay = CONNECTION_LIMIT_DELAYS_MS[Math.min(attempt - 1, last)] ??
        0;
      return delay * (1 + random / 10);
    }
    case "auth": {
      if (failure.doubted === undefined) {
        return AUTH_DELAY_MS * (1 + random / 10);
      }
      return doubtedBound(failure.doubted) * (1 + random) / 2;
    }
    default:
      return random *
        exponentialBound(settings.initialDelayMs, attempt, settings);
  }
}

function doubtedBound(count: number): number {
  const growth = 2 ** Math.min(Math.max(0, count - 1), 30);
  return Math.min(DOUBTED_DELAY_MS * growth, AUTH_DELAY_MS);
}

function exponentialBound(initialMs: number, attempt: number, settings: BackoffSettings): number {
  // Growth overflows to Infinity after enough attempts, and 0 × Infinity is NaN.
  const growth = Math.min(settings.multiplier ** (attempt - 1), Number.MAX_SAFE_INTEGER);
  const grown = initialMs * growth;
  return Math.min(grown, Math.max(settings.maxDelayMs, initialMs));
}

/**
 * Parses a `Retry-After` header in either form (RFC 9110, 10.2.3): milliseconds to wait, or
 * `undefined` when it is invalid.
 *
 * @param text the header's value
 * @param nowMs the wall clock, which a date is relative to
 */
export function parseRetryAfter(
  text: string | null | undefined,
  nowMs: number,
): number | undefined {
  const value = text?.trim() ?? "";
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1000;
  // A valid date names a month; `Date.parse` accepts more.
  const date = /[A-Za-z]{3}/.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
