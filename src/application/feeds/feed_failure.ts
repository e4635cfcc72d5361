/**
 * Why a session could not be had or kept, once sorted: what helps, and how it
 * is counted.
 *
 * @module
 */
import {
  type FailureKind,
  failureKindOf,
} from "../../domain/connection/failure.ts";
import {
  errorText,
  type UpstreamError,
} from "../../domain/subscription/request.ts";
import type { ErrorType } from "../status/counters.ts";

/** A session that failed, in words that are fit for operators once redacted. */
export class FeedFailure extends Error {
  override readonly name = "FeedFailure";
  readonly kind: FailureKind;
  readonly errorType: ErrorType;
  /** Milliseconds that upstream asks to be left alone, if it said so. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    options: {
      readonly kind?: FailureKind;
      readonly errorType: ErrorType;
      readonly retryAfterMs?: number | undefined;
      readonly cause?: unknown;
    },
  ) {
    super(message, { cause: options.cause });
    this.kind = options.kind ?? "transient";
    this.errorType = options.errorType;
    this.retryAfterMs = options.retryAfterMs;
  }

  /**
   * The same failure in words that may be shown. Upstream's words are
   * upstream's: nothing keeps it from quoting what it was sent. The cause and
   * the place where it was thrown stay behind, because they quote them again.
   */
  redacted(redact: (text: string) => string): FeedFailure {
    const { kind, errorType, retryAfterMs } = this;
    const message = redact(this.message);
    return new FeedFailure(message, { kind, errorType, retryAfterMs });
  }
}

const ERROR_TYPE_BY_KIND: Readonly<Record<FailureKind, ErrorType>> = {
  transient: "upstream_error",
  rate_limited: "rate_limited",
  connection_limit: "connection_limit",
  refused: "auth",
};

/** The failure that an upstream error frame causes when it ends a session. */
export function failureOfUpstream(error: UpstreamError): FeedFailure {
  const kind = failureKindOf(error.code);
  return new FeedFailure(errorText(error), {
    kind,
    errorType: ERROR_TYPE_BY_KIND[kind],
  });
}

/** Whatever was thrown, as a failure. */
export function toFailure(error: unknown): FeedFailure {
  if (error instanceof FeedFailure) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new FeedFailure(message, { errorType: "dial", cause: error });
}
