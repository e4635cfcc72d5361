/**
 * The gRPC server: all services on one port.
 *
 * It stops in this order: reject new streams, end the open ones with UNAVAILABLE and the reason,
 * send GOAWAY after their status was sent, and reset the remaining connections after the grace
 * period. No market data stream ends with OK or CANCELLED, because existing clients would not
 * reconnect.
 *
 * @module
 */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { ConnectionLimits } from "../../application/connections/connection_limits.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import type { Tracing } from "../../application/ports/tracing.ts";
import { createCounters, type ProxyCounters } from "../../application/status/counters.ts";
import type { StatusSource } from "../../application/status/status.ts";
import type { SubscriptionSource } from "../../application/status/subscription_report.ts";
import type { MarketStreams } from "../../application/streaming/market_streams.ts";
import type { OptionSelection } from "../../domain/options/selection.ts";
import { StreamProxyService } from "../../gen/cream/v1/stream_proxy_pb.ts";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { batchInterceptor } from "./http2_workarounds/batch_interceptor.ts";
import { CallError, unavailable } from "./call_error.ts";
import { healthHandlers } from "./health_service.ts";
import { Admission, type AdmissionLimits, DEFAULT_ADMISSION } from "./limits/admission.ts";
import { RefusalLog } from "./limits/refusals.ts";
import { Listener, type ListenOptions } from "./listener.ts";
import { OpenCalls } from "./open_calls.ts";
import { Reflection, reflectionHandlers } from "./reflection_service.ts";
import { DEFAULT_LIMITS } from "./request_filters.ts";
import { addService, methodKinds } from "./register_service.ts";
import { largestRequest } from "./request_validator.ts";
import { streamProxyHandlers } from "./stream_proxy_service.ts";
import { WriteTicker } from "./stream_pump.ts";
import { PendingResponses } from "./unary_responses.ts";

/** Default interval of pings on a connection, in ms. */
const KEEPALIVE_MS = 60_000;
/** Default timeout of a ping, in ms. */
const KEEPALIVE_TIMEOUT_MS = 20_000;
/** Connections of a server without other limits. */
const MAX_CONNECTIONS = 2_048;
/** Grace period of a server that is disposed without `stop`, in ms. */
const DISPOSE_GRACE_MS = 1_000;
/** Time for clients to read the status of their streams, in ms. */
const READ_MS = 100;
/** Lower bound of the request size limit, in bytes. */
const MIN_RECEIVE_BYTES = 4 * 1024 * 1024;
/** The reflection service of older tools; it has the same messages. */
const OLD_REFLECTION = "grpc.reflection.v1alpha.ServerReflection";

/** Options of {@linkcode serveGrpc}. */
export interface ServeGrpcOptions {
  /** Address to listen on. */
  readonly host: string;
  /** 0 for a free port. */
  readonly port: number;
  readonly streams: MarketStreams;
  readonly status: StatusSource;
  readonly clock: Clock;
  readonly log: Log;
  readonly tracing: Tracing;
  /**
   * Counts and limits the connections of this and all other ports.
   *
   * @default limits of this port alone, at 4096 connections
   */
  readonly connections?: ConnectionLimits;
  /** See {@linkcode ListenOptions}. @default nothing is done */
  readonly keepAccepting?: ListenOptions["keepAccepting"];
  /**
   * Subscriptions of each feed, for the status on request.
   *
   * @default not reported
   */
  readonly subscriptions?: SubscriptionSource;
  /**
   * Longest list of symbols, underlyings or order ids of one stream.
   *
   * @default 20_000
   */
  readonly maxSymbols?: number;
  /**
   * Limits of clients and connections.
   *
   * @default `DEFAULT_ADMISSION`
   */
  readonly admission?: AdmissionLimits;
  /**
   * Counts rejections by limit.
   *
   * @default not counted
   */
  readonly refusals?: ProxyCounters["refusals"];
  /**
   * Used for fields that the option selection of a request does not set.
   *
   * @default `DEFAULT_SELECTION`
   */
  readonly defaultSelection?: OptionSelection;
  /**
   * Longest delay in ms of a busy stream's messages, for larger writes.
   *
   * @default 0: no delay
   */
  readonly maxBatchDelayMs?: number;
  /**
   * Interval of pings on a connection, in ms.
   *
   * @default 60_000
   */
  readonly keepaliveMs?: number;
  /**
   * Timeout of a ping in ms; then the connection is reset, which clients report as UNAVAILABLE.
   *
   * @default 20_000
   */
  readonly keepaliveTimeoutMs?: number;
}

