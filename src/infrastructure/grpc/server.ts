/**
 * The gRPC server: all services on one port.
 *
 * It listens by itself and gives each connection to node:http2, so that a connection can be limited
 * before HTTP/2 reads it, and be reset: clients report an orderly close as CANCELLED, which
 * existing ones never retry, and a reset as UNAVAILABLE, after which they reconnect.
 *
 * It stops in this order: refuse new streams and connections, end the open streams one after the
 * other with UNAVAILABLE and the reason (those with notices after a notice and up to a second),
 * send GOAWAY on each connection after the status of its last stream, and reset the remaining
 * connections after the grace period. No market data stream ends with OK or CANCELLED, because
 * existing clients would not reconnect.
 *
 * @module
 */
import { createServer as createTcpServer, type Server as TcpServer, type Socket } from "node:net";
import { type Access, OPEN_ACCESS } from "../../application/access/access.ts";
import type { StreamAudit } from "../../application/admin/stream_audit.ts";
import type { ConnectionLimits } from "../../application/connections/connection_limits.ts";
import type { ConnectionSecurity } from "../../application/connections/connection_security.ts";
import { openPort } from "../../application/connections/open_port.ts";
import { OpeningRate } from "../../application/limits/opening_rate.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import type { Tracing } from "../../application/ports/tracing.ts";
import type { ProxyCounters } from "../../application/status/counters.ts";
import type { StatusSource } from "../../application/status/status.ts";
import type { SubscriptionSource } from "../../application/status/reports.ts";
import type { ClientStreams } from "../../application/streaming/client_streams.ts";
import type { MarketStreams } from "../../application/streaming/market_streams.ts";
import { StreamProxyService } from "../../gen/cream/v1/stream_proxy_pb.ts";
import { file_google_rpc_error_details } from "../../gen/google/rpc/error_details_pb.ts";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { CallError, unavailable } from "./call_error.ts";
import { CallIdentities } from "./call_identities.ts";
import { Expirations } from "./expirations.ts";
import { healthHandlers } from "./health_service.ts";
import { Admission, type AdmissionLimits } from "./limits/admission.ts";
import { CallCounts } from "./limits/call_counts.ts";
import { PendingRequests } from "./limits/pending_requests.ts";
import { RefusalLog } from "./limits/refusals.ts";
import { Methods, serve, type ServedService } from "./methods.ts";
import { OpenCalls } from "./open_calls.ts";
import { Reflection, reflectionHandlers } from "./reflection_service.ts";
import type { RequestLimits } from "./request_filters.ts";
import { largestRequest } from "./request_validator.ts";
import { streamProxyHandlers } from "./stream_proxy_service.ts";
import type { WebEndpoint } from "./web/web_endpoint.ts";
import { WriteTicker } from "./stream_pump.ts";
import { PendingResponses } from "./unary_responses.ts";

/** Default timeout of a ping, in ms. */
const KEEPALIVE_TIMEOUT_MS = 20_000;
/** Grace period of a server that is disposed without `stop`, in ms. */
const DISPOSE_GRACE_MS = 1_000;
/** Time for clients to read the status of their streams, in ms. */
const READ_MS = 100;
/** Lower bound of the request size limit, in bytes. */
const MIN_RECEIVE_BYTES = 4 * 1024 * 1024;
/** The reflection service of older tools; it has the same messages. */
const OLD_REFLECTION = "grpc.reflection.v1alpha.ServerReflection";

