/**
 * What a client is sent when a limit refuses its call.
 *
 * @module
 */
import { status as Code } from "@grpc/grpc-js";
import type { RefusalReason } from "../../application/status/counters.ts";
import { CallError } from "./call_error.ts";
import type { RequestFault } from "./pending_requests.ts";

/** Bytes of a call's metadata, counted as SETTINGS_MAX_HEADER_LIST_SIZE does. */
export const MAX_METADATA_BYTES = 64 * 1024;

/** The refusal of a call whose metadata are too large. */
export function metadataError(bytes: number): CallError {
  return new CallError(
    Code.RESOURCE_EXHAUSTED,
    `The request has ${bytes} bytes of metadata; at most ` +
      `${MAX_METADATA_BYTES} are accepted: send less`,
  );
}

/** How a refused request is reported: the limit, and the client's error. */
export function requestError(
  fault: RequestFault,
  bytes: number,
  limits: {
    readonly requestTimeoutMs: number;
    readonly maxPendingRequestBytes: number;
  },
): [RefusalReason, CallError] {
  switch (fault) {
    case "too_slow":
      return [
        "request_time",
        new CallError(
          Code.DEADLINE_EXCEEDED,
          `The request did not arrive whole within ${limits.requestTimeoutMs} ` +
            "ms, the limit of STREAM_PROXY_REQUEST_TIMEOUT_SECS",
        ),
      ];
    case "over_budget":
      return [
        "request_bytes",
        new CallError(
          Code.RESOURCE_EXHAUSTED,
          `Unfinished requests hold ${limits.maxPendingRequestBytes} bytes, the ` +
            "limit of STREAM_PROXY_MAX_PENDING_REQUEST_MB, and this one has the " +
            `most, ${bytes}; retry later or send less`,
        ),
      ];
    case "too_large":
      return [
        "request_bytes",
        new CallError(
          Code.RESOURCE_EXHAUSTED,
          `The request has ${bytes} bytes or more, too many; name fewer symbols, ` +
            "STREAM_PROXY_MAX_SYMBOLS_PER_STREAM bounds them",
        ),
      ];
  }
}
