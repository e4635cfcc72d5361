/**
 * Limits what clients may use up, before a call is made of a stream.
 *
 * Every limit has a total over all connections, so that no client can use up the proxy:
 *
 * - streams of a connection: announced by SETTINGS, and refused beyond it with REFUSED_STREAM;
 * - streaming calls in all: RESOURCE_EXHAUSTED, while unary calls (status, health) have a reserve
 *   of their own, and with a policy so do calls without an identity;
 * - streaming calls that a connection or an address opens per second: RESOURCE_EXHAUSTED;
 * - bytes and time of unfinished requests: `pending_requests.ts`;
 * - metadata of a call: RESOURCE_EXHAUSTED;
 * - work of one turn of the event loop: `turn_scheduler.ts`;
 * - resets and control frames of a connection: above a rate that no client library reaches, the
 *   connection is reset;
 * - PINGs of a connection without a response between them: `ping_budget.ts`.
 *
 * @module
 */
import type { Socket } from "node:net";
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { PeerCertificate } from "../../../application/access/access.ts";
import type { ConnectionLimits } from "../../../application/connections/connection_limits.ts";
import { OpeningRate } from "../../../application/limits/opening_rate.ts";
import type { ConnectionSecurity } from "../../../application/connections/connection_security.ts";
import type { Clock } from "../../../application/ports/clock.ts";
import type { RefusalReason } from "../../../application/status/counters.ts";
import { type CallError, openedTooOften } from "../call_error.ts";
import type { CallIdentities } from "../call_identities.ts";
import type { Methods } from "../methods.ts";
import { WriteCorker } from "../http2_workarounds/cork_writes.ts";
import { TakenWrites } from "../http2_workarounds/data_frames.ts";
import { MAX_BLOCK_BYTES } from "../http2_workarounds/header_block.ts";
import type { ServerStream } from "../http2_workarounds/server_stream.ts";
import type { SessionEndOptions } from "../http2_workarounds/session_end.ts";
import { BacklogShare } from "../http2_workarounds/socket_backlog.ts";
import { EndedStreams, guardStream, sendError } from "../http2_workarounds/stream_end.ts";
import { rejectNonGrpc } from "../reject_non_grpc.ts";
import type { CallCounts, MethodKind } from "./call_counts.ts";
import { ClientConnection, type ConnectionShared } from "./client_connection.ts";
import { ConnectionEnds, type ConnectionEndsOptions } from "./connection_ends.ts";
import type { PendingRequests } from "./pending_requests.ts";
import { MAX_METADATA_BYTES, metadataError, type RefusalLog } from "./refusals.ts";
import { READ_LIMITS, TurnScheduler } from "./turn_scheduler.ts";

/** What clients may use up. */
export interface AdmissionLimits {
  /** Streams of one connection. */
  readonly maxStreamsPerConnection: number;
  /** Streaming calls of all connections. */
  readonly maxStreams: number;
  /** Bytes of unfinished requests of all connections. */
  readonly maxPendingRequestBytes: number;
  /** Time in which a request has to arrive whole, in ms. */
  readonly requestTimeoutMs: number;
  /** Age, give or take 10 %, at which a connection is sent GOAWAY, in ms; 0 never. @default 0 */
  readonly maxConnectionAgeMs?: number;
  /** Time that its streams have then until they end with UNAVAILABLE, in ms. @default 0 */
  readonly connectionGraceMs?: number;
}

/** What HTTP/2 adds to each header when it measures a list of them. */
const HEADER_OVERHEAD = 32;

/** What {@linkcode Admission} needs. */
interface AdmissionOptions
  extends
    Omit<SessionEndOptions, "scheduler">,
    Pick<ConnectionEndsOptions, "announceEnd" | "calls"> {
  /** Counts and limits the connections of this and all other ports. */
  readonly connections: ConnectionLimits;
  readonly limits: AdmissionLimits;
  /** Limits how often streams are opened. @default no limit */
  readonly openings?: OpeningRate | undefined;
  /** Unfinished requests of this and all other ports. */
  readonly requests: PendingRequests;
  /** Open calls of this and all other ports. */
  readonly counts: CallCounts;
  /** The methods that are served. */
  readonly methods: Pick<Methods, "kindOf" | "serve">;
  readonly refusals: RefusalLog;
  readonly identities: CallIdentities;
  readonly clock: Clock;
  /** Encrypts the connections. @default none */
  readonly security?: ConnectionSecurity<Socket> | undefined;
}

