/**
 * One client's connection: what each frame costs, when it is dropped, and all that reads, writes
 * and ends it.
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
import type { PeerCertificate } from "../../../application/access/access.ts";
import type { CheckOpening, OpeningRate } from "../../../application/limits/opening_rate.ts";
import type { Clock } from "../../../application/ports/clock.ts";
import type { RefusalReason } from "../../../application/status/counters.ts";
import { ClientSettings, hasSettings } from "../http2_workarounds/client_settings.ts";
import { DataWriter, type TakenWrites } from "../http2_workarounds/data_frames.ts";
import {
  closeNotice,
  FLAG_ACK,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  type FrameHeader,
  FrameType,
} from "../http2_workarounds/frames.ts";
import { HeaderBlock, MAX_BLOCK_BYTES } from "../http2_workarounds/header_block.ts";
import { LateData } from "../http2_workarounds/late_data.ts";
import {
  type CollectedFrames,
  type FrameRules,
  PacedSocket,
} from "../http2_workarounds/paced_socket.ts";
import type { StreamConnection } from "../http2_workarounds/server_stream.ts";
import { SessionEnd, type SessionEndOptions } from "../http2_workarounds/session_end.ts";
import { type BacklogShare, SocketBacklog } from "../http2_workarounds/socket_backlog.ts";
import type { EndedStreams } from "../http2_workarounds/stream_end.ts";
import { SettingsAcks, streamLimit } from "../http2_workarounds/stream_limit.ts";
import { extendWindow, isSplit, SplitWindowUpdate } from "../http2_workarounds/window_update.ts";
import { type AttachedStream, ClientStreams, type ClientStreamsOptions } from "./client_streams.ts";
import type { PendingRequest } from "./pending_requests.ts";
import { PingBudget } from "./ping_budget.ts";
import { MAX_METADATA_BYTES, metadataError, type RefusalLog } from "./refusals.ts";

/** Bytes of a request whose decoding costs one unit of work. */
const BYTES_PER_UNIT = 4_096;
/** Resets and control frames that a connection may send at one time. */
const CONTROL_BURST = 10_000;
/** Resets and control frames that a connection may send per ms, on average. */
const CONTROL_PER_MS = 1;
/** Debug data of GOAWAY at which gRPC clients double their keepalive interval. */
const TOO_MANY_PINGS = "too_many_pings";

/** What all connections share. */
export interface ConnectionShared extends SessionEndOptions, ClientStreamsOptions {
  readonly clock: Clock;
  readonly openings: OpeningRate;
  readonly backlogShare: BacklogShare;
  readonly taken: TakenWrites;
  readonly endedStreams: EndedStreams;
  readonly refusals: RefusalLog;
}

/** Applies the limits to one connection. */
export class ClientConnection implements FrameRules {
  /** Address and port of the client. */
  readonly peer: string;
  /** IP address of the client. */
  readonly address: string;
  /** The verified certificate of the client; `undefined` without TLS or a certificate. */
  readonly certificate: PeerCertificate | undefined;
  /** Takes the opening of a stream. */
  readonly checkOpening: CheckOpening;
  /** The session that HTTP/2 made of the connection. */
  readonly session: ServerHttp2Session | undefined;
  readonly #socket: Socket;
  readonly #shared: ConnectionShared;
  readonly #streams: ClientStreams;
  readonly #reader: PacedSocket;
  readonly #sessionEnd: SessionEnd | undefined;
  readonly #backlog: SocketBacklog;
  readonly #data: DataWriter;
  /** What its streams share. */
  readonly #connection: StreamConnection;
  readonly #settingsAcks = new SettingsAcks();
  /** The connection's own opening: preface and SETTINGS. */
  readonly #opening: PendingRequest;
  readonly #lateData: LateData;
  /** A header block whose last frame has not begun. */
  #block: HeaderBlock | undefined;
  /** Whether the client was asked to open no more streams. */
  #isClosing = false;
  readonly #pings: PingBudget;
  #tokens = CONTROL_BURST;
  #refilledAt: number;

