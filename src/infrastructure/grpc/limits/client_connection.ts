/**
 * The limits of one client's connection: what each frame costs, which requests are unfinished, and
 * when the connection is reset.
 *
 * @module
 */
import {
  constants,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import { setImmediate } from "node:timers";
import type { Clock } from "../../../application/ports/clock.ts";
import type { RefusalReason } from "../../../application/status/counters.ts";
import type { CallError } from "../call_error.ts";
import {
  FLAG_ACK,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FLAG_PADDED,
  type FrameHeader,
  FrameType,
} from "../http2_workarounds/frames.ts";
import { HeaderBlock, MAX_BLOCK_BYTES } from "../http2_workarounds/header_block.ts";
import { type FrameRules, PacedSocket } from "../http2_workarounds/paced_socket.ts";
import { type EndedStreams, patchStream } from "../http2_workarounds/patch_stream.ts";
import { replaceSessionEnd, type SessionEndOptions } from "../http2_workarounds/session_end.ts";
import { type BacklogShare, SocketBacklog } from "../http2_workarounds/socket_backlog.ts";
import { SettingsAcks, streamLimit } from "../http2_workarounds/stream_limit.ts";
import type { PendingRequest, PendingRequests, RequestFault } from "./pending_requests.ts";
import {
  closeUnread,
  MAX_METADATA_BYTES,
  metadataError,
  type RefusalLog,
  requestError,
  sendError,
} from "./refusals.ts";
import { reused, RoundRobin } from "./round_robin.ts";
import type { TurnScheduler } from "./turn_scheduler.ts";

/** Bytes of a request whose decoding costs one unit of work. */
const BYTES_PER_UNIT = 4_096;
/** Resets and control frames that a connection may send at one time. */
const CONTROL_BURST = 10_000;
/** Resets and control frames that a connection may send per ms, on average. */
const CONTROL_PER_MS = 1;

/** What all connections share. */
export interface ConnectionShared extends SessionEndOptions {
  readonly clock: Clock;
  readonly scheduler: TurnScheduler;
  readonly requests: PendingRequests;
  readonly backlogShare: BacklogShare;
  readonly endedStreams: EndedStreams;
  readonly limits: {
    readonly maxStreamsPerConnection: number;
    readonly maxPendingRequestBytes: number;
    readonly requestTimeoutMs: number;
  };
  readonly refusals: RefusalLog;
}

/** A stream that a client has opened, from its HEADERS to its close. */
interface OpenRequest {
  readonly pending: PendingRequest;
  /** Unknown between the frame and HTTP/2's event. */
  stream: ServerHttp2Stream | undefined;
  /** Whether requests and responses alternate. */
  isDuplex: boolean;
  /** Why it is refused, where that was decided before HTTP/2's event. */
  refusal: CallError | undefined;
}

/** Applies the limits to one connection. */
export class ClientConnection implements FrameRules {
  /** Address and port of the client. */
  readonly peer: string;
  /** The session that HTTP/2 made of the connection. */
  session: ServerHttp2Session | undefined;
  readonly #socket: Socket;
  readonly #shared: ConnectionShared;
  readonly #reader: PacedSocket;
  readonly #backlog: SocketBacklog;
  readonly #roundRobin: RoundRobin;
  readonly #open = new Map<number, OpenRequest>();
  /** When the last open stream closed, or the connection was accepted. */
  #idleSince: number;
  /** The connection's own opening: preface and SETTINGS. */
  readonly #opening: PendingRequest;
  #lastStream = 0;
  /** A header block whose last frame has not begun. */
  #block: HeaderBlock | undefined;
  readonly #settingsAcks = new SettingsAcks();
  #tokens = CONTROL_BURST;
  #refilledAt: number;

  /** @param serve gives the socket to HTTP/2; returns the session */
  constructor(
    socket: Socket,
    serve: () => ServerHttp2Session | undefined,
    shared: ConnectionShared,
  ) {
    const { clock, requests, limits } = shared;
    this.#socket = socket;
    this.#shared = shared;
    this.peer = `${socket.remoteAddress}:${socket.remotePort}`;
    this.#backlog = new SocketBacklog(socket, shared.backlogShare);
    this.#refilledAt = clock.monotonic();
    this.#idleSince = this.#refilledAt;
    this.#opening = requests.open(() =>
      this.#drop(
        "request_time",
        `No HTTP/2 preface within ${limits.requestTimeoutMs} ms, ` +
          "the limit of STREAM_PROXY_REQUEST_TIMEOUT_SECS",
      )
    );
    this.#reader = new PacedSocket(socket, {
      serve: () => this.session = serve(),
      scheduler: shared.scheduler,
      rules: this,
      backlog: this.#backlog,
    });
    const session = this.session;
    if (session) {
      replaceSessionEnd({
        socket,
        session,
        openStreams: () => this.#openStreams(),
        endStreams: (count) => this.endStreams(count),
      }, shared);
    }
    // The state of a session that is over has no window, and is not full.
    this.#roundRobin = new RoundRobin(
      reused(() => (session?.state.remoteWindowSize ?? 1) <= 0, clock),
      clock,
    );
    socket.write(streamLimit(limits.maxStreamsPerConnection));
    socket.once("close", () => {
      requests.release(this.#opening);
      for (const { pending } of this.#open.values()) requests.release(pending);
    });
  }

  /** Units of work: 1 is about what a new stream costs. */
  costOf({ type, flags, stream, length }: FrameHeader): number {
    switch (type) {
      case FrameType.DATA: {
        if ((flags & FLAG_END_STREAM) === 0) return 1 / 16;
        // The end of a request starts its call: decoding and checking it.
        const { received } = this.#open.get(stream)?.pending ?? { received: 0 };
        return 1 + (received + length) / BYTES_PER_UNIT;
      }
      case FrameType.HEADERS:
      case FrameType.RST_STREAM:
        return 1;
      case FrameType.WINDOW_UPDATE:
        return 1 / 64;
      default:
        return 1 / 8;
    }
  }

  /** Counts a frame that is about to be read. */
  begin(frame: FrameHeader, payload: Uint8Array): boolean | Uint8Array | HeaderBlock {
    const { type, flags, stream, length } = frame;
    const ends = (flags & FLAG_END_STREAM) !== 0;
    switch (type) {
      case FrameType.HEADERS:
        if (stream > this.#lastStream) this.#opened(stream);
        if (ends) this.#completed(stream);
        if ((flags & FLAG_END_HEADERS) !== 0) break;
        return this.#collect(this.#block = new HeaderBlock(frame), frame);
      case FrameType.CONTINUATION:
        this.#useToken();
        if (this.#block) return this.#collect(this.#block, frame);
        break;
      case FrameType.DATA:
        this.#received(frame, payload);
        if (ends) this.#completed(stream);
        else if (length === 0) this.#useToken();
        break;
      case FrameType.WINDOW_UPDATE:
        break;
      case FrameType.SETTINGS:
        this.#useToken();
        if ((flags & FLAG_ACK) !== 0) return this.#settingsAcks.passes(length);
        this.#shared.requests.release(this.#opening);
        return true;
      case FrameType.RST_STREAM:
        this.#completed(stream);
        this.#useToken();
        break;
      default:
        this.#useToken();
    }
    return this.#settingsAcks.next();
  }

  /** Adds a frame to a header block in several frames. */
  #collect(block: HeaderBlock, frame: FrameHeader): HeaderBlock {
    block.begin(frame);
    const request = this.#open.get(block.stream);
    if (request) this.#shared.requests.receive(request.pending, frame.length);
    if (request && block.bytes > MAX_METADATA_BYTES) {
      request.refusal = metadataError(block.bytes);
    }
    if (block.bytes > MAX_BLOCK_BYTES) {
      this.#drop("metadata", `A request has more than ${MAX_BLOCK_BYTES} bytes of metadata`);
    }
    if ((frame.flags & FLAG_END_HEADERS) !== 0) {
      this.#block = undefined;
      const { refusal } = request ?? {};
      if (refusal) {
        this.#shared.refusals.report("metadata", this.peer, refusal.message);
      }
    }
    return block;
  }

  /** Monotonic ms since which no stream is open; undefined while one is. */
  idleSince(): number | undefined {
    return this.#open.size > 0 ? undefined : this.#idleSince;
  }

  #closed(id: number): void {
    this.#open.delete(id);
    if (this.#open.size === 0) {
      this.#idleSince = this.#shared.clock.monotonic();
    }
  }

  /** Ids of the streams that HTTP/2 has opened and not closed. */
  #openStreams(): number[] {
    return [...this.#open].filter(([, { stream }]) => stream !== undefined && !stream.destroyed)
      .map(([id]) => id);
  }

  /** Ends at most `count` streams of a connection that has ended or will. */
  endStreams(count: number): number {
    let ended = 0;
    for (const [id, { stream }] of this.#open) {
      if (ended === count) break;
      this.#open.delete(id);
      if (stream === undefined || stream.destroyed) continue;
      stream.close(constants.NGHTTP2_CANCEL);
      stream.destroy();
      ended++;
    }
    return ended;
  }

  /**
   * Counts a stream of HTTP/2 with its frames, and replaces its methods.
   *
   * @returns why it is refused; `undefined` when it is not
   */
  attach(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    { isDuplex }: { readonly isDuplex: boolean },
  ): CallError | undefined {
    const id = stream.id ?? 0;
    const request = this.#open.get(id);
    if (request === undefined) {
      this.#refuseOverLimit(stream);
      return undefined;
    }
    const { pending } = request;
    const { requests, endedStreams } = this.#shared;
    if ((headers["grpc-encoding"] ?? "identity") !== "identity") {
      pending.isCompressed = true;
      // Bytes that arrived with the headers were counted without this.
      requests.receive(pending, 0);
    }
    request.stream = stream;
    request.isDuplex = isDuplex;
    if (isDuplex && pending.received > 0) requests.stopDeadline(pending);
    patchStream(stream, {
      roundRobin: this.#roundRobin,
      backlog: this.#backlog,
      endedStreams,
      onResponse: (isEnd) => {
        requests.answer(pending);
        if (isEnd && !pending.isComplete) closeUnread(stream);
      },
    });
    stream.once("close", () => {
      requests.release(pending);
      this.#closed(id);
    });
    // It may have closed before this event.
    if (stream.destroyed) {
      requests.release(pending);
      this.#closed(id);
    }
    return request.refusal;
  }

  #opened(id: number): void {
    this.#lastStream = id;
    const { requests, limits } = this.#shared;
    if (this.#open.size >= limits.maxStreamsPerConnection) return;
    this.#open.set(id, {
      pending: requests.open((fault) => this.#refuse(id, fault)),
      stream: undefined,
      isDuplex: false,
      refusal: undefined,
    });
  }

  /** Clients retry such a stream: it was not processed (RFC 9113, 8.7). */
  #refuseOverLimit(stream: ServerHttp2Stream): void {
    const { limits, refusals } = this.#shared;
    refusals.report(
      "streams_per_connection",
      this.peer,
      `The connection has ${limits.maxStreamsPerConnection} open streams, ` +
        "as many as STREAM_PROXY_MAX_STREAMS_PER_CONNECTION allows",
    );
    stream.close(constants.NGHTTP2_REFUSED_STREAM);
    stream.destroy();
    this.#useToken();
  }

  #received(frame: FrameHeader, payload: Uint8Array): void {
    const request = this.#open.get(frame.stream);
    if (request === undefined) return;
    const { pending } = request;
    const { requests } = this.#shared;
    // A client may keep such a stream open and send at any time.
    if (request.isDuplex) requests.stopDeadline(pending);
    else if ((frame.flags & FLAG_PADDED) === 0) pending.readPrefix(payload);
    requests.receive(pending, frame.length);
  }

  #completed(id: number): void {
    const request = this.#open.get(id);
    if (request) this.#shared.requests.complete(request.pending);
  }

  /** Ends the call of an unfinished request. */
  #refuse(id: number, fault: RequestFault): void {
    const request = this.#open.get(id);
    if (request === undefined) return;
    const { stream, pending } = request;
    const { limits, refusals } = this.#shared;
    const [limit, error] = requestError(fault, pending.size, limits);
    if (this.#block?.stream === id) return this.#drop(limit, error.message);
    refusals.report(limit, this.peer, error.message);
    if (stream === undefined) request.refusal = error;
    else sendError(stream, error);
  }

  /** Limits the rate of frames of which no client library sends many. */
  #useToken(): void {
    const now = this.#shared.clock.monotonic();
    const refilled = this.#tokens + (now - this.#refilledAt) * CONTROL_PER_MS;
    this.#refilledAt = now;
    this.#tokens = Math.min(CONTROL_BURST, refilled) - 1;
    if (this.#tokens < 0) {
      this.#drop("frames", `More than ${1000 * CONTROL_PER_MS} resets and control frames a second`);
    }
  }

  #drop(limit: RefusalReason, reason: string): void {
    const socket = this.#socket;
    const session = this.session;
    this.#shared.refusals.report(limit, this.peer, reason);
    this.#reader.stop();
    socket.pause();
    if (session && !session.destroyed) {
      session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    }
    setImmediate(() => socket.resetAndDestroy());
  }
}
