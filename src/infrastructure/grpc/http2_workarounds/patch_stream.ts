/**
 * Replaces `respond`, `write` and `end` of a server's HTTP/2 stream; nothing else replaces them.
 *
 * Content type
 * - Product: @grpc/grpc-js 1.14.7.
 * - Symptom: it answers `application/grpc+proto`; the contract says `application/grpc`, for errors
 *   too. It has no setting for it.
 * - Report: https://github.com/grpc/grpc-node/pull/1896 (for clients; rejected)
 * - Test: "grpc-js answers with application/grpc+proto" fails once this can go.
 *
 * Writes
 * - Product: node:http2 of Deno 2.9.6.
 * - Symptom: see `socket_backlog.ts` and `round_robin.ts`: a write waits for the other streams of
 *   its connection and for room in the socket, and is reported as taken when the socket has room
 *   again, so that at most one batch of a stream waits.
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
import {
  constants,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
  type ServerStreamResponseOptions,
} from "node:http2";
import { setImmediate } from "node:timers";
import type { Clock } from "../../../application/ports/clock.ts";
import type { RoundRobin } from "../limits/round_robin.ts";
import { EVENT_LOOP } from "../limits/turn_scheduler.ts";
import type { SocketBacklog } from "./socket_backlog.ts";

/** Time that a client has to take the rest of a stream and its status, in ms. */
const STATUS_GRACE_MS = 5_000;
/** How often streams that are ending are checked, in ms. */
const CHECK_EVERY_MS = 250;

/** What {@linkcode patchStream} needs. */
export interface PatchOptions {
  /** Schedules the writes of the stream's connection. */
  readonly roundRobin: RoundRobin;
  /** What waits in the socket of the connection. */
  readonly backlog: SocketBacklog;
  readonly endedStreams: EndedStreams;
  /** Called after headers were sent; `isEnd` when nothing follows them. */
  readonly onResponse: (isEnd: boolean) => void;
}

/** Replaces the methods of a stream that send. */
export function patchStream(stream: ServerHttp2Stream, options: PatchOptions): void {
  new PatchedStream(stream, options);
}

type Callback = (error?: Error | null) => void;

class PatchedStream {
  readonly #roundRobin: RoundRobin;
  readonly #backlog: SocketBacklog;
  readonly #write: (chunk: Uint8Array, callback: Callback) => boolean;
  /** Writes that wait for other streams. */
  readonly #queued = new Set<() => void>();
  /** Writes and callbacks that wait for room in the socket. */
  readonly #blocked = new Set<() => void>();
  /** Writes that HTTP/2 has not taken. */
  #pending = 0;

  constructor(stream: ServerHttp2Stream, options: PatchOptions) {
    const { respond } = stream;
    this.#roundRobin = options.roundRobin;
    this.#backlog = options.backlog;
    this.#write = stream.write.bind(stream) as (chunk: Uint8Array, callback: Callback) => boolean;
    stream.respond = (
      headers?: OutgoingHttpHeaders,
      responseOptions?: ServerStreamResponseOptions,
    ) => {
      respond.call(stream, withContentType(headers), responseOptions);
      options.onResponse(responseOptions?.endStream === true);
    };
    stream.write = ((chunk: Uint8Array, callback?: Callback): boolean => {
      if (this.#backlog.isFull) this.#block(() => this.#send(chunk, callback));
      else this.#send(chunk, callback);
      return true;
    }) as typeof stream.write;
    const end = stream.end as (...args: unknown[]) => typeof stream;
    stream.end = ((...args: unknown[]) => {
      // Without room, what is left of the stream would wait for a client that does not read; its
      // status may still arrive in time.
      this.#unblock();
      // The end comes after all writes, so none of them waits any more.
      for (const run of [...this.#queued]) this.#roundRobin.flush(run);
      options.endedStreams.add(stream);
      return end.apply(stream, args);
    }) as typeof stream.end;
    stream.once("close", () => {
      this.#unblock();
      for (const run of this.#queued) this.#roundRobin.remove(run);
      this.#queued.clear();
      while (this.#pending > 0) this.#done();
    });
  }

  #send(chunk: Uint8Array, callback: Callback | undefined): void {
    if (this.#roundRobin.tryStart()) return this.#begin(chunk, callback);
    const run = () => {
      this.#queued.delete(run);
      this.#begin(chunk, callback);
    };
    this.#queued.add(run);
    this.#roundRobin.enqueue(run);
  }

  #begin(chunk: Uint8Array, callback: Callback | undefined): void {
    this.#pending++;
    this.#write(chunk, (error) => {
      // Writes that were pending when the stream closed were counted then.
      if (this.#pending > 0) this.#done();
      if (!callback) return;
      if (this.#backlog.isFull) this.#block(() => callback(error));
      else callback(error);
    });
  }

  #done(): void {
    this.#pending--;
    this.#roundRobin.done();
  }

  #block(run: () => void): void {
    const resume = () => {
      this.#blocked.delete(resume);
      run();
    };
    this.#blocked.add(resume);
    this.#backlog.wait(resume);
  }

  #unblock(): void {
    for (const run of this.#blocked) this.#backlog.cancel(run);
    this.#blocked.clear();
  }
}

function withContentType(
  headers: OutgoingHttpHeaders | undefined,
): OutgoingHttpHeaders | undefined {
  return headers?.["content-type"] === "application/grpc+proto"
    ? { ...headers, "content-type": "application/grpc" }
    : headers;
}

/** Streams that are destroyed in one turn of the event loop; more would block it. */
const ENDS_PER_TURN = 24;

/** Streams from their end until they are closed. */
export class EndedStreams {
  readonly #clock: Pick<Clock, "sleep" | "monotonic">;
  /** When each stream ended, by the monotonic clock. */
  readonly #endedAt = new Map<ServerHttp2Stream, number>();
  /** Ends the checks; undefined while no stream is ending. */
  #checking: AbortController | undefined;

  constructor(clock: Pick<Clock, "sleep" | "monotonic">) {
    this.#clock = clock;
  }

  /** Releases a new stream when it fails or is aborted. */
  guard(stream: ServerHttp2Stream): void {
    // grpc-js listens for the first error only; a second one without a listener would end the
    // process.
    stream.on("error", () => {});
    // Not in this call, which HTTP/2 may make while it reads.
    stream.once("aborted", () => setImmediate(() => stream.destroy()));
  }

  /** Destroys a stream whose end is not taken in time. */
  add(stream: ServerHttp2Stream): void {
    if (this.#endedAt.has(stream) || stream.destroyed) return;
    this.#endedAt.set(stream, this.#clock.monotonic());
    stream.once("close", () => {
      this.#endedAt.delete(stream);
      if (this.#endedAt.size > 0) return;
      this.#checking?.abort();
      this.#checking = undefined;
    });
    if (!this.#checking) {
      void this.#check(this.#checking = new AbortController());
    }
  }

  async #check({ signal }: AbortController): Promise<void> {
    for (;;) {
      await this.#clock.sleep(CHECK_EVERY_MS, signal);
      if (signal.aborted) return;
      const now = this.#clock.monotonic();
      let ended = 0;
      for (const [stream, endedAt] of this.#endedAt) {
        if (!stream.closed) {
          // Those behind it have ended later.
          if (now - endedAt < STATUS_GRACE_MS) break;
          stream.close(constants.NGHTTP2_REFUSED_STREAM);
        }
        stream.destroy();
        if (++ended % ENDS_PER_TURN > 0) continue;
        await new Promise<void>((resolve) => EVENT_LOOP.polled(resolve));
      }
    }
  }
}
