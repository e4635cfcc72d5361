/**
 * Why a session could not be opened or has ended.
 *
 * @module
 */
import { errorText, type UpstreamError } from "../subscription/pairs.ts";

/**
 * Reasons for a failed session, as the `error_type` label spells them. Only three of them change
 * how the proxy retries (`backoff.ts`):
 *
 * - `rate_limited`: Alpaca limits connection attempts (HTTP 429).
 * - `connection_limit`: another session uses the account's only connection (406), often a ghost
 *   session of this proxy, which Alpaca drops after about 90 s.
 * - `auth`: credentials, plan or scope (402, 409, 411, 412, `unauthorized`), which only the
 *   operator can correct.
 */
export const FAILURE_TYPES = [
  "dial",
  "rate_limited",
  "timeout",
  "auth",
  "connection_limit",
  "heartbeat",
  "closed",
  "upstream_error",
] as const;

/** One reason for a failed session. */
export type FailureType = typeof FAILURE_TYPES[number];

const TYPE_BY_CODE: ReadonlyMap<number, FailureType> = new Map([
  [402, "auth"],
  [406, "connection_limit"],
  [409, "auth"],
  [411, "auth"],
  [412, "auth"],
  [429, "rate_limited"],
]);

/** The failure that an error code of the stream protocol means. */
export function failureTypeOf(code: number): FailureType {
  return TYPE_BY_CODE.get(code) ?? "upstream_error";
}

/** The error of a session; its message is for operators, once redacted. */
export class FeedFailure extends Error {
  override readonly name = "FeedFailure";
  readonly errorType: FailureType;
  /** Ms that Alpaca asks to wait before the next attempt, if it does. */
  readonly retryAfterMs: number | undefined;
  /** What an operator can do, where more is known than the type. */
  readonly remedy: string | undefined;

  constructor(
    message: string,
    { errorType, retryAfterMs, remedy, cause }: {
      readonly errorType: FailureType;
      readonly retryAfterMs?: number | undefined;
      readonly remedy?: string | undefined;
      readonly cause?: unknown;
    },
  ) {
    super(message, { cause });
    this.errorType = errorType;
    this.retryAfterMs = retryAfterMs;
    this.remedy = remedy;
  }

  /**
   * Returns the failure without secrets: Alpaca's text may quote what it was sent. The cause and
   * the stack are dropped, because they repeat the text.
   */
  redacted(redact: (text: string) => string): FeedFailure {
    const { errorType, retryAfterMs, remedy } = this;
    return new FeedFailure(redact(this.message), { errorType, retryAfterMs, remedy });
  }
}

/** The failure of a session that an error of Alpaca ends. */
export function failureOfUpstream(error: UpstreamError): FeedFailure {
  return new FeedFailure(errorText(error), { errorType: failureTypeOf(error.code) });
}

/** Converts anything that was thrown to a failure. */
export function toFailure(error: unknown): FeedFailure {
  if (error instanceof FeedFailure) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new FeedFailure(message, { errorType: "dial", cause: error });
}
