/**
 * The composition root: every part is made here, after what it needs, and
 * stopped here in the order that loses nothing: not ready first, then client
 * streams end, then the upstream sessions say goodbye, then health goes.
 *
 * @module
 */
import { ConnectionLimits } from "./application/connections/connection_limits.ts";
import { memoryProblems } from "./application/broadcast/memory_needs.ts";
import { RecentErrors } from "./application/status/recent_errors.ts";
import { composeCore, type Core } from "./composition/core.ts";
import type { Tools } from "./composition/tools.ts";
import { systemClock } from "./infrastructure/clock/system_clock.ts";
import { type Config, secretsOf } from "./infrastructure/config/config.ts";
import { type GrpcServer, serveGrpc } from "./infrastructure/grpc/server.ts";
import {
  type HttpServers,
  serveHttp,
} from "./infrastructure/http/serve_http.ts";
import { createJsonLog } from "./infrastructure/logging/json_log.ts";
import { redact } from "./infrastructure/logging/redaction.ts";
import { heapLimit } from "./infrastructure/metrics/heap_limit.ts";
import { createMetrics } from "./infrastructure/metrics/proxy_metrics.ts";
import {
  AcceptRetry,
  descriptorProbe,
} from "./infrastructure/process/descriptor_shortage.ts";
import { createTracing } from "./infrastructure/telemetry/tracing.ts";

/** How long client streams may take to notice that they were ended, in ms. */
const DRAIN_MS = 10_000;

/** The ports that a running proxy really listens on. */
export interface ProxyPorts {
  /** For gRPC. */
  readonly grpc: number;
  /** For health checks, and metrics too. */
  readonly health: number;
  /** `undefined` when metrics are on the health port only. */
  readonly metrics: number | undefined;
}

/** A proxy that runs; disposing it stops it gracefully, twice is once. */
export interface RunningProxy extends AsyncDisposable {
  /** What it was started with. */
  readonly config: Config;
  /** Where it listens. */
  readonly ports: ProxyPorts;
  /** Resolves when the ports are closed, which only disposing does. */
  readonly finished: Promise<void>;
}

/** Parts that a caller may bring; the real ones are made otherwise. */
export type ProxyParts = Partial<Tools>;

/**
 * Starts a proxy: ports first, so that a taken one is an error before anything
 * was dialed, then the feeds.
 *
 * @throws when a port cannot be opened; nothing is left open then
 */
export async function startProxy(
  config: Config,
  parts: ProxyParts = {},
): Promise<RunningProxy> {
  await using made = new AsyncDisposableStack();
  const clock = parts.clock ?? systemClock;
  const secrets = secretsOf(config).map((secret) => secret.reveal());
  const errors = new RecentErrors({
    clock,
    redact: redact(secrets),
  });
  const tools: Tools = {
    clock,
    random: parts.random ?? Math.random,
    log: errors.listen(
      parts.log ??
        made.use(createJsonLog({ level: config.logLevel, secrets })),
    ),
    tracing: parts.tracing ?? createTracing(),
  };
  for (const problem of memoryProblems(config, heapLimit())) {
    tools.log.warn(problem);
  }
  const stopping = new AbortController();
  const draining = () => stopping.signal.aborted;
  const core = composeCore(config, { tools, draining });
  const connections = new ConnectionLimits({
    maxGrpc: config.limits.maxConnections,
    maxHttp: config.limits.maxHttpConnections,
    counters: core.counters,
    clock,
    log: tools.log,
    outOfDescriptors: descriptorProbe(),
  });
  const { keep: keepAccepting } = made.use(new AcceptRetry(connections));
  const ports = { connections, keepAccepting };
  const http = made.use(
    await serveHealth(config, { core, tools, errors, ports }),
  );
  const following = new AbortController();
  let feeds: Promise<void> = Promise.resolve();
  made.defer(async () => {
    following.abort();
    await feeds;
  });
  const grpc = await serveStreams(config, { core, tools, ports });
  made.defer(() => grpc.stop(DRAIN_MS, "the proxy is shutting down"));
  made.defer(() => stopping.abort());
  feeds = core.run(following.signal);
  const running = made.move();
  return {
    config,
    ports: {
      grpc: grpc.port,
      health: http.healthPort,
      metrics: http.metricsPort,
    },
    finished: http.finished,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** What all ports share. */
interface PortParts {
  readonly connections: ConnectionLimits;
  readonly keepAccepting: AcceptRetry["keep"];
}

function serveHealth(
  config: Config,
  parts: {
    readonly core: Core;
    readonly tools: Tools;
    readonly errors: RecentErrors;
    readonly ports: PortParts;
  },
): Promise<HttpServers> {
  const { core, tools: { clock, log }, errors, ports } = parts;
  const { counters, status, subscriptions, streams, quotas, ages, memory } =
    core;
  return serveHttp({
    health: config.health,
    metrics: config.metrics,
    feeds: config.feeds,
    status,
    counters,
    streams: () => streams.reports(),
    subscriptions,
    errors: errors.report,
    lastMessageAt: ages.lastMessageAt,
    page: createMetrics({
      counters,
      status,
      quotas,
      queueMemory: memory,
      connections: () => ports.connections.figures,
    }),
    ...ports,
    clock,
    idleMs: config.limits.httpIdleMs,
    allowedHosts: config.limits.allowedHosts,
    onFault: (cause) => log.error("An HTTP answer failed", { cause }),
  });
}

function serveStreams(
  config: Config,
  parts: {
    readonly core: Core;
    readonly tools: Tools;
    readonly ports: PortParts;
  },
): Promise<GrpcServer> {
  const { core, tools, ports } = parts;
  return serveGrpc({
    ...config.grpc,
    ...tools,
    ...ports,
    streams: core.streams,
    status: core.status,
    subscriptions: core.subscriptions,
    admission: config.limits,
    refusals: core.counters.refusals,
    maxSymbols: config.subscriptions.maxSymbolsPerStream,
    defaultSelection: config.options.selection,
  });
}