/** Admits connections and streams, and serves them. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #shared: ConnectionShared;
  readonly #sockets = new Set<Socket>();
  readonly #open = new Set<ClientConnection>();
  /** Sockets whose handshake is not complete. */
  readonly #handshaking = new Set<Socket>();
  readonly #ends: ConnectionEnds;
  readonly #corker = new WriteCorker();
  readonly #connections = new WeakMap<object, ClientConnection>();
  /** Makes sessions of connections; it does not listen. */
  readonly #http2: Http2Server;
  /** The session of the connection that is being given to HTTP/2. */
  #opening: ServerHttp2Session | undefined;

  constructor(options: AdmissionOptions) {
    const { clock } = options;
    this.#options = options;
    this.#ends = new ConnectionEnds(options);
    const scheduler = new TurnScheduler(READ_LIMITS);
    this.#shared = {
      ...options,
      openings: options.openings ?? new OpeningRate(0, clock),
      scheduler,
      backlogShare: new BacklogShare(),
      taken: new TakenWrites(),
      endedStreams: new EndedStreams(clock, scheduler),
    };
    const http2 = this.#http2 = createServer({
      maxSendHeaderBlockLength: Number.MAX_SAFE_INTEGER,
      // The limits here are tighter; HTTP/2 would end connections with many streams.
      maxSessionMemory: Number.MAX_SAFE_INTEGER,
    });
    http2.setTimeout(0);
    http2.updateSettings({
      maxFrameSize: MAX_BLOCK_BYTES,
      maxHeaderListSize: MAX_METADATA_BYTES,
    });
    http2.on("session", (session) => this.#opening = session);
    http2.on("stream", (stream, headers) => {
      // Node's types name the class that both ends of a stream have in common.
      this.#begin(stream as ServerHttp2Stream, headers);
    });
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Admits a new connection, encrypts it where the port has TLS, and limits it. */
  connect(socket: Socket): void {
    // HTTP/2 ends its streams when the socket closes; an error before that has no other listener,
    // and without one it would end the process.
    socket.on("error", () => {});
    const acceptedAt = this.#options.clock.monotonic();
    // Undefined until the handshake is complete.
    let connection: ClientConnection | undefined;
    const release = this.#options.connections.admit("grpc", {
      close: () => socket.resetAndDestroy(),
      announceClose: () => connection?.announceClose(),
      bytes: () => ({ received: socket.bytesRead, sent: socket.bytesWritten }),
      idleSince: () => connection === undefined ? acceptedAt : connection.idleSince,
      address: socket.remoteAddress,
      port: socket.remotePort,
    });
    if (release === undefined) {
      socket.resetAndDestroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      release();
    });
    socket.setNoDelay(true);
    const { security } = this.#options;
    if (security === undefined) {
      connection = this.#serve(socket);
      return;
    }
    this.#handshaking.add(socket);
    socket.once("close", () => this.#handshaking.delete(socket));
    security.secure(socket, (secured, certificate) => {
      this.#handshaking.delete(socket);
      connection = this.#serve(secured, certificate);
    });
  }

  /** @param certificate of the client, which TLS has verified */
  #serve(socket: Socket, certificate?: PeerCertificate): ClientConnection {
    this.#corker.attach(socket);
    const connection = new ClientConnection(
      socket,
      () => {
        this.#http2.emit("connection", socket);
        // HTTP/2 announces the session in the same call.
        const session = this.#opening;
        this.#opening = undefined;
        return session;
      },
      this.#shared,
      certificate,
    );
    const { session } = connection;
    if (session) {
      this.#connections.set(session, connection);
      this.#open.add(connection);
      socket.once("close", () => this.#open.delete(connection));
      const closed = new AbortController();
      socket.once("close", () => closed.abort());
      void this.#ends.watch(connection, closed.signal);
    }
    return connection;
  }

  /** Asks the clients of connections without a stream for `idleMs` to open none any more. */
  announceClose(idleMs: number): void {
    const before = this.#options.clock.monotonic() - idleMs;
    for (const connection of this.#open) {
      const { idleSince = Infinity } = connection;
      if (idleSince <= before) connection.announceClose();
    }
  }

  /** Closes the sessions of all connections. */
  closeSessions(): void {
    for (const { session } of this.#open) if (!session?.closed) session?.close();
  }

  /** Resets the connections whose handshake is not complete. */
  resetHandshakes(): void {
    for (const socket of [...this.#handshaking]) socket.resetAndDestroy();
  }

  /**
   * Resets all open connections: after an orderly close, clients report streams without a status as
   * CANCELLED, which existing ones never retry.
   */
  resetAll(): void {
    for (const socket of [...this.#sockets]) socket.resetAndDestroy();
  }

  /** Resolves when the streams of all connections that closed have ended. */
  idle(): Promise<void> {
    return this.#shared.scheduler.idle();
  }

  /** Serves a new stream, unless it is refused. */
  #begin(http2: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    guardStream(http2);
    const { session } = http2;
    const connection = session && this.#connections.get(session);
    const kind = this.#options.methods.kindOf(headers[":path"] ?? "");
    const attached = connection?.attach(http2, headers, kind === "bidi_streaming");
    if (connection === undefined || attached === undefined) return;
    const { stream, refusal } = attached;
    const serveUnless = (error: CallError | undefined) => {
      if (stream.isClosed || rejectNonGrpc(stream, headers)) return;
      if (error) return sendError(stream, error);
      void this.#options.methods.serve(stream, headers, connection.peer);
    };
    const admitted = refusal ?? this.#admit({ stream, headers, kind, connection });
    if (admitted instanceof Promise) void admitted.then(serveUnless);
    else serveUnless(admitted);
  }

  /**
   * Counts a new stream as open until it closes.
   *
   * @returns why it is refused; `undefined` when it is not. A promise does not reject
   */
  #admit(request: NewStream): CallError | undefined | Promise<CallError | undefined> {
    const { stream, headers, kind, connection } = request;
    if (stream.isClosed) return undefined;
    const { peer } = connection;
    const bytes = metadataBytes(headers);
    if (bytes > MAX_METADATA_BYTES) return this.#refuse("metadata", peer, metadataError(bytes));
    const isUnary = kind === "unary" || kind === undefined;
    const tooOften = isUnary ? undefined : connection.checkOpening();
    if (tooOften) return this.#refuse("stream_openings", peer, openedTooOften(tooOften));
    return this.#authenticate(request);
  }

  /** Authenticates the client of a stream, then counts the stream. */
  #authenticate(
    { stream, headers, kind, connection }: NewStream,
  ): CallError | undefined | Promise<CallError | undefined> {
    const { counts, identities } = this.#options;
    const { peer, address } = connection;
    const onOver = (listener: () => void) => stream.onClosed(listener);
    if (identities.isOpenToAll(headers[":path"] ?? "")) {
      return counts.openWithoutIdentity(kind, peer, address, onOver) ??
        identities.admit(stream, headers, connection);
    }
    const refusal = identities.admit(stream, headers, connection);
    const open = () => counts.open(kind, peer, onOver, identities.nameOf(stream));
    if (!(refusal instanceof Promise)) return refusal ?? open();
    const endVerifying = counts.beginVerifying(peer, address);
    if (typeof endVerifying !== "function") return endVerifying;
    // One that has closed meanwhile would stay counted.
    return refusal.finally(endVerifying).then((error) =>
      error ?? (stream.isClosed ? undefined : open())
    );
  }

  #refuse(limit: RefusalReason, peer: string, error: CallError): CallError {
    this.#options.refusals.report(limit, peer, error.message);
    return error;
  }
}

/** A stream that is to be admitted. */
interface NewStream {
  readonly stream: ServerStream;
  readonly headers: IncomingHttpHeaders;
  readonly kind: MethodKind | undefined;
  readonly connection: ClientConnection;
}

/** Bytes of a request's headers as HTTP/2 counts them. */
function metadataBytes(headers: IncomingHttpHeaders): number {
  let bytes = 0;
  for (const name in headers) {
    const value = headers[name];
    const values = Array.isArray(value) ? value : [value];
    for (const one of values) {
      bytes += name.length + (one?.length ?? 0) + HEADER_OVERHEAD;
    }
  }
  return bytes;
}
