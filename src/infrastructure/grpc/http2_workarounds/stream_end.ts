/**
 * Ends streams in ways that clients retry, and releases those that HTTP/2 would keep.
 *
 * Streams that have ended although their writes have not
 * - Product: node:http2 of Deno 2.9.6.
 * - Symptom: it closes a stream with NO_ERROR only after its writes have finished. Two ends never
 *   reach that point:
 *   1. A client or gateway resets a stream with NO_ERROR while a write waits for flow control. The
 *      write has no stream any more, so it never finishes. Such a stream is destroyed as soon as it
 *      is aborted, or after its end.
 *   2. The proxy ends a call whose client does not read. The status comes after the data, so it is
 *      never sent. After {@linkcode STATUS_GRACE_MS} the stream is reset with REFUSED_STREAM, which
 *      gRPC clients report as UNAVAILABLE.
 * - Report: none found.
 * - Test: "node:http2 never closes a writing stream that is reset with NO_ERROR" fails once (1) can
 *   go; "a reset that overtakes the status of a stream releases it" and "a stream that is ended
 *   while its client does not read is released" fail without this.
 *
 * @module
 */
import { constants, type ServerHttp2Stream } from "node:http2";
import { setImmediate } from "node:timers";
import type { Clock } from "../../../application/ports/clock.ts";
import { type CallError, DETAILS_TRAILER, encodeDetails } from "../call_error.ts";
import type { ServerStream } from "./server_stream.ts";
import { RepeatedCheck } from "../limits/repeated_check.ts";
import type { TurnScheduler, WaitingWork } from "../limits/turn_scheduler.ts";

/** Time that a client has to take the rest of a stream and its status, in ms. */
const STATUS_GRACE_MS = 5_000;
/** How often streams that are ending are checked, in ms. */
const CHECK_EVERY_MS = 250;

/** Releases a new stream when it fails or is aborted. */
export function guardStream(stream: ServerHttp2Stream): void {
  // An error without a listener would end the process.
  stream.on("error", ignore);
  stream.on("aborted", destroySoon);
}

// One function for all streams, of which there can be thousands.
function ignore(): void {}

function destroySoon(this: ServerHttp2Stream): void {
  // Not in this call, which HTTP/2 may make while it reads.
  setImmediate(() => this.destroy());
}

/** Ends a stream with `error`, whether a call was made of it or not. */
export function sendError(stream: ServerStream, error: CallError): void {
  if (stream.isClosed) return;
  stream.http2.resume();
  if (stream.isAnswered) {
    // gRPC clients report this code as RESOURCE_EXHAUSTED.
    stream.http2.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    return;
  }
  const details = encodeDetails(error);
  stream.respond({
    ":status": 200,
    "content-type": "application/grpc",
    "grpc-status": String(error.code),
    "grpc-message": encodeURI(error.message),
    ...(details && { [DETAILS_TRAILER]: details.toBase64({ omitPadding: true }) }),
  }, { endStream: true });
}

/**
 * Resets a stream whose response is complete and whose request may not be: NO_ERROR has the client
 * stop sending (RFC 9113, 8.1).
 */
export function closeUnread(stream: ServerHttp2Stream): void {
  stream.resume();
  setImmediate(() => {
    if (stream.destroyed) return;
    stream.close(constants.NGHTTP2_NO_ERROR);
    // A stream that is paused would keep what it has buffered.
    setImmediate(() => stream.destroy());
  });
}

/** Streams from their end until they are closed. */
export class EndedStreams implements WaitingWork {
  readonly #clock: Pick<Clock, "monotonic">;
  /** When each stream ended, by the monotonic clock; oldest first. */
  readonly #endedAt = new Map<ServerHttp2Stream, number>();
  readonly #checks: RepeatedCheck;

  constructor(clock: Pick<Clock, "sleep" | "monotonic">, scheduler: TurnScheduler) {
    this.#clock = clock;
    this.#checks = new RepeatedCheck(clock, CHECK_EVERY_MS, () => {
      if (this.isWaiting) scheduler.enqueue(this);
    });
  }

  /** Destroys a stream whose end is not taken in time. */
  add(stream: ServerHttp2Stream): void {
    if (this.#endedAt.has(stream) || stream.destroyed) return;
    this.#endedAt.set(stream, this.#clock.monotonic());
    stream.once("close", () => {
      this.#endedAt.delete(stream);
      if (this.#endedAt.size === 0) this.#checks.stop();
    });
    this.#checks.start();
  }

  /** Whether a stream has to be destroyed. */
  get isWaiting(): boolean {
    return this.#overdue !== undefined;
  }

  /** Destroys at most `count` streams; thousands in one call would block everything else. */
  advance(count: number): number {
    let destroyed = 0;
    for (let stream = this.#overdue; stream && destroyed < count; stream = this.#overdue) {
      this.#endedAt.delete(stream);
      if (!stream.closed) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      stream.destroy();
      destroyed++;
    }
    return destroyed;
  }

  /** The stream that ended first, if it has to be destroyed. */
  get #overdue(): ServerHttp2Stream | undefined {
    const [[stream, endedAt] = []] = this.#endedAt;
    if (stream === undefined || endedAt === undefined) return undefined;
    const isLate = this.#clock.monotonic() - endedAt >= STATUS_GRACE_MS;
    return stream.closed || isLate ? stream : undefined;
  }
}
