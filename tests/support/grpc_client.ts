/**
 * A gRPC server over a market in memory, and clients of three kinds:
 * connect-node (sends `application/grpc+proto`), grpc-js (`application/grpc`)
 * and plain HTTP/2.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";
import { type Client as ConnectClient, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { Client as GrpcClient, credentials } from "@grpc/grpc-js";
import type { DescService } from "@bufbuild/protobuf";
import { ConnectionLimits } from "../../src/application/connections/connection_limits.ts";
import type { Span, SpanAttributes, Tracing } from "../../src/application/ports/tracing.ts";
import { createCounters, type ProxyCounters } from "../../src/application/status/counters.ts";
import type { ProxyStatus } from "../../src/application/status/status.ts";
import { StreamProxyService } from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import { systemClock } from "../../src/infrastructure/clock/system_clock.ts";
import { GrpcServer, type ServeGrpcOptions } from "../../src/infrastructure/grpc/server.ts";
import type { AdmissionLimits } from "../../src/infrastructure/grpc/limits/admission.ts";
import { DEFAULT_LIMITS } from "../../src/infrastructure/grpc/request_filters.ts";
import { MemoryMarket } from "./grpc_market.ts";
import { RecordingLog } from "./recording_log.ts";

/** A status in which everything is up. */
export const ALL_UP: ProxyStatus = {
  version: "0.0.0-test",
  startedAt: 1_705_312_800_000,
  now: 1_705_313_100_000,
  environment: "PAPER",
  feeds: (["sip", "opra", "trading"] as const).map((feed) => ({
    feed,
    kind: feed === "trading" ? "trade_updates" : feed,
    state: "connected",
    lastConnectedAt: 1_705_312_801_000,
    errorMessage: undefined,
    subscriptionCount: 1,
    reconnectAttempts: 0,
    messagesReceived: 42,
  })),
  clientCount: 0,
  draining: false,
};

/** A span as it was when it ended. */
export interface RecordedSpan {
  readonly name: string;
  readonly attributes: Record<string, string | number | boolean>;
  failure: unknown;
  ended: boolean;
}

/** Tracing that records its spans. */
export class RecordingTracing implements Tracing {
  readonly spans: RecordedSpan[] = [];

  span(name: string, attributes: SpanAttributes = {}): Span {
    const span: RecordedSpan = {
      name,
      attributes: { ...attributes },
      failure: undefined,
      ended: false,
    };
    this.spans.push(span);
    return {
      event() {},
      set: (more) => void Object.assign(span.attributes, more),
      fail: (cause) => void (span.failure = cause),
      end: () => void (span.ended = true),
    };
  }
}

/** The limits of a proxy whose settings are the defaults. */
export const DEFAULT_ADMISSION: AdmissionLimits = {
  maxStreamsPerConnection: 1_000,
  maxStreams: 5_000,
  maxPendingRequestBytes: 32 * 1024 * 1024,
  requestTimeoutMs: 10_000,
};

/** Options of the server. */
export type GrpcHarnessOptions =
  & Partial<
    Pick<
      ServeGrpcOptions,
      | "access"
      | "admin"
      | "audit"
      | "clients"
      | "streams"
      | "clock"
      | "host"
      | "port"
      | "subscriptions"
      | "maxSymbols"
      | "defaultSelection"
      | "admission"
      | "connections"
      | "openings"
      | "keepaliveMs"
      | "keepaliveTimeoutMs"
      | "security"
    >
  >
  & { readonly market?: MemoryMarket };

/** A running server with its dependencies. */
export interface GrpcHarness extends AsyncDisposable {
  readonly server: GrpcServer;
  readonly market: MemoryMarket;
  readonly log: RecordingLog;
  readonly tracing: RecordingTracing;
  /** Refusals so far, by limit. */
  readonly refusals: ProxyCounters["refusals"];
  /** The status that is served; replace it to change the state of the feeds. */
  status: ProxyStatus;
  /** `http://127.0.0.1:port` */
  readonly url: string;
}

