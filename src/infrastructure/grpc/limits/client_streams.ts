/**
 * The streams of one client's connection: from the HEADERS frame to the close, with the request
 * that arrives on each.
 *
 * @module
 */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { Clock } from "../../../application/ports/clock.ts";
import type { RefusalReason } from "../../../application/status/counters.ts";
import type { CallError } from "../call_error.ts";
import { type DataWriter, StreamData } from "../http2_workarounds/data_frames.ts";
import { FLAG_PADDED, type FrameHeader } from "../http2_workarounds/frames.ts";
import { ServerStream, type StreamConnection } from "../http2_workarounds/server_stream.ts";
import type { ConnectionStreams } from "../http2_workarounds/session_end.ts";
import { closeUnread, sendError } from "../http2_workarounds/stream_end.ts";
import type {
  PendingRequest,
  PendingRequests,
  RequestBounds,
  RequestFault,
} from "./pending_requests.ts";
import { requestError } from "./refusals.ts";

/** What {@linkcode ClientStreams} needs. */
export interface ClientStreamsOptions {
  readonly requests: PendingRequests;
  readonly clock: Pick<Clock, "monotonic">;
  readonly limits: Omit<RequestBounds, "maxRequestBytes"> & {
    readonly maxStreamsPerConnection: number;
  };
}

/** A stream that a client has opened. */
interface ClientStream {
  readonly pending: PendingRequest;
  /** What is sent on it. */
  readonly data: StreamData;
  /** Unknown between the frame and HTTP/2's event. */
  stream: ServerStream | undefined;
  /** Whether requests and responses alternate. */
  isDuplex: boolean;
  /** Why it is refused, where that was decided before HTTP/2's event. */
  refusal: CallError | undefined;
}

/** A stream that can be served, unless it is refused. */
export interface AttachedStream {
  readonly stream: ServerStream;
  readonly refusal: CallError | undefined;
}

/** Tracks the streams of one connection. */
export class ClientStreams implements ConnectionStreams {
  readonly #options: ClientStreamsOptions;
  readonly #writer: DataWriter;
  readonly #onRefused: (id: number, limit: RefusalReason, reason: string) => boolean;
  readonly #open = new Map<number, ClientStream>();
  #last = 0;
  /** When the last open stream closed, or the connection was accepted. */
  #idleSince: number;

  /**
   * @param writer sends the data of the connection
   * @param onRefused called when an unfinished request is refused; returns whether its call can be
   * ended, or the connection was reset
   */
  constructor(
    options: ClientStreamsOptions,
    writer: DataWriter,
    onRefused: (id: number, limit: RefusalReason, reason: string) => boolean,
  ) {
    this.#options = options;
    this.#writer = writer;
    this.#onRefused = onRefused;
    this.#idleSince = options.clock.monotonic();
  }

  /** Monotonic ms since which no stream is open; undefined while one is. */
  get idleSince(): number | undefined {
    return this.#open.size > 0 ? undefined : this.#idleSince;
  }

  /** The stream with this id; undefined when it is closed or above the limit of streams. */
  get(id: number): ClientStream | undefined {
    return this.#open.get(id);
  }

  /** Whether a stream that a client has opened is closed, or is above the limit of streams. */
  isOver(id: number): boolean {
    return id <= this.#last && (id & 1) === 1 && !this.#open.has(id);
  }

  /** Ids of the streams that HTTP/2 has opened and not closed. */
  ids(): number[] {
    return [...this.#open].filter(([, { stream }]) =>
      stream !== undefined && !stream.http2.destroyed
    )
      .map(([id]) => id);
  }

  /** Counts a stream when its HEADERS arrive, unless they are trailers or above the limit. */
  open(id: number): void {
    if (id <= this.#last) return;
    this.#last = id;
    const { requests, limits } = this.#options;
    if (this.#open.size >= limits.maxStreamsPerConnection) return;
    this.#open.set(id, {
      pending: requests.open((fault) => this.#refuse(id, fault)),
      data: new StreamData(id, this.#writer),
      stream: undefined,
      isDuplex: false,
      refusal: undefined,
    });
  }

  /** Counts the bytes of a DATA frame. */
  receive(frame: FrameHeader, payload: Uint8Array): void {
    const open = this.#open.get(frame.stream);
    if (open === undefined) return;
    const { requests } = this.#options;
    // A client may keep such a stream open and send at any time.
    if (open.isDuplex) requests.stopDeadline(open.pending);
    else if ((frame.flags & FLAG_PADDED) === 0) open.pending.readPrefix(payload);
    requests.receive(open.pending, frame.length);
  }

  /** Records that the client has sent all of a request, or has reset its stream. */
  complete(id: number): void {
    const open = this.#open.get(id);
    if (open) this.#options.requests.complete(open.pending);
  }

  /**
   * Connects a stream of HTTP/2 with what its frames announced.
   *
   * @returns the stream; undefined when it is above the limit
   */
  attach(
    http2: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    { isDuplex, connection }: { readonly isDuplex: boolean; readonly connection: StreamConnection },
  ): AttachedStream | undefined {
    const open = this.#open.get(http2.id ?? 0);
    if (open === undefined) return undefined;
    const { pending, data, refusal } = open;
    const { requests } = this.#options;
    if ((headers["grpc-encoding"] ?? "identity") !== "identity") {
      pending.isCompressed = true;
      // Bytes that arrived with the headers were counted without this.
      requests.receive(pending, 0);
    }
    const stream = new ServerStream(http2, data, connection);
    open.stream = stream;
    open.isDuplex = isDuplex;
    if (isDuplex && pending.received > 0) requests.stopDeadline(pending);
    // It may have closed before this event.
    if (http2.destroyed) this.closed(stream);
    return { stream, refusal };
  }

  /** Records that a response has begun; `isEnd` when it is complete. */
  answered({ id, http2 }: ServerStream, isEnd: boolean): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#options.requests.answer(open.pending);
    if (isEnd && !open.pending.isComplete) closeUnread(http2);
  }

  /** Removes a stream that has closed; idempotent. */
  closed({ id }: ServerStream): void {
    const open = this.#open.get(id);
    if (open) this.#options.requests.release(open.pending);
    this.#open.delete(id);
    if (this.#open.size === 0) this.#idleSince = this.#options.clock.monotonic();
  }

  /** Ends at most `count` streams of a connection that has ended or will. */
  end(count: number): number {
    let ended = 0;
    for (const [id, { stream, pending }] of this.#open) {
      if (ended === count) break;
      this.#open.delete(id);
      this.#options.requests.release(pending);
      if (stream === undefined || stream.http2.destroyed) continue;
      stream.http2.close(constants.NGHTTP2_CANCEL);
      stream.http2.destroy();
      ended++;
    }
    return ended;
  }

  headersSent(id: number): void {
    this.#open.get(id)?.data.start();
  }

  /** Removes all requests from their budget, when the connection has closed. */
  release(): void {
    for (const { pending } of this.#open.values()) this.#options.requests.release(pending);
  }

  /** Ends the call of an unfinished request. */
  #refuse(id: number, fault: RequestFault): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    const [limit, error] = requestError(fault, open.pending.size, this.#options.limits);
    if (!this.#onRefused(id, limit, error.message)) return;
    if (open.stream === undefined) open.refusal = error;
    else sendError(open.stream, error);
  }
}