  /**
   * @param serve gives the socket to HTTP/2; returns the session
   * @param certificate that TLS has verified
   */
  constructor(
    socket: Socket,
    serve: () => ServerHttp2Session | undefined,
    shared: ConnectionShared,
    certificate?: PeerCertificate,
  ) {
    const { clock, requests, limits } = shared;
    this.#socket = socket;
    this.#shared = shared;
    const { remoteAddress, remotePort } = socket;
    // A client may have left already.
    this.peer = remoteAddress === undefined ? "" : `${remoteAddress}:${remotePort}`;
    this.address = remoteAddress ?? "";
    this.certificate = certificate;
    this.checkOpening = shared.openings.connection(this.address);
    this.#refilledAt = clock.monotonic();
    this.#pings = new PingBudget(clock);
    this.#lateData = new LateData((frame) => {
      if (!socket.destroyed) socket.write(frame);
    });
    this.#backlog = new SocketBacklog(socket, shared.backlogShare);
    this.#data = new DataWriter({ socket, backlog: this.#backlog, taken: shared.taken });
    this.#streams = new ClientStreams(
      shared,
      this.#data,
      (...refusal) => this.#onRefused(...refusal),
    );
    this.#connection = {
      endedStreams: shared.endedStreams,
      onResponse: (stream, isEnd) => this.#streams.answered(stream, isEnd),
      onClosed: (stream) => this.#streams.closed(stream),
    };
    this.#opening = requests.open(() =>
      this.#drop(
        "request_time",
        `No HTTP/2 preface within ${limits.requestTimeoutMs} ms, ` +
          "the limit of STREAM_PROXY_REQUEST_TIMEOUT_SECS",
      )
    );
    let session: ServerHttp2Session | undefined;
    this.#reader = new PacedSocket(socket, {
      serve: () => session = serve(),
      scheduler: shared.scheduler,
      rules: this,
      backlog: this.#backlog,
    });
    this.session = session;
    this.#sessionEnd = session && new SessionEnd(socket, session, this.#streams, shared);
    socket.write(streamLimit(limits.maxStreamsPerConnection));
  }

  /** Monotonic ms since which no stream is open; undefined while one is. */
  get idleSince(): number | undefined {
    return this.#streams.idleSince;
  }

  /**
   * Limits a stream of HTTP/2. One above the limit of streams is closed.
   *
   * @returns the stream to serve, unless it is closed
   */
  attach(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    isDuplex: boolean,
  ): AttachedStream | undefined {
    const connection = this.#connection;
    const attached = this.#streams.attach(stream, headers, { isDuplex, connection });
    if (attached) return attached;
    const { limits, refusals } = this.#shared;
    const reason = `The connection has ${limits.maxStreamsPerConnection} open streams, ` +
      "as many as STREAM_PROXY_MAX_STREAMS_PER_CONNECTION allows";
    refusals.report("streams_per_connection", this.peer, reason);
    // Clients retry such a stream: it was not processed (RFC 9113, 8.7).
    stream.close(constants.NGHTTP2_REFUSED_STREAM);
    stream.destroy();
    this.#useToken();
    return undefined;
  }

  /** Units of work: 1 is about what a new stream costs. */
  costOf({ type, flags, stream, length }: FrameHeader): number {
    switch (type) {
      case FrameType.DATA: {
        if ((flags & FLAG_END_STREAM) === 0) return 1 / 16;
        // The end of a request starts its call: decoding and checking it.
        const received = this.#streams.get(stream)?.pending.received ?? 0;
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
  begin(frame: FrameHeader, payload: Uint8Array): boolean | Uint8Array | CollectedFrames {
    const { type, flags, stream, length } = frame;
    const ends = (flags & FLAG_END_STREAM) !== 0;
    switch (type) {
      case FrameType.HEADERS:
        this.#streams.open(stream);
        if (ends) this.#streams.complete(stream);
        if ((flags & FLAG_END_HEADERS) !== 0) break;
        return this.#collect(this.#block = new HeaderBlock(frame), frame);
      case FrameType.CONTINUATION:
        this.#useToken();
        if (this.#block) return this.#collect(this.#block, frame);
        break;
      case FrameType.DATA:
        if (this.#streams.isOver(stream)) {
          this.#useToken();
          this.#lateData.drop(frame);
          return false;
        }
        this.#streams.receive(frame, payload);
        if (ends) this.#streams.complete(stream);
        else if (length === 0) this.#useToken();
        break;
      case FrameType.WINDOW_UPDATE: {
        // Within a header block it is an error, which HTTP/2 answers.
        if (this.#block) break;
        const extend = (bytes: Uint8Array) =>
          extendWindow(frame, bytes, {
            writer: this.#data,
            stream: this.#streams.get(stream)?.data,
          });
        if (isSplit(frame, payload)) return new SplitWindowUpdate(frame, extend);
        const delivered = extend(payload);
        if (delivered !== true) return delivered;
        break;
      }
      case FrameType.SETTINGS:
        this.#useToken();
        if ((flags & FLAG_ACK) !== 0) return this.#settingsAcks.passes(length);
        this.#shared.requests.release(this.#opening);
        // Within a header block it is an error, which HTTP/2 answers.
        if (this.#block || !hasSettings(frame)) return true;
        return new ClientSettings(frame, this.#data);
      case FrameType.RST_STREAM:
        this.#streams.complete(stream);
        this.#useToken();
        break;
      case FrameType.PING:
        this.#useToken();
        if ((flags & FLAG_ACK) === 0) this.#countPing();
        break;
      default:
        this.#useToken();
    }
    return this.#settingsAcks.next();
  }

  /** Asks the client, once, to open no more streams on the connection. */
  announceClose(): void {
    if (this.#isClosing || this.#socket.destroyed) return;
    this.#isClosing = true;
    this.#socket.write(closeNotice());
  }

  /** Ends the streams of a closed socket in turns of the event loop, then the session. */
  closed(endSession: () => void): void {
    this.#shared.requests.release(this.#opening);
    this.#streams.release();
    if (this.#sessionEnd) this.#sessionEnd.socketClosed(endSession);
    else endSession();
  }

  /** Adds a frame to a header block in several frames. */
  #collect(block: HeaderBlock, frame: FrameHeader): HeaderBlock {
    const { requests, refusals } = this.#shared;
    block.begin(frame);
    const open = this.#streams.get(block.stream);
    if (open) requests.receive(open.pending, frame.length);
    if (open && block.bytes > MAX_METADATA_BYTES) open.refusal = metadataError(block.bytes);
    if (block.bytes > MAX_BLOCK_BYTES) {
      this.#drop("metadata", `A request has more than ${MAX_BLOCK_BYTES} bytes of metadata`);
    }
    if ((frame.flags & FLAG_END_HEADERS) !== 0) {
      this.#block = undefined;
      if (open?.refusal) refusals.report("metadata", this.peer, open.refusal.message);
    }
    return block;
  }

  /** HTTP/2 does not make a stream of a header block that never ends. */
  #onRefused(id: number, limit: RefusalReason, reason: string): boolean {
    const isDropped = this.#block?.stream === id;
    if (isDropped) this.#drop(limit, reason);
    else this.#shared.refusals.report(limit, this.peer, reason);
    return !isDropped;
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

  /** Counts a PING that no response since the one before can be the reason for. */
  #countPing(): void {
    const sessionEnd = this.#sessionEnd;
    if (!sessionEnd || sessionEnd.hasSent() || sessionEnd.isEnding) return;
    if (!this.#pings.isExceeded()) return;
    const reason = "More than one PING a second, for long, while the proxy sent no response: " +
      "raise the client's keepalive interval to 10 s or more";
    this.#shared.refusals.report("pings", this.peer, reason);
    sessionEnd.end(constants.NGHTTP2_ENHANCE_YOUR_CALM, TOO_MANY_PINGS);
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
