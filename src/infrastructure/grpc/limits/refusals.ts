/**
 * The errors of calls that a limit refuses, and how refusals are counted and logged.
 *
 * @module
 */
import type { Clock } from "../../../application/ports/clock.ts";
import type { Log } from "../../../application/ports/log.ts";
import type { RefusalReason } from "../../../application/status/counters.ts";
import { CallError, exhausted } from "../call_error.ts";
import { Code } from "../status_code.ts";
import type { RequestBounds, RequestFault } from "./pending_requests.ts";

/** Bytes of a call's metadata, counted as SETTINGS_MAX_HEADER_LIST_SIZE does. */
export const MAX_METADATA_BYTES = 64 * 1024;

/** Shortest time between two lines about one limit, in ms. */
const LOG_EVERY_MS = 10_000;

/** The error of a call whose metadata are too large. */
export function metadataError(bytes: number): CallError {
  const description = `The request has ${bytes} bytes of metadata; at most ` +
    `${MAX_METADATA_BYTES} are accepted`;
  // A retry of the same call cannot succeed.
  return new CallError(Code.RESOURCE_EXHAUSTED, `${description}: send less`, {
    quotas: [{ subject: "metadata of a call", description }],
  });
}

/** The limit that an unfinished request exceeds, and the error of its call. */
export function requestError(
  fault: RequestFault,
  bytes: number,
  limits: Omit<RequestBounds, "maxRequestBytes">,
): [RefusalReason, CallError] {
  if (fault === "too_slow") {
    const text =
      `The request did not arrive whole within ${limits.requestTimeoutMs} ms, the limit ` +
      "of STREAM_PROXY_REQUEST_TIMEOUT_SECS";
    return ["request_time", new CallError(Code.DEADLINE_EXCEEDED, text)];
  }
  if (fault === "over_budget") {
    const text = `Unfinished requests hold ${limits.maxPendingRequestBytes} bytes, the limit of ` +
      `STREAM_PROXY_MAX_PENDING_REQUEST_MB, and this one has the most, ${bytes}`;
    const error = exhausted("bytes of unfinished requests", text, "retry later or send less");
    return ["request_bytes", error];
  }
  const description = `The request has ${bytes} bytes or more, too many`;
  const text =
    `${description}; name fewer symbols, STREAM_PROXY_MAX_SYMBOLS_PER_STREAM bounds them`;
  const quotas = [{ subject: "bytes of a request", description }];
  return ["request_bytes", new CallError(Code.RESOURCE_EXHAUSTED, text, { quotas })];
}

/** Counts refusals by limit, and logs them at a bounded rate. */
export class RefusalLog {
  readonly #counts: Record<RefusalReason, number>;
  readonly #log: Log;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #lines = new Map<RefusalReason, { at: number; counted: number }>();

  /** @param counts refusals by limit, which it increments */
  constructor(counts: Record<RefusalReason, number>, log: Log, clock: Pick<Clock, "monotonic">) {
    this.#counts = counts;
    this.#log = log;
    this.#clock = clock;
  }

  /** Counts one refusal; at most one line per limit and 10 s is logged. */
  report(limit: RefusalReason, peer: string, reason: string): void {
    const count = ++this.#counts[limit];
    const now = this.#clock.monotonic();
    const last = this.#lines.get(limit);
    if (last !== undefined && now - last.at < LOG_EVERY_MS) return;
    this.#lines.set(limit, { at: now, counted: count });
    this.#log.warn("Refused a client at a limit", {
      limit,
      peer,
      reason,
      refusals: count - (last?.counted ?? 0),
    });
  }
}
