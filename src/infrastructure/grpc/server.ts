/**
 * The gRPC server: all services on one port.
 *
 * It stops in this order: new streams are refused, open ones are ended with
 * UNAVAILABLE and the reason, connections are told to go away once their
 * streams have taken their status, and what is left after the grace period is
 * broken off. No stream is ever ended with OK or CANCELLED, because existing
 * clients would not come back.
 *
 * @module
 */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { ConnectionLimits } from "../../application/connections/connection_limits.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import type { Tracing } from "../../application/ports/tracing.ts";
import {
  createCounters,
  type ProxyCounters,
} from "../../application/status/counters.ts";
import type { StatusSource } from "../../application/status/status.ts";
import type { SubscriptionSource } from "../../application/status/subscription_report.ts";
import type { MarketStreams } from "../../application/streaming/market_streams.ts";
import type { OptionSelection } from "../../domain/options/selection.ts";
import { StreamProxyService } from "../../gen/cream/v1/stream_proxy_pb.ts";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { batchInterceptor } from "./batch_interceptor.ts";
import { Beat } from "./beat.ts";
import { CallError, unavailable } from "./call_error.ts";
import { createEncoders } from "./encoding/channel_encoders.ts";
import { healthHandlers } from "./health_service.ts";
import {
  Admission,
  type AdmissionLimits,
  DEFAULT_ADMISSION,
} from "./limits/admission.ts";
import { RefusalLog } from "./limits/refusals.ts";
import { Listener, type ListenOptions } from "./listener.ts";
import { OpenCalls } from "./open_calls.ts";
import { PendingAnswers } from "./pending_answers.ts";
import { Reflection, reflectionHandlers } from "./reflection_service.ts";
import { DEFAULT_LIMITS } from "./request_filters.ts";
import { largestRequest } from "./request_reader.ts";
import { methodKinds, offer } from "./service_bridge.ts";
import { streamProxyHandlers } from "./stream_proxy_service.ts";

/** Default time between two pings of a connection, in ms. */
const KEEPALIVE_MS = 60_000;
/** Default time in which a ping has to be answered, in ms. */
const KEEPALIVE_TIMEOUT_MS = 20_000;
/** Connections at a time where no limits are given. */
const MAX_CONNECTIONS = 2_048;
/** Grace of a server that is disposed of without a word, in ms. */
const DISPOSE_GRACE_MS = 1_000;
/** What clients are given to read their streams' last status, in ms. */
const READ_MS = 100;
/** Bytes of the largest request that is read, at least. */
const MIN_RECEIVE_BYTES = 4 * 1024 * 1024;
/** The name under which older tools look for reflection; same messages. */
const OLD_REFLECTION = "grpc.reflection.v1alpha.ServerReflection";

/** What the server is made of. */
export interface ServeGrpcOptions {
  /** Address to listen on. */
  readonly host: string;
  /** 0 picks a free port. */
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
   * What the status tells, on demand, of each feed's subscriptions.
   *
   * @default nothing is told
   */
  readonly subscriptions?: SubscriptionSource;
  /**
   * Symbols, underlyings or order ids that one stream may name.
   *
   * @default 20_000
   */
  readonly maxSymbols?: number;
  /**
   * What clients may use up.
   *
   * @default `DEFAULT_ADMISSION`
   */
  readonly admission?: AdmissionLimits;
  /**
   * Where refusals are counted.
   *
   * @default counters that nothing reads
   */
  readonly refusals?: ProxyCounters["refusals"];
  /**
   * What the option selection of a request leaves open.
   *
   * @default `DEFAULT_SELECTION`
   */
  readonly defaultSelection?: OptionSelection;
  /**
   * Writes message by message, as a baseline for measurements.
   *
   * @default false
   */
  readonly unbatched?: boolean;
  /**
   * Longest time in ms that a busy stream may hold messages for a larger
   * write. @default 0: nothing is held
   */
  readonly maxBatchDelayMs?: number;
  /**
   * Time between two pings of a connection, in ms.
   *
   * @default 60_000
   */
  readonly keepaliveMs?: number;
  /**
   * Time in ms in which a client has to answer a ping; else its connection is
   * reset. Clients then report UNAVAILABLE.
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

  /** Made by {@linkcode serveGrpc}. */
  constructor(
    parts: {
      readonly server: Server;
      readonly calls: OpenCalls;
      readonly listener: Listener;
      readonly endSessions: () => void;
      readonly streamsEnded: () => Promise<void>;
    },
    options: ServeGrpcOptions,
  ) {
    this.#server = parts.server;
    this.#calls = parts.calls;
    this.#listener = parts.listener;
    this.#endSessions = parts.endSessions;
    this.#streamsEnded = parts.streamsEnded;
    this.#options = options;
  }

  /** The port it listens on. */
  get port(): number {
    return this.#listener.port;
  }

  /** How many streaming calls are open, those of health and reflection included. */
  get openCalls(): number {
    return this.#calls.size;
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#listener.connections;
  }

