/**
 * How a call ends badly: every error becomes a gRPC status here and nowhere else.
 *
 * Existing clients retry a live stream on UNAVAILABLE and give up for good on
 * most other codes, so whatever goes wrong inside the proxy is UNAVAILABLE;
 * another code says that the same call would fail again.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { create, toBinary } from "@bufbuild/protobuf";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import { Metadata, status as Code, type StatusObject } from "@grpc/grpc-js";
import type { Stall } from "../../application/streaming/market_streams.ts";
import type { QuotaExceeded } from "../../application/feeds/quota_exceeded.ts";
import type { TooManySymbols } from "../../application/streaming/too_many_symbols.ts";
import {
  BadRequestSchema,
  QuotaFailureSchema,
} from "../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";

/** One wrong field of a request. */
export interface FieldViolation {
  /** Path of the field, for example `symbols[3]`. */
  readonly field: string;
  /** What is wrong with it and what would be right. */
  readonly description: string;
}

/** One limit that a request would exceed. */
export interface QuotaViolation {
  /** What the limit is on, for example `feed:sip symbols`. */
  readonly subject: string;
  /** The limit, what is used of it, and by how much it would be exceeded. */
  readonly description: string;
}

/** What a program can read of an error. */
export interface ErrorDetails {
  /** Sent as a `google.rpc.BadRequest` when there are any. */
  readonly fields?: readonly FieldViolation[];
  /** Sent as a `google.rpc.QuotaFailure` when there are any. */
  readonly quotas?: readonly QuotaViolation[];
}

/** An end of a call that the client should be told as it is. */
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

/** A refusal that only the operator can lift: trying again cannot help. */
export function failedPrecondition(message: string): CallError {
  return new CallError(Code.FAILED_PRECONDITION, message);
}

/** The end of a call by the proxy, which the client may retry. */
export function unavailable(message: string): CallError {
  return new CallError(Code.UNAVAILABLE, message);
}

/**
 * The refusal of a stream whose symbols have no place in the budget: which
 * budget, what is used of it, and what would help.
 */
export function resourceExhausted({ excess }: QuotaExceeded): CallError {
  const { feed, limit, used, requested } = excess;
  const description = `The symbol budget of feed ${feed} is exceeded by ${
    used + requested - limit
  }: ${limit} allowed, ${used} used, ${requested} more requested`;
  return new CallError(
    Code.RESOURCE_EXHAUSTED,
    `${description}; name fewer symbols, close other streams, or take a ` +
      "larger plan and set ALPACA_PLAN to it",
    { quotas: [{ subject: `feed:${feed} symbols`, description }] },
  );
}

/** The refusal of a stream that names more than is left for all streams. */
export function tooManySymbols({ message }: TooManySymbols): CallError {
  return new CallError(
    Code.RESOURCE_EXHAUSTED,
    `${message}; name fewer, close other streams, or raise ` +
      "STREAM_PROXY_MAX_SYMBOLS",
    { quotas: [{ subject: "symbols of all streams", description: message }] },
  );
}

/** The end of a stream whose client does not read. */
export function stalled({ waiting, stalledMs }: Stall): CallError {
  const seconds = Math.floor(stalledMs / 1000);
  return unavailable(
    `The stream has stalled: ${waiting} messages waiting, nothing read for ` +
      `${seconds} s; reopen it and read faster ` +
      "(STREAM_PROXY_STALLED_STREAM_SECS)",
  );
}

/** The end of a call by its client: nobody is left to be told. */
export class ClientGone extends Error {
  override readonly name = "ClientGone";

  constructor() {
    super("The client ended the call");
  }
}

function packed({ fields = [], quotas = [] }: ErrorDetails): Any[] {
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
  const anys = packed(details);
  if (anys.length === 0) return metadata;
  const status = create(StatusSchema, { code, message, details: anys });
  metadata.set(
    "grpc-status-details-bin",
    Buffer.from(toBinary(StatusSchema, status)),
  );
  return metadata;
}

/** The gRPC status of any error; faults are not described to strangers. */
export function toStatus(error: unknown): StatusObject {
  const known = error instanceof CallError
    ? error
    : unavailable("Internal fault of the proxy; its log tells more");
  return {
    code: known.code,
    // The text is percent-encoded for the wire, which ill-formed text breaks.
    details: known.message.toWellFormed(),
    metadata: detailsOf(known),
  };
}
