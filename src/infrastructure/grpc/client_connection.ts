/**
 * One client's connection within the limits: what each frame costs, which
 * requests are unfinished, and when the connection is reset.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import {
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerStreamResponseOptions,
} from "node:http2";
import type { Socket } from "node:net";
import type { Clock } from "../../application/ports/clock.ts";
import type { RefusalReason } from "../../application/status/counters.ts";
import type { CallError } from "./call_error.ts";
import {
  FLAG_ACK,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FLAG_PADDED,
  type FrameHeader,
  FrameType,
} from "./frame_reader.ts";
import { HeaderBlock, MAX_BLOCK_BYTES } from "./header_block.ts";
import { type FrameRules, PacedSocket } from "./paced_socket.ts";
import type {
  PendingRequest,
  PendingRequests,
  RequestFault,
} from "./pending_requests.ts";
import type { ReadScheduler } from "./read_scheduler.ts";
import { closeUnread, refuseStream } from "./refuse_stream.ts";
import { MAX_METADATA_BYTES, metadataError, requestError } from "./refusals.ts";
import type { RefusalLog } from "./refusal_log.ts";
import { SETTINGS_ACK, streamLimit } from "./settings_frames.ts";
import { type BacklogShare, SocketBacklog } from "./socket_backlog.ts";

/** A compression flag and a length in four bytes. */
const PREFIX_BYTES = 5;
/** Bytes of a request whose decoding costs one unit of work. */
const BYTES_PER_UNIT = 4_096;
/** Resets and control frames that a connection may send at one time. */
const CONTROL_BURST = 10_000;
/** Resets and control frames that a connection may send each second. */
const CONTROL_PER_MS = 1;

/** What a connection is made of. */
export interface ClientConnectionOptions {
  readonly socket: Socket;
  /** Gives the socket to HTTP/2; returns the session. */
  readonly serve: () => ServerHttp2Session | undefined;
  readonly scheduler: ReadScheduler;
  readonly requests: PendingRequests;
  readonly backlogShare: BacklogShare;
  readonly limits: {
    readonly maxStreamsPerConnection: number;
    readonly maxPendingRequestBytes: number;
    readonly requestTimeoutMs: number;
  };
  readonly log: RefusalLog;
  readonly clock: Pick<Clock, "monotonic">;
}

/** A stream that a client has opened, from its HEADERS to its close. */
interface OpenRequest {
  readonly pending: PendingRequest;
  /** Unknown between the frame and HTTP/2's event. */
  stream: ServerHttp2Stream | undefined;
  /** Whether requests and answers alternate. */
  isDuplex: boolean;
  /** Why it is refused, where that was decided before HTTP/2's event. */
  refusal: CallError | undefined;
}

/** Applies the limits to one connection. */
export class ClientConnection implements FrameRules {
  /** Address and port of the client. */
  readonly peer: string;
  /** What its client has not read. */
  readonly backlog: SocketBacklog;
  readonly #options: ClientConnectionOptions;
  readonly #reader: PacedSocket;
  #session: ServerHttp2Session | undefined;
  readonly #open = new Map<number, OpenRequest>();
  /** When the last open stream closed, or the connection was accepted. */
  #idleSince: number;
  /** The connection's own opening: preface and SETTINGS. */
  readonly #opening: PendingRequest;
  #lastStream = 0;
  /** A header block whose last frame has not begun. */
  #block: HeaderBlock | undefined;
  #isAcknowledged = false;
  /** Acknowledgements that the client owes for our opening frames. */
  #unacknowledged = 2;
  #tokens = CONTROL_BURST;
  #refilledAt: number;