/** A running gRPC server. */
export class GrpcServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #calls: OpenCalls;
  readonly #listener: Listener;
  readonly #endSessions: () => void;
  readonly #streamsEnded: () => Promise<void>;
  readonly #options: ServeGrpcOptions;
  #stopped: Promise<void> | undefined;

  /** Created by {@linkcode serveGrpc}. */
  constructor(parts: {
    readonly server: Server;
    readonly calls: OpenCalls;
    readonly listener: Listener;
    readonly endSessions: () => void;
    readonly streamsEnded: () => Promise<void>;
  }, options: ServeGrpcOptions) {
    this.#server = parts.server;
    this.#calls = parts.calls;
    this.#listener = parts.listener;
    this.#endSessions = parts.endSessions;
    this.#streamsEnded = parts.streamsEnded;
    this.#options = options;
  }

  /** The listening port. */
  get port(): number {
    return this.#listener.port;
  }

  /** Number of open streaming calls, including health and reflection. */
  get openCalls(): number {
    return this.#calls.size;
  }

  /** Number of open connections. */
  get connections(): number {
    return this.#listener.connections;
  }

  /**
   * Rejects new streams with UNAVAILABLE and reports NOT_SERVING; open streams and unary calls
   * continue.
   */
  drain(reason: string = "The proxy is shutting down"): void {
    this.#calls.rejectNew(unavailable(reason));
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
    const closed = this.#listener.close();
    const streams = this.#calls.size;
    this.#calls.endAll(unavailable(reason));

    const done = new AbortController();
    const expired = clock.sleep(graceMs, done.signal);
    await Promise.race([this.#calls.whenEmpty(), expired]);
    // A client whose connection ends together with its streams can report the lost connection
    // instead of the status, so it gets time to read.
    if (streams > 0) {
      await Promise.race([clock.sleep(READ_MS, done.signal), expired]);
    }
    // Not earlier: on Deno 2.9.6, closing a session aborts its open streams, and their status would
    // be lost.
    this.#endSessions();
    await Promise.race([closed, expired]);
    done.abort();

    if (this.#listener.connections > 0) {
      log.warn("Grace period expired; closing client connections", {
        connections: this.#listener.connections,
        streams: this.#calls.size,
      });
      this.#listener.resetAll();
    }
    await closed;
    await this.#streamsEnded();
    this.#server.forceShutdown();
  }
}

/** Returns the request size limit in bytes. */
function maxRequestBytes({ maxSymbols = DEFAULT_LIMITS.maxSymbols }: ServeGrpcOptions): number {
  return Math.max(MIN_RECEIVE_BYTES, largestRequest(maxSymbols));
}

function createAdmission(
  server: Server,
  options: ServeGrpcOptions,
  refusals: RefusalLog,
): Admission {
  return new Admission(server, {
    limits: options.admission ?? DEFAULT_ADMISSION,
    maxRequestBytes: maxRequestBytes(options),
    methods: new Map([
      ...methodKinds(StreamProxyService),
      ...methodKinds(Health),
      ...methodKinds(ServerReflection),
      ...methodKinds(ServerReflection, OLD_REFLECTION),
    ]),
    refusals,
    clock: options.clock,
    log: options.log,
    keepaliveMs: options.keepaliveMs ?? KEEPALIVE_MS,
    keepaliveTimeoutMs: options.keepaliveTimeoutMs ?? KEEPALIVE_TIMEOUT_MS,
  });
}

function createServer(calls: OpenCalls, refusals: RefusalLog, options: ServeGrpcOptions): Server {
  const { streams, status, clock, log, tracing } = options;
  const { maxBatchDelayMs = 0 } = options;
  const limits = {
    maxSymbols: options.maxSymbols ?? DEFAULT_LIMITS.maxSymbols,
    defaultSelection: options.defaultSelection ?? DEFAULT_LIMITS.defaultSelection,
  };
  const server = new Server({
    interceptors: [batchInterceptor],
    // Costs time for every message and is not used.
    "grpc.enable_channelz": 0,
    // grpc-js rejects larger requests, without the name of a field.
    "grpc.max_receive_message_length": maxRequestBytes(options),
  });
  const pending = new PendingResponses(clock, refusals);
  const onError = (cause: unknown) => {
    if (!(cause instanceof CallError)) log.error("A call failed", { cause });
  };
  addService(server, StreamProxyService, {
    onError,
    pending,
    handlers: streamProxyHandlers({
      streams,
      status,
      subscriptions: options.subscriptions,
      limits,
      calls,
      clock,
      log,
      tracing,
      ticker: maxBatchDelayMs > 0 ? new WriteTicker(clock, maxBatchDelayMs) : undefined,
    }),
  });
  addService(server, Health, {
    onError,
    pending,
    handlers: healthHandlers({ status, calls, clock, log }),
  });
  const services = [StreamProxyService, Health, ServerReflection];
  const reflection = new Reflection(services);
  const handlers = reflectionHandlers({ reflection, calls, log });
  for (const name of [ServerReflection.typeName, OLD_REFLECTION]) {
    addService(server, ServerReflection, { onError, pending, handlers, name });
  }
  return server;
}

/** Connection limits of a server that shares them with no other port. */
function ownLimits({ clock, log }: ServeGrpcOptions): ConnectionLimits {
  const counters = createCounters();
  return new ConnectionLimits({
    maxGrpc: MAX_CONNECTIONS,
    maxHttp: 0,
    counters,
    clock,
    log,
  });
}

/**
 * Serves gRPC without TLS until it is stopped.
 *
 * @throws {Error} when the address cannot be used, with the variable to change
 */
export async function serveGrpc(options: ServeGrpcOptions): Promise<GrpcServer> {
  const { host, port } = options;
  const calls = new OpenCalls();
  const { clock, log } = options;
  const counts = options.refusals ?? createCounters().refusals;
  const refusals = new RefusalLog(counts, log, clock);
  const server = createServer(calls, refusals, options);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const admission = createAdmission(server, options, refusals);
  const listener = await Listener.open({
    host,
    port,
    connections: options.connections ?? ownLimits(options),
    keepAccepting: options.keepAccepting,
    onConnection: (socket) => {
      const served = admission.connect(socket, () => injector.injectConnection(socket));
      return { idleSince: () => served.idleSince() };
    },
  });
  return new GrpcServer({
    server,
    calls,
    listener,
    endSessions: () => injector.destroy(),
    streamsEnded: () => admission.idle(),
  }, options);
}
