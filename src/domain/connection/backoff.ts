/**
 * How long to wait before the next attempt, as a pure function of what
 * happened, how often, and a random number.
 *
 * @module
 */
import type { FailureKind } from "./failure.ts";

/** Bounds of the exponential schedule. */
export interface BackoffSettings {
  readonly initialDelayMs: number;
  readonly maxDelayMs: number;
  /** Growth per attempt, at least 1. */
  readonly multiplier: number;
}

/**
 * Waits after a connection-limit refusal: the first ones are short because a
 * clean close frees the place within seconds, together they outlast the 90 s
 * for which upstream keeps a ghost session.
 */
const CONNECTION_LIMIT_DELAYS_MS: readonly number[] = [
  5_000,
  10_000,
  15_000,
  20_000,
  25_000,
  30_000,
];

/** A person has to act first; asking once a minute notices when one has. */
const REFUSED_DELAY_MS = 60_000;

/** First wait after a refusal that is doubted; it doubles up to a minute. */
const DOUBTED_DELAY_MS = 500;

/** How long after a login that succeeded a refused one is doubted, in ms. */
const TRUST_MS = 24 * 3_600_000;

/** Upstream that asks for fewer attempts gets at least this much peace. */
const RATE_LIMITED_FLOOR_MS = 2_000;

/** A longer wait that upstream asks for would be an outage of its own. */
const LONGEST_ASKED_MS = 300_000;

/**
 * Whether a refused login is more likely trouble of upstream than a bad key:
 * the same key was accepted within the last 24 hours, and was not yet refused
 * so often in a row that the wait has grown to a minute.
 */
export function isDoubted(refusal: {
  /** Refusals in a row, at least 1. */
  readonly count: number;
  /** Ms since the key was last accepted; `undefined` when it never was. */
  readonly sinceAcceptedMs: number | undefined;
}): boolean {
  const { count, sinceAcceptedMs } = refusal;
  return sinceAcceptedMs !== undefined && sinceAcceptedMs <= TRUST_MS &&
    doubtedBound(count) < REFUSED_DELAY_MS;
}

/**
 * Milliseconds to wait before attempt number `attempt` (1 is the first retry).
 *
 * Transient failures use full jitter: anything from 0 to the exponential
 * bound, so that many clients never return in step. Rate limits keep at least
 * half of the bound, and so do refusals that are doubted, whose bound starts at
 * half a second on any settings. The others follow their own
 * schedules with up to 10 % on top. What upstream itself asks for
 * (`Retry-After`, up to five minutes) is the least, for every kind.
 *
 * @param random a number in [0, 1)
 */
export function backoffDelay(
  failure: {
    readonly kind: FailureKind;
    readonly attempt: number;
    readonly retryAfterMs?: number | undefined;
    /** Doubted refusals in a row; absent when the refusal is believed. */
    readonly doubted?: number | undefined;
  },
  options: { readonly settings: BackoffSettings; readonly random: number },
): number {
  const asked = Math.min(failure.retryAfterMs ?? 0, LONGEST_ASKED_MS);
  return Math.max(
    ownDelay(failure, options),
    asked * (1 + options.random / 10),
  );
}

function ownDelay(
  failure: Parameters<typeof backoffDelay>[0],
  options: { readonly settings: BackoffSettings; readonly random: number },
): number {
  const { settings, random } = options;
  const attempt = Math.max(1, failure.attempt);
  switch (failure.kind) {
    case "transient":
      return random *
        exponentialBound(settings.initialDelayMs, attempt, settings);
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
    case "refused": {
      if (failure.doubted === undefined) {
        return REFUSED_DELAY_MS * (1 + random / 10);
      }
      return doubtedBound(failure.doubted) * (1 + random) / 2;
    }
  }
}

function doubtedBound(count: number): number {
  const growth = 2 ** Math.min(Math.max(0, count - 1), 30);
  return Math.min(DOUBTED_DELAY_MS * growth, REFUSED_DELAY_MS);
}

function exponentialBound(
  initialMs: number,
  attempt: number,
  settings: BackoffSettings,
): number {
  // Growth overflows to Infinity after enough attempts, and 0 of that is NaN.
  const growth = Math.min(
    settings.multiplier ** (attempt - 1),
    Number.MAX_SAFE_INTEGER,
  );
  const grown = initialMs * growth;
  return Math.min(grown, Math.max(settings.maxDelayMs, initialMs));
}
