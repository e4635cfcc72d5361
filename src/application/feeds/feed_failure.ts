/**
 * The error of a session that could not be opened or has ended.
 *
 * @module
 */
import { type FailureType, failureTypeOf } from "../../domain/connection/failure.ts";
import { errorText, type UpstreamError } from "../../domain/subscription/pairs.ts";

/** A failed session; its message is for operators, once redacted. */
export class FeedFailure extends Error {
  override readonly name = "FeedFailure";
  readonly errorType: FailureType;
  /** Ms that Alpaca asks to wait before the next attempt, if it does. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    options: {
      readonly errorType: FailureType;
      readonly retryAfterMs?: number | undefined;
      readonly cause?: unknown;
    },
  ) {
    super(message, { cause: options.cause });
    this.errorType = options.errorType;
    this.retryAfterMs = options.retryAfterMs;
  }

  /**
   * Returns the failure without secrets: Alpaca's text may quote what it was sent.
   * The cause and the stack are dropped, because they repeat the text.
   */
  redacted(redact: (text: string) => string): FeedFailure {
    const { errorType, retryAfterMs } = this;
    const message = redact(this.message);
    return new FeedFailure(message, { errorType, retryAfterMs });
  }
}

/** The failure of a session that an error of Alpaca ends. */
export function failureOfUpstream(error: UpstreamError): FeedFailure {
  return new FeedFailure(errorText(error), {
    errorType: failureTypeOf(error.code),
  });
}

/** Converts anything that was thrown to a failure. */
export function toFailure(error: unknown): FeedFailure {
  if (error instanceof FeedFailure) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new FeedFailure(message, { errorType: "dial", cause: error });
}
