/**
 * Converts every error of a call to a gRPC status.
 *
 * Existing clients retry a live stream on UNAVAILABLE and give up on most other codes, so an
 * internal error is UNAVAILABLE; another code means that the same call would fail again.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { create, toBinary } from "@bufbuild/protobuf";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import { Metadata, status as Code, type StatusObject } from "@grpc/grpc-js";
import { QuotaExceeded } from "../../application/feeds/subscription_manager.ts";
import {
  FeedDisabled,
  OpeningsExceeded,
  type Stall,
  TooManySymbols,
} from "../../application/streaming/market_streams.ts";
import { BadRequestSchema, QuotaFailureSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";

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

/** Machine-readable details of an error. */
interface ErrorDetails {
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

/** Converts the error of a stream that cannot be opened; other errors are returned unchanged. */
export function refusalOf(error: unknown): unknown {
  if (error instanceof FeedDisabled) {
    // Only the operator can change this: a retry cannot succeed.
    return new CallError(Code.FAILED_PRECONDITION, error.message);
  }
  if (error instanceof QuotaExceeded) {
    const { feed, limit, used, requested } = error.excess;
    const description = `The symbol quota of feed ${feed} is exceeded by ${
      used + requested - limit
    }: ${limit} allowed, ${used} used, ${requested} more requested`;
    return new CallError(
      Code.RESOURCE_EXHAUSTED,
      `${description}; request fewer symbols, close other streams, or use a ` +
        "larger plan and set ALPACA_PLAN to it",
      { quotas: [{ subject: `feed:${feed} symbols`, description }] },
    );
  }
  if (error instanceof TooManySymbols) {
    const description = error.message;
    return new CallError(
      Code.RESOURCE_EXHAUSTED,
      `${description}; request fewer, close other streams, or raise STREAM_PROXY_MAX_SYMBOLS`,
      { quotas: [{ subject: "symbols of all streams", description }] },
    );
  }
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

function pack({ fields = [], quotas = [] }: ErrorDetails): Any[] {
  const details: Any[] = [];
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
  return details;
}

function detailsOf({ code, message, details }: CallError): Metadata {
  const metadata = new Metadata();
  const anys = pack(details);
  if (anys.length === 0) return metadata;
  const status = create(StatusSchema, { code, message, details: anys });
  metadata.set("grpc-status-details-bin", Buffer.from(toBinary(StatusSchema, status)));
  return metadata;
}

/** Returns the gRPC status of any error; internal errors are not described. */
export function toStatus(error: unknown): StatusObject {
  const known = error instanceof CallError
    ? error
    : unavailable("Internal error of the proxy; see its log");
  return {
    code: known.code,
    // The text is percent-encoded for the wire, which ill-formed text breaks.
    details: known.message.toWellFormed(),
    metadata: detailsOf(known),
  };
}