  constructor(options: ClientConnectionOptions) {
    const { socket, clock, scheduler, requests } = options;
    this.#options = options;
    this.peer = `${socket.remoteAddress}:${socket.remotePort}`;
    this.backlog = new SocketBacklog(socket, options.backlogShare);
    this.#refilledAt = clock.monotonic();
    this.#idleSince = this.#refilledAt;
    this.#opening = requests.open(() =>
      this.#drop(
        "request_time",
        `No HTTP/2 preface within ${options.limits.requestTimeoutMs} ms, ` +
          "the limit of STREAM_PROXY_REQUEST_TIMEOUT_SECS",
      )
    );
    this.#reader = new PacedSocket(socket, {
      serve: () => this.#session = options.serve(),
      scheduler,
      rules: this,
      backlog: this.backlog,
    });
    socket.write(streamLimit(options.limits.maxStreamsPerConnection));
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

  /** Keeps account of a frame that is about to be read. */
  begin(
    frame: FrameHeader,
    payload: Uint8Array,
  ): boolean | Uint8Array | HeaderBlock {
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
        return this.#settings(frame);
      case FrameType.RST_STREAM:
        this.#completed(stream);
        this.#useToken();
        break;
      default:
        this.#useToken();
    }
    return this.#acknowledgement();
  }

  /** A frame's part of a header block in several frames. */
  #collect(block: HeaderBlock, frame: FrameHeader): HeaderBlock {
    block.begin(frame);
    const request = this.#open.get(block.stream);
    if (request) this.#options.requests.receive(request.pending, frame.length);
    if (request && block.bytes > MAX_METADATA_BYTES) {
      request.refusal = metadataError(block.bytes);
    }
    if (block.bytes > MAX_BLOCK_BYTES) {
      this.#drop(
        "metadata",
        `A request has more than ${MAX_BLOCK_BYTES} bytes of metadata`,
      );
    }
    if ((frame.flags & FLAG_END_HEADERS) !== 0) {
      this.#block = undefined;
      const { refusal } = request ?? {};
      if (refusal) {
        this.#options.log.report("metadata", this.peer, refusal.message);
      }
    }
    return block;
  }

  /**
   * Settings of the client pass. Its acknowledgements of our two opening frames
   * do not: `#acknowledgement` has made the one that HTTP/2 expects.
   */
  #settings({ flags, length }: FrameHeader): boolean {
    if ((flags & FLAG_ACK) === 0) {
      this.#options.requests.release(this.#opening);
      return true;
    }
    // With a payload it is an error, which HTTP/2 answers.
    if (length > 0 || this.#unacknowledged === 0) return true;
    this.#unacknowledged--;
    return false;
  }

  /**
   * Our first settings are acknowledged here, in the place of the client, right
   * behind its own: they only raise what it may send.
   */
  #acknowledgement(): boolean | Uint8Array {
    if (this.#isAcknowledged) return true;
    this.#isAcknowledged = true;
    return SETTINGS_ACK;
  }

  /** Monotonic ms since which no stream is open; undefined while one is. */
  idleSince(): number | undefined {
    return this.#open.size > 0 ? undefined : this.#idleSince;
  }

  #closed(id: number): void {
    this.#open.delete(id);
    if (this.#open.size === 0) {
      this.#idleSince = this.#options.clock.monotonic();
    }
  }

  /** Ends streams whose client is gone. */
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

  /** The session that HTTP/2 made of the connection. */
  get session(): ServerHttp2Session | undefined {
    return this.#session;
  }

  /**
   * Ties the stream of HTTP/2 to its frames.
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
    const { requests } = this.#options;
    if ((headers["grpc-encoding"] ?? "identity") !== "identity") {
      pending.isCompressed = true;
      // Bytes that arrived with the headers were counted without this.
      requests.receive(pending, 0);
    }
    request.stream = stream;
    request.isDuplex = isDuplex;
    if (isDuplex && pending.received > 0) requests.stopDeadline(pending);
    const respond = stream.respond;
    stream.respond = (
      headers?: OutgoingHttpHeaders,
      options?: ServerStreamResponseOptions,
    ) => {
      respond.call(stream, headers, options);
      requests.answer(pending);
      if (options?.endStream && !pending.isComplete) closeUnread(stream);
    };
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
    const { requests, limits } = this.#options;
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
    const { limits, log } = this.#options;
    log.report(
      "streams_per_connection",
      this.peer,
      `The connection has ${limits.maxStreamsPerConnection} open streams, ` +
        "as many as STREAM_PROXY_MAX_STREAMS_PER_CONNECTION allows",
    );
    stream.on("error", () => {});
    stream.close(constants.NGHTTP2_REFUSED_STREAM);
    stream.destroy();
    this.#useToken();
  }

  #received(frame: FrameHeader, payload: Uint8Array): void {
    const request = this.#open.get(frame.stream);
    if (request === undefined) return;
    const { pending } = request;
    const { requests } = this.#options;
    // A client may keep such a stream open and send when it likes.
    if (request.isDuplex) requests.stopDeadline(pending);
    else if (pending.received === 0 && (frame.flags & FLAG_PADDED) === 0) {
      const message = announcedBytes(payload);
      if (message > 0) requests.announce(pending, message);
    }
    requests.receive(pending, frame.length);
  }

  #completed(id: number): void {
    const request = this.#open.get(id);
    if (request) this.#options.requests.complete(request.pending);
  }

  /** Ends the call of an unfinished request. */
  #refuse(id: number, fault: RequestFault): void {
    const request = this.#open.get(id);
    if (request === undefined) return;
    const { stream, pending } = request;
    const { limits, log } = this.#options;
    const [limit, error] = requestError(
      fault,
      Math.max(pending.received, pending.announced),
      limits,
    );
    if (this.#block?.stream === id) return this.#drop(limit, error.message);
    log.report(limit, this.peer, error.message);
    if (stream === undefined) request.refusal = error;
    else refuseStream(stream, error);
  }

  /** One of the frames of which no client sends many. */
  #useToken(): void {
    const now = this.#options.clock.monotonic();
    const refilled = this.#tokens + (now - this.#refilledAt) * CONTROL_PER_MS;
    this.#refilledAt = now;
    this.#tokens = Math.min(CONTROL_BURST, refilled) - 1;
    if (this.#tokens < 0) {
      this.#drop(
        "frames",
        `More than ${1000 * CONTROL_PER_MS} resets and control frames a second`,
      );
    }
  }

  #drop(limit: RefusalReason, reason: string): void {
    const { socket, log } = this.#options;
    const session = this.#session;
    log.report(limit, this.peer, reason);
    this.#reader.stop();
    socket.pause();
    if (session && !session.destroyed) {
      session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    }
    setImmediate(() => socket.resetAndDestroy());
  }
}

/** Bytes of a gRPC message and its prefix; 0 when they are not known yet. */
function announcedBytes(payload: Uint8Array): number {
  if (payload.length < PREFIX_BYTES) return 0;
  const { buffer, byteOffset } = payload;
  return PREFIX_BYTES + new DataView(buffer, byteOffset).getUint32(1);
}