  /**
   * Refuses new streams with UNAVAILABLE and reports NOT_SERVING; open streams
   * and the status go on.
   */
  drain(reason: string = "The proxy is shutting down"): void {
    this.#calls.refuse(unavailable(reason));
  }

  /**
   * Ends all streams with UNAVAILABLE and `reason`, then closes everything;
   * what has not gone after `graceMs` is broken off. Later calls wait for the
   * first.
   */
  stop(
    graceMs: number,
    reason: string = "The proxy is shutting down",
  ): Promise<void> {
    return this.#stopped ??= this.#stop(graceMs, reason);
  }

  /** Stops with a short grace; safe after `stop` and more than once. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(DISPOSE_GRACE_MS);
  }

  async #stop(graceMs: number, reason: string): Promise<void> {
    const { clock, log } = this.#options;
    this.drain(reason);
    const closed = this.#listener.close();
    const streams = this.#calls.size;
    this.#calls.endAll(unavailable(reason));

    const patience = new AbortController();
    const expired = clock.sleep(graceMs, patience.signal);
    await Promise.race([this.#calls.empty(), expired]);
    // A client whose connection ends together with its streams may report the
    // lost connection instead of the status, so it gets the time to read.
    if (streams > 0) {
      await Promise.race([clock.sleep(READ_MS, patience.signal), expired]);
    }
    // Only now: on Deno, closing a session cuts streams that are still open
    // off instead of letting them finish, and their status would be lost.
    this.#endSessions();
    await Promise.race([closed, expired]);
    patience.abort();

    if (this.#listener.connections > 0) {
      log.warn("Clients did not let go in time; their connections are broken", {
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

/** Bytes of the largest request that is read. */
function maxRequestBytes(
  { maxSymbols = DEFAULT_LIMITS.maxSymbols }: ServeGrpcOptions,
): number {
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

function createServer(
  calls: OpenCalls,
  refusals: RefusalLog,
  options: ServeGrpcOptions,
): Server {
  const { streams, status, clock, log, tracing } = options;
  const { unbatched = false, maxBatchDelayMs = 0 } = options;
  const limits = {
    maxSymbols: options.maxSymbols ?? DEFAULT_LIMITS.maxSymbols,
    defaultSelection: options.defaultSelection ??
      DEFAULT_LIMITS.defaultSelection,
  };
  const server = new Server({
    interceptors: [batchInterceptor],
    // Bookkeeping for every message that nothing here reads.
    "grpc.enable_channelz": 0,
    // A request that is too large for grpc-js is refused without naming a field.
    "grpc.max_receive_message_length": maxRequestBytes(options),
  });
  const answers = new PendingAnswers(clock, refusals);
  const onFault = (cause: unknown) => {
    if (!(cause instanceof CallError)) log.error("A call failed", { cause });
  };
  const encoders = createEncoders();
  const reflection = new Reflection([
    StreamProxyService,
    Health,
    ServerReflection,
  ]);
  const reflecting = reflectionHandlers({ reflection, calls, log });
  offer(server, StreamProxyService, {
    onFault,
    answers,
    handlers: streamProxyHandlers({
      streams,
      status,
      subscriptions: options.subscriptions,
      limits,
      encoders,
      calls,
      clock,
      log,
      tracing,
      unbatched,
      beat: maxBatchDelayMs > 0 ? new Beat(clock, maxBatchDelayMs) : undefined,
    }),
  });
  offer(server, Health, {
    onFault,
    answers,
    handlers: healthHandlers({ status, calls, clock, log }),
  });
  offer(server, ServerReflection, { onFault, answers, handlers: reflecting });
  offer(server, ServerReflection, {
    onFault,
    answers,
    handlers: reflecting,
    name: OLD_REFLECTION,
  });
  return server;
}

/** Limits of a server that shares none with other ports. */
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
 * Serves gRPC without TLS until stopped.
 *
 * @throws {Error} when the address cannot be listened on, naming it and the
 * variable to change.
 */
export async function serveGrpc(
  options: ServeGrpcOptions,
): Promise<GrpcServer> {
  const { host, port } = options;
  const calls = new OpenCalls();
  const { clock, log } = options;
  const counts = options.refusals ?? createCounters().refusals;
  const refusals = new RefusalLog(counts, log, clock);
  const server = createServer(calls, refusals, options);
  const injector = server.createConnectionInjector(
    ServerCredentials.createInsecure(),
  );
  const admission = createAdmission(server, options, refusals);
  const listener = await Listener.open({
    host,
    port,
    connections: options.connections ?? ownLimits(options),
    keepAccepting: options.keepAccepting,
    onConnection: (socket) => {
      const served = admission.connect(
        socket,
        () => injector.injectConnection(socket),
      );
      return { idleSince: () => served.idleSince() };
    },
  });
  return new GrpcServer(
    {
      server,
      calls,
      listener,
      endSessions: () => injector.destroy(),
      streamsEnded: () => admission.idle(),
    },
    options,
  );
}
