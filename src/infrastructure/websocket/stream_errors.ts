/**
 * The errors of Alpaca's market data streams.
 *
 * @module
 */
import { Unauthenticated } from "../../application/access/access.ts";
import { PermissionDenied } from "../../application/access/authorize.ts";
import { QuotaExceeded } from "../../application/feeds/quota_check.ts";
import { IdentityLimitExceeded } from "../../application/limits/identity_usage.ts";
import { OpenedTooOften } from "../../application/limits/opening_rate.ts";
import { FeedDisabled, TooManySymbols } from "../../application/streaming/market_streams.ts";
import type { UpstreamError } from "../../domain/subscription/pairs.ts";

/** Alpaca's text of each code. */
const TEXTS = {
  400: "invalid syntax",
  401: "not authenticated",
  402: "auth failed",
  403: "already authenticated",
  404: "auth timeout",
  405: "symbol limit exceeded",
  406: "connection limit exceeded",
  407: "slow client",
  409: "insufficient subscription",
  410: "invalid subscribe action for this feed",
  411: "insufficient scope",
  412: "option messages are only available in MsgPack format",
  413: "star subscription is not allowed for option quotes",
  500: "internal error",
} as const;

/** A code of an error that this proxy sends. */
type ErrorCode = keyof typeof TEXTS;

/** Errors after which the connection is closed: the client cannot succeed on it. */
export const CLOSING: ReadonlySet<number> = new Set([402, 404, 409]);

/** An error that is sent to the client. */
export class StreamError extends Error {
  override readonly name = "StreamError";
  readonly code: ErrorCode;

  /** @param details follow Alpaca's text */
  constructor(code: ErrorCode, details?: string) {
    super(details === undefined ? TEXTS[code] : `${TEXTS[code]}: ${details}`);
    this.code = code;
  }
}

/** The error for a client whose request failed; 500 for an error of the proxy. */
export function streamErrorOf(error: unknown): UpstreamError {
  const { code, message } = explain(error);
  return { code, message };
}

function explain(error: unknown): StreamError {
  if (error instanceof StreamError) return error;
  if (error instanceof Unauthenticated) {
    // Clients that get 402 do not try again.
    return new StreamError(error.retryAfterMs === undefined ? 402 : 406);
  }
  if (error instanceof PermissionDenied) {
    return new StreamError(error.grant === "feed" ? 409 : 411);
  }
  if (error instanceof FeedDisabled) return new StreamError(409);
  if (error instanceof OpenedTooOften) return new StreamError(406);
  if (error instanceof QuotaExceeded || error instanceof TooManySymbols) {
    return overLimit(error.excess);
  }
  if (error instanceof IdentityLimitExceeded) {
    const { limit, allowed, used, requested } = error.excess;
    if (limit === "streams") return new StreamError(406);
    return overLimit({ limit: allowed, used, requested });
  }
  return new StreamError(500);
}

function overLimit({ limit, used, requested }: {
  readonly limit: number;
  readonly used: number;
  readonly requested: number;
}): StreamError {
  const left = Math.max(0, limit - used);
  return new StreamError(405, `${left} of ${limit} left, ${requested} more requested`);
}
