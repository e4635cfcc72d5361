/**
 * Converts every error of a call to a gRPC status.
 *
 * Existing clients retry a live stream on UNAVAILABLE and give up on most other codes, so an
 * internal error is UNAVAILABLE; another code means that the same call would fail again.
 *
 * @module
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { type Any, anyPack, durationFromMs } from "@bufbuild/protobuf/wkt";
import { type AuthenticationFailure, Unauthenticated } from "../../application/access/access.ts";
import { PermissionDenied } from "../../application/access/authorize.ts";
import { QuotaExceeded } from "../../application/feeds/quota_check.ts";
import { IdentityLimitExceeded } from "../../application/limits/identity_usage.ts";
import { OpenedTooOften } from "../../application/limits/opening_rate.ts";
import {
  Draining,
  FeedDisabled,
  NoHub,
  OpeningsExceeded,
  type Stall,
  TooManySymbols,
} from "../../application/streaming/market_streams.ts";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  QuotaFailureSchema,
  RetryInfoSchema,
} from "../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";
import { Code } from "./status_code.ts";

/** One invalid field of a request. */
export interface FieldViolation {
  /** Path of the field, for example `symbols[3]`. */
  readonly field: string;
  /** What is wrong, and what is valid. */
  readonly description: string;
}

/** One limit that a request exceeds. */
interface QuotaViolation {
  /** What is limited, for example `feed:sip symbols`. */
  readonly subject: string;
  /** The limit, what is used of it, and by how much it is exceeded. */
  readonly description: string;
}

/** The cause of an error, for programs. */
interface ErrorCause {
  /** In capital letters, for example `TOKEN_EXPIRED`. */
  readonly reason: string;
  /** More about the cause, by name; only what the client has sent. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Machine-readable details of an error. */
interface ErrorDetails {
  /** Sent as a `google.rpc.ErrorInfo`. */
  readonly cause?: ErrorCause;
  /** Least time before a retry, in ms; sent as a `google.rpc.RetryInfo`. */
  readonly retryAfterMs?: number;
  /** Sent as a `google.rpc.BadRequest` if there are any. */
  readonly fields?: readonly FieldViolation[];
  /** Sent as a `google.rpc.QuotaFailure` if there are any. */
  readonly quotas?: readonly QuotaViolation[];
}

/** Ends a call with a status and text that are sent to the client. */
export class CallError extends Error {
  override readonly name = "CallError";
  /** A gRPC status code. */
  readonly code: Code;
  readonly details: ErrorDetails;