/** Options of a {@linkcode GrpcServer}. */
export interface ServeGrpcOptions extends RequestLimits {
  /** Address to listen on. */
  readonly host: string;
  /** 0 for a free port. */
  readonly port: number;
  readonly streams: MarketStreams;
  /** The open streams, to end them. */
  readonly clients: Pick<ClientStreams, "announceEnd" | "endAll">;
  readonly status: StatusSource;
  /** Subscriptions of each feed, for the status on request. @default not reported */
  readonly subscriptions: SubscriptionSource | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly tracing: Tracing;
  /** Administration, for identities with the grant for it. @default not offered */
  readonly admin?: ServedService | undefined;
  /** Logs streams that are refused. @default none */
  readonly audit?: Pick<StreamAudit, "refused"> | undefined;
  /** Authenticates clients. @default authentication is off */
  readonly access?: Access | undefined;
  /** Counts and limits the connections of this and all other ports. */
  readonly connections: ConnectionLimits;
  /** Encrypts the connections. @default none */
  readonly security?: ConnectionSecurity<Socket> | undefined;
  /** Limits of clients and connections. */
  readonly admission: AdmissionLimits;
  /** Limits how often streams are opened. @default no limit */
  readonly openings?: OpeningRate | undefined;
  /** Counts refusals by limit. */
  readonly refusals: ProxyCounters["refusals"];
  /** Longest delay in ms of a busy stream's messages, for larger writes; 0 is none. */
  readonly maxBatchDelayMs: number;
  /** Interval of pings on a connection, in ms. */
  readonly keepaliveMs: number;
  /**
   * Timeout of a ping in ms; then the connection is reset, which clients report as UNAVAILABLE.
   *
   * @default 20_000
   */
  readonly keepaliveTimeoutMs?: number;
}

/** How the services are served over HTTP/1.1. */
interface WebOptions {
  /** Origins of pages that may call; `*` is every page. */
  readonly origins: readonly string[];
  /** Connections of the HTTP ports at a time. */
  readonly maxHttpConnections: number;
  /** The same of one address; 0 for no limit. @default 0 */
  readonly maxHttpConnectionsPerAddress?: number;
}

/** A running gRPC server. */
export class GrpcServer implements AsyncDisposable {
  readonly #options: ServeGrpcOptions;
  readonly #calls: OpenCalls;
  readonly #admission: Admission;
  readonly #tcpServer: TcpServer;
  readonly #serveWeb: (options: WebOptions) => Promise<WebEndpoint>;
  #port = 0;
  #stopped: Promise<void> | undefined;

  /** Serves once {@linkcode GrpcServer.open} has opened the port. */
  constructor(options: ServeGrpcOptions) {
    const { clock, log, admission, access = OPEN_ACCESS } = options;
    const refusals = new RefusalLog(options.refusals, log, clock);
    // The gRPC prefix, and padding of a few frames.
    const bounds = { ...admission, maxRequestBytes: maxRequestBytes(options) + 4_096 };
    const shared = {
      refusals,
      identities: new CallIdentities(access),
      requests: new PendingRequests(bounds, clock),
      counts: new CallCounts(admission.maxStreams, refusals),
      pending: new PendingResponses(clock, refusals),
      onError: (cause: unknown) => {
        if (!(cause instanceof CallError)) log.error("A call failed", { cause });
      },
    };
    this.#calls = new OpenCalls(new Expirations(clock));
    const services = createServices({ ...options, access }, this.#calls);
    this.#options = options;
    const methods = new Methods({
      ...shared,
      clock,
      maxRequestBytes: maxRequestBytes(options),
    });
    for (const service of services) methods.add(service);
    addReflection(methods, services, { calls: this.#calls, log });
    this.#admission = new Admission({
      keepaliveTimeoutMs: KEEPALIVE_TIMEOUT_MS,
      ...options,
      ...shared,
      calls: this.#calls,
      announceEnd: (...end) => options.clients.announceEnd(...end),
      limits: admission,
      methods,
    });
    // While a connection waits for its handshake, its bytes are left to the network.
    const tcpOptions = { pauseOnConnect: options.security !== undefined };
    this.#tcpServer = createTcpServer(tcpOptions, (socket) => this.#admission.connect(socket));
    const { openings = new OpeningRate(0, clock) } = options;
    this.#serveWeb = async (web) => {
      const { WebEndpoint } = await import("./web/web_endpoint.ts");
      return new WebEndpoint({
        ...options,
        ...shared,
        ...web,
        openings,
        bounds,
        // Administration stays on the gRPC port.
        services: services.filter((service) => service !== options.admin),
        calls: this.#calls,
      });
    };
  }

  /** Loads what serves the same services over HTTP/1.1, on an HTTP port. */
  async webEndpoint(options: WebOptions): Promise<WebEndpoint> {
    return await this.#serveWeb(options);
  }

  /**
   * Opens the port.
   *
   * @throws {CannotListen} when the address cannot be used, with the variable to change
   */
  async open(): Promise<void> {
    const { host, port, connections } = this.#options;
    const address = { host, port, purpose: "gRPC", variable: "STREAM_PROXY_GRPC_PORT" };
    this.#port = await openPort(this.#tcpServer, address, connections);
  }

