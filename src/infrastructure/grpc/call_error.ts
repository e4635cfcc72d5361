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
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Metadata, status as Code, type StatusObject } from "@grpc/grpc-js";
import { BadRequestSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";

/** One wrong field of a request. */
export interface FieldViolation {
  /** Path of the field, for example `symbols[3]`. */
  readonly field: string;
  /** What is wrong with it and what would be right. */
  readonly description: string;
}

/** An end of a call that the client should be told as it is. */
export class CallError extends Error {
  override readonly name = "CallError";
  /** A gRPC status code. */
  readonly code: Code;
  /** Sent as a `google.rpc.BadRequest` when there are any. */
  readonly violations: readonly FieldViolation[];

  constructor(
    code: Code,
    message: string,
    violations: readonly FieldViolation[] = [],
  ) {
    super(message);
    this.code = code;
    this.violations = violations;
  }
}

/** The end of a call by the proxy, which the client may retry. */
export function unavailable(message: string): CallError {
  return new CallError(Code.UNAVAILABLE, message);
}

/** The end of a call by its client: nobody is left to be told. */
export class ClientGone extends Error {
  override readonly name = "ClientGone";

  constructor() {
    super("The client ended the call");
  }
}

function detailsOf({ code, message, violations }: CallError): Metadata {
  const metadata = new Metadata();
  if (violations.length === 0) return metadata;
  const badRequest = create(BadRequestSchema, {
    fieldViolations: violations.map((violation) => ({ ...violation })),
  });
  const status = create(StatusSchema, {
    code,
    message,
    details: [anyPack(BadRequestSchema, badRequest)],
  });
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
