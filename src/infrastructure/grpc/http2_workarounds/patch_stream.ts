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
 * A second response
 * - Product: @grpc/grpc-js 1.14.7.
 * - Symptom: it responds to a message that is too large although the stream was answered before, as
 *   `client_streams.ts` does for a request above a limit: HTTP/2 throws in an event of the stream.
 * - Test: "a request that is too large after its headers ends its call only" fails without this.
 *
 * Writes
 * - Product: node:http2 of Deno 2.9.6.
 * - Symptom: see `socket_backlog.ts` and `round_robin.ts`: a write waits for the other streams of
 *   its connection and for room in the socket, and is reported as taken when the socket has room
 *   again, so that at most one batch of a stream waits.
 *
 * @module
 */
import type {
  OutgoingHttpHeaders,
  ServerHttp2Stream,
  ServerStreamResponseOptions,
} from "node:http2";
import type { RoundRobin } from "./round_robin.ts";
import type { SocketBacklog } from "./socket_backlog.ts";
import type { EndedStreams } from "./stream_end.ts";

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
      // An uncaught error otherwise, which would end the process.
      if (stream.headersSent) return;
      respond.call(stream, withContentType(headers), responseOptions);
      options.onResponse(responseOptions?.endStream === true);
    };
    stream.write = ((chunk: Uint8Array, callback?: Callback): boolean => {
      if (this.#backlog.isFull) this.#block(() => this.#enqueue(chunk, callback));
      else if (this.#roundRobin.tryStart()) {
        this.#pending++;
        this.#write(chunk, this.#whenWritten(callback));
      } else this.#enqueue(chunk, callback);
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

  /** Writes in the next round of the connection, or now. */
  #enqueue(chunk: Uint8Array, callback: Callback | undefined): void {
    const run = () => {
      this.#queued.delete(run);
      this.#pending++;
      this.#write(chunk, this.#whenWritten(callback));
    };
    this.#queued.add(run);
    this.#roundRobin.enqueue(run);
  }

  #whenWritten(callback: Callback | undefined): Callback {
    return (error) => {
      // Writes that were pending when the stream closed were counted then.
      if (this.#pending > 0) this.#done();
      if (!callback) return;
      if (this.#backlog.isFull) this.#block(() => callback(error));
      else callback(error);
    };
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