  /** The listening port. */
  get port(): number {
    return this.#port;
  }

  /** Number of open streaming calls, including health and reflection. */
  get openCalls(): number {
    return this.#calls.size;
  }

  /** Number of open connections. */
  get connections(): number {
    return this.#admission.connections;
  }

  /**
   * Refuses new streams with UNAVAILABLE and reports NOT_SERVING; open streams and unary calls
   * continue.
   */
  drain(reason: string = "The proxy is shutting down"): void {
    this.#calls.refuseNew(unavailable(reason));
  }

  /**
   * Ends all streams with UNAVAILABLE and `reason`, closes the connections, and resets those that
   * are still open after `graceMs`. Later calls wait for the first.
   */
  stop(graceMs: number, reason: string = "The proxy is shutting down"): Promise<void> {
    return this.#stopped ??= this.#stop(graceMs, reason);
  }

  /** Stops with a short grace period; idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(DISPOSE_GRACE_MS);
  }

  async #stop(graceMs: number, reason: string): Promise<void> {
    const { clock, log } = this.#options;
    this.drain(reason);
    const closed = new Promise<void>((resolve) => this.#tcpServer.close(() => resolve()));
    const streams = this.#calls.size;
    const done = new AbortController();
    const expired = clock.sleep(graceMs, done.signal);
    void this.#closeIdle(done.signal);
    await Promise.race([this.#options.clients.endAll(reason, graceMs), expired]);
    // Those of other services, and those that were being opened.
    this.#calls.endAll(unavailable(reason));
    await Promise.race([this.#calls.whenEmpty(), expired]);
    // A client whose connection ends together with its streams can report the lost connection
    // instead of the status, so it gets time to read.
    if (streams > 0) {
      await Promise.race([clock.sleep(READ_MS, done.signal), expired]);
    }
    // Not earlier: on Deno 2.9.6, closing a session aborts its open streams, and their status would
    // be lost.
    this.#admission.closeSessions();
    this.#admission.resetHandshakes();
    await Promise.race([closed, expired]);
    done.abort();

    if (this.connections > 0) {
      log.warn("Grace period expired; closing client connections", {
        connections: this.connections,
        streams: this.openCalls,
      });
      this.#admission.resetAll();
    }
    await closed;
    await this.#admission.idle();
  }

  /**
   * Announces the end of connections whose streams have ended, so that their clients open the next
   * stream elsewhere. Not earlier: connect-es 2.2.0 on Deno 2.9.6 reports streams that are open at
   * a GOAWAY as UNKNOWN instead of their status.
   */
  async #closeIdle(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.clock.sleep(READ_MS, signal);
      if (!signal.aborted) this.#admission.announceClose(READ_MS);
    }
  }
}

/** Returns the request size limit in bytes. */
function maxRequestBytes({ maxSymbols }: RequestLimits): number {
  return Math.max(MIN_RECEIVE_BYTES, largestRequest(maxSymbols));
}

/** Returns the services for clients, with handlers that all protocols share. */
function createServices(
  options: ServeGrpcOptions & { readonly access: Access },
  calls: OpenCalls,
): ServedService[] {
  const { clock, maxBatchDelayMs, admin } = options;
  const ticker = maxBatchDelayMs > 0 ? new WriteTicker(clock, maxBatchDelayMs) : undefined;
  return [
    serve(StreamProxyService, streamProxyHandlers({ ...options, limits: options, calls, ticker })),
    ...(admin ? [admin] : []),
    serve(Health, healthHandlers({ ...options, calls })),
  ];
}

/** Adds the reflection service, which describes all services, by both of its names. */
function addReflection(
  methods: Methods,
  services: readonly ServedService[],
  deps: { readonly calls: OpenCalls; readonly log: Log },
): void {
  const listed = [...services.map(({ desc }) => desc), ServerReflection];
  const reflection = new Reflection(listed, [file_google_rpc_error_details]);
  const service = serve(ServerReflection, reflectionHandlers({ reflection, ...deps }));
  for (const name of [ServerReflection.typeName, OLD_REFLECTION]) methods.add(service, name);
}