  constructor(code: Code, message: string, details: ErrorDetails = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/** Ends a call that the client may retry. */
export function unavailable(message: string): CallError {
  return new CallError(Code.UNAVAILABLE, message);
}

/** Time after which a call that a shortage refuses is to be repeated, in ms. */
const RETRY_AFTER_MS = 5_000;

/**
 * Refuses a call at a limit that others use up, with QuotaFailure and RetryInfo.
 *
 * @param subject what is limited
 * @param description the limit and what is used
 * @param remedy what to do; part of the message only
 */
export function exhausted(subject: string, description: string, remedy: string): CallError {
  const quotas = [{ subject, description }];
  const details = { quotas, retryAfterMs: RETRY_AFTER_MS };
  return new CallError(Code.RESOURCE_EXHAUSTED, `${description}; ${remedy}`, details);
}

/** What a client can do that exceeds what is left for its identity. */
const REMEDIES = {
  share: "request fewer symbols, close other streams of the identity, or have the operator raise " +
    "maxShare of its role",
  pool: "request fewer symbols, or retry when other streams have closed",
};

/** Refuses a client that opens streams too often. */
export function openedTooOften({ scope, message, retryAfterMs }: OpenedTooOften): CallError {
  const quotas = [{ subject: `openings of the ${scope}`, description: message }];
  return new CallError(Code.RESOURCE_EXHAUSTED, message, { quotas, retryAfterMs });
}

function overIdentityLimit({ excess, message, isTransient }: IdentityLimitExceeded): CallError {
  const subject = `${excess.limit} of the identity`;
  if (isTransient) return exhausted(subject, message, "close other streams of it, or retry later");
  const quotas = [{ subject, description: message }];
  return new CallError(Code.RESOURCE_EXHAUSTED, `${message}; request fewer`, { quotas });
}

/** Status and cause of each reason for which a client is not authenticated. */
const UNAUTHENTICATED: Readonly<Record<AuthenticationFailure, readonly [Code, string]>> = {
  missing: [Code.UNAUTHENTICATED, "TOKEN_MISSING"],
  invalid: [Code.UNAUTHENTICATED, "TOKEN_INVALID"],
  expired: [Code.UNAUTHENTICATED, "TOKEN_EXPIRED"],
  blocked: [Code.RESOURCE_EXHAUSTED, "TOO_MANY_FAILURES"],
  unavailable: [Code.UNAVAILABLE, "KEYS_UNAVAILABLE"],
};

function unauthenticated({ reason, message, retryAfterMs }: Unauthenticated): CallError {
  const [code, cause] = UNAUTHENTICATED[reason];
  const retry = retryAfterMs !== undefined && { retryAfterMs };
  return new CallError(code, message, { cause: { reason: cause }, ...retry });
}

function denied({ grant, subject, message }: PermissionDenied): CallError {
  const reason = `${grant.toUpperCase()}_NOT_GRANTED`;
  return new CallError(Code.PERMISSION_DENIED, message, {
    cause: { reason, metadata: { [grant]: subject } },
  });
}

/** Converts the error of a call that is refused; other errors are returned unchanged. */
export function refusalOf(error: unknown): unknown {
  if (error instanceof Unauthenticated) return unauthenticated(error);
  if (error instanceof PermissionDenied) return denied(error);
  if (error instanceof NoHub) {
    return new CallError(Code.UNAVAILABLE, error.message, { retryAfterMs: RETRY_AFTER_MS });
  }
  if (error instanceof Draining) return unavailable(error.message);
  if (error instanceof FeedDisabled) {
    // Only the operator can change this: a retry cannot succeed.
    return new CallError(Code.FAILED_PRECONDITION, error.message);
  }
  if (error instanceof QuotaExceeded) {
    const { feed, kind, limit, used, requested } = error.excess;
    if (kind !== undefined) {
      const subject = `feed:${feed} ${kind === "share" ? "share of the identity" : "free slots"}`;
      return exhausted(subject, error.message, REMEDIES[kind]);
    }
    const description = `The symbol quota of feed ${feed} is exceeded by ${
      used + requested - limit
    }: ${limit} allowed, ${used} used, ${requested} more requested`;
    return exhausted(
      `feed:${feed} symbols`,
      description,
      "request fewer symbols, close other streams, or use a larger plan and set ALPACA_PLAN to it",
    );
  }
  if (error instanceof TooManySymbols) {
    return exhausted(
      "symbols of all streams",
      error.message,
      "request fewer, close other streams, or raise STREAM_PROXY_MAX_SYMBOLS",
    );
  }
  if (error instanceof OpenedTooOften) return openedTooOften(error);
  if (error instanceof IdentityLimitExceeded) return overIdentityLimit(error);
  if (error instanceof OpeningsExceeded) return unavailable(error.message);
  return error;
}

/** Ends a stream whose client does not read. */
export function stalled({ queued, stalledMs }: Stall): CallError {
  const seconds = Math.floor(stalledMs / 1000);
  return unavailable(
    `The stream has stalled: ${queued} messages queued, nothing read for ` +
      `${seconds} s; reopen it and read faster ` +
      "(STREAM_PROXY_STALLED_STREAM_SECS)",
  );
}

/** The client ended the call or disconnected; no status is sent. */
export class ClientGone extends Error {
  override readonly name = "ClientGone";

  constructor() {
    super("The client ended the call");
  }
}

/** Who defines the causes of errors. */
const DOMAIN = "alpaca-stream-proxy";

function pack({ cause, retryAfterMs, fields = [], quotas = [] }: ErrorDetails): Any[] {
  const details: Any[] = [];
  if (cause) {
    const { reason, metadata = {} } = cause;
    const info = create(ErrorInfoSchema, { reason, domain: DOMAIN, metadata: { ...metadata } });
    details.push(anyPack(ErrorInfoSchema, info));
  }
  if (fields.length > 0) {
    const fieldViolations = fields.map((field) => ({ ...field }));
    const badRequest = create(BadRequestSchema, { fieldViolations });
    details.push(anyPack(BadRequestSchema, badRequest));
  }
  if (quotas.length > 0) {
    const violations = quotas.map((quota) => ({ ...quota }));
    const quotaFailure = create(QuotaFailureSchema, { violations });
    details.push(anyPack(QuotaFailureSchema, quotaFailure));
  }
  if (retryAfterMs !== undefined) {
    const retry = create(RetryInfoSchema, { retryDelay: durationFromMs(retryAfterMs) });
    details.push(anyPack(RetryInfoSchema, retry));
  }
  return details;
}

/** The trailer with the details of a status. */
export const DETAILS_TRAILER = "grpc-status-details-bin";

/** Encodes the details of an error as a `google.rpc.Status`; `undefined` without details. */
export function encodeDetails({ code, message, details }: CallError): Uint8Array | undefined {
  const anys = pack(details);
  if (anys.length === 0) return undefined;
  return toBinary(StatusSchema, create(StatusSchema, { code, message, details: anys }));
}

/** Returns the error that a client receives; internal errors are not described. */
export function toCallError(error: unknown): CallError {
  const isKnown = error instanceof CallError;
  return isKnown ? error : unavailable("Internal error of the proxy; see its log");
}

/** How a call ends, as its client receives it. */
export interface CallStatus {
  readonly code: Code;
  readonly message: string;
  /** An encoded `google.rpc.Status`. */
  readonly details: Uint8Array | undefined;
}

/** Returns the gRPC status of any error; internal errors are not described. */
export function toStatus(error: unknown): CallStatus {
  const known = toCallError(error);
  return {
    code: known.code,
    // The text is percent-encoded for the wire, which ill-formed text breaks.
    message: known.message.toWellFormed(),
    details: encodeDetails(known),
  };
}