/** Starts a server on a free port of the loopback. */
export async function startGrpcHarness(
  options: GrpcHarnessOptions = {},
): Promise<GrpcHarness> {
  const { market = new MemoryMarket(), ...chosen } = options;
  const log = new RecordingLog();
  const tracing = new RecordingTracing();
  const counters = createCounters();
  const { refusals } = counters;
  const { clock = systemClock } = chosen;
  const harness = { market, log, tracing, refusals, status: ALL_UP };
  const server = new GrpcServer({
    host: "127.0.0.1",
    port: 0,
    streams: market,
    clients: market,
    status: () => harness.status,
    subscriptions: undefined,
    clock,
    log,
    tracing,
    refusals,
    admission: DEFAULT_ADMISSION,
    connections: new ConnectionLimits({ maxGrpc: 2_048, maxHttp: 0, counters, clock, log }),
    keepaliveMs: 60_000,
    maxBatchDelayMs: 0,
    ...DEFAULT_LIMITS,
    ...chosen,
  });
  await server.open();
  return Object.assign(harness, {
    server,
    url: `http://127.0.0.1:${server.port}`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  });
}

/** A connect-node client that closes its connection when disposed of. */
export type Connected<S extends DescService> = ConnectClient<S> & Disposable;

/** Connects a connect-node client for any service. */
export function connectTo<S extends DescService>(
  harness: Pick<GrpcHarness, "url">,
  service: S,
): Connected<S> {
  const sessionManager = new Http2SessionManager(harness.url);
  const transport = createGrpcTransport({
    baseUrl: harness.url,
    sessionManager,
  });
  return Object.assign(createClient(service, transport), {
    [Symbol.dispose]: () => sessionManager.abort(),
  });
}

/** Connects a connect-node client of the stream service. */
export function connectClient(
  harness: GrpcHarness,
): Connected<typeof StreamProxyService> {
  return connectTo(harness, StreamProxyService);
}

/**
 * Connects a grpc-js client that is closed when disposed of.
 *
 * On Deno 2.9.6 such a client crashes the process (segmentation fault) when it
 * receives GOAWAY while it has no call, so close it before its server
 * stops or as soon as its last call has ended.
 */
export function grpcClient(harness: GrpcHarness): GrpcClient & Disposable {
  const client = new GrpcClient(
    harness.url.slice("http://".length),
    credentials.createInsecure(),
    // Without this, grpc-js clients share connections between tests.
    { "grpc.use_local_subchannel_pool": 1 },
  );
  return Object.assign(client, { [Symbol.dispose]: () => client.close() });
}

/** Serializers of a grpc-js call that carries bytes as they are. */
export const RAW = {
  serialize: (bytes: Uint8Array): Buffer => Buffer.from(bytes),
  deserialize: (bytes: Buffer): Uint8Array => new Uint8Array(bytes),
};

/** The path of a method of the stream service. */
export function pathOf(method: string): string {
  return `/${StreamProxyService.typeName}/${method}`;
}

/** A bare HTTP/2 connection. */
export interface BareClient extends AsyncDisposable {
  readonly session: ClientHttp2Session;
  /** Opens a call; the test sends its request. */
  open(path: string, headers?: OutgoingHttpHeaders): ClientHttp2Stream;
  /** Sends one request with an empty message and half-closes. */
  request(path: string, headers?: Record<string, string>): BareCall;
}

/** A call on a bare connection. */
export interface BareCall {
  readonly stream: ClientHttp2Stream;
  readonly headers: Promise<IncomingHttpHeaders>;
  /** Headers that end the stream without a body count as trailers too. */
  readonly trailers: Promise<IncomingHttpHeaders>;
  /** Resets the stream with CANCEL, as gRPC clients do. */
  cancel(): void;
}

function bareCall(stream: ClientHttp2Stream, message: Uint8Array): BareCall {
  const headers = Promise.withResolvers<IncomingHttpHeaders>();
  const trailers = Promise.withResolvers<IncomingHttpHeaders>();
  stream.on("response", (received) => {
    headers.resolve(received);
    if ("grpc-status" in received) trailers.resolve(received);
  });
  stream.on("trailers", (received) => trailers.resolve(received));
  stream.on("error", () => {});
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([prefix, message]));
  return {
    stream,
    headers: headers.promise,
    trailers: trailers.promise,
    cancel: () => stream.close(constants.NGHTTP2_CANCEL),
  };
}

/** Connects without any gRPC library. */
export async function bareClient(
  harness: Pick<GrpcHarness, "url">,
): Promise<BareClient> {
  const session = connect(harness.url);
  session.on("error", () => {});
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  session.once("connect", () => resolve());
  session.once("error", reject);
  await promise;
  const open: BareClient["open"] = (path, headers = {}) =>
    session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
  return {
    session,
    open,
    request: (path, headers) => bareCall(open(path, headers), new Uint8Array(0)),
    async [Symbol.asyncDispose]() {
      if (session.destroyed) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      session.once("close", () => resolve());
      session.destroy();
      await promise;
    },
  };
}
