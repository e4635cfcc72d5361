/**
 * The composition root: creates the parts in dependency order and stops them in
 * an order that cuts no client stream: readiness turns off, client streams
 * end, upstream sessions close, the health port closes.
 *
 * @module
 */
import manifest from "../deno.json" with { type: "json" };
import { createChannels } from "./application/broadcast/channels.ts";
import { memoryProblems } from "./application/broadcast/memory_needs.ts";
import { QueueMemory } from "./application/broadcast/queue_memory.ts";
import { ConnectionLimits } from "./application/connections/connection_limits.ts";
import { supervise } from "./application/feeds/supervise.ts";
import { createCounters } from "./application/status/counters.ts";
import { LastMessageTimes } from "./application/status/last_message_times.ts";
import { RecentErrors } from "./application/status/recent_errors.ts";
import { statusSource } from "./application/status/status.ts";
import { endStalled, reportLosses } from "./application/streaming/monitor_streams.ts";
import { StreamRegistry } from "./application/streaming/stream_registry.ts";
import { MarketCalendar } from "./domain/calendar/market_calendar.ts";
import { UnderlyingDirectory } from "./domain/options/underlying_directory.ts";
import { buildExpansions, buildFeeds, type Dependencies, feedKinds } from "./feeds.ts";
import { systemClock } from "./infrastructure/clock/system_clock.ts";
import { type Config, secretsOf } from "./infrastructure/config/config.ts";
import { serveGrpc } from "./infrastructure/grpc/server.ts";
import { serveHttp } from "./infrastructure/http/serve_http.ts";
import { createJsonLog } from "./infrastructure/logging/json_log.ts";
import { redact } from "./infrastructure/logging/redaction.ts";
import { createMetrics, heapLimit } from "./infrastructure/metrics/metrics.ts";
import { AcceptRetry, descriptorProbe } from "./infrastructure/process/descriptor_shortage.ts";
import { createTracing } from "./infrastructure/telemetry/tracing.ts";

/** How long client streams may take to end during shutdown, in ms. */
const DRAIN_MS = 10_000;

/** The ports that a running proxy listens on. */
export interface ProxyPorts {
  /** For gRPC. */
  readonly grpc: number;
  /** For health checks and metrics. */
  readonly health: number;
  /** `undefined` when metrics are on the health port only. */
  readonly metrics: number | undefined;
}

/** A running proxy; disposing it stops it gracefully and is idempotent. */
export interface RunningProxy extends AsyncDisposable {
  /** The settings it was started with. */
  readonly config: Config;
  /** Where it listens. */
  readonly ports: ProxyPorts;
  /** Resolves when the ports are closed, which only disposing does. */
  readonly finished: Promise<void>;
}

/**
 * Starts a proxy: the ports first, so that a port in use is an error before
 * anything is dialed, then the feeds.
 *
 * @param overrides dependencies to use in place of the defaults
 * @throws when a port cannot be opened; nothing stays open then
 */
export async function startProxy(
  config: Config,
  overrides: Partial<Dependencies> = {},
): Promise<RunningProxy> {
  await using made = new AsyncDisposableStack();
  const secrets = secretsOf(config).map((secret) => secret.reveal());
  const clock = overrides.clock ?? systemClock;
  const errors = new RecentErrors({ clock, redact: redact(secrets) });
  const log = errors.listen(
    overrides.log ??
      made.use(createJsonLog({ level: config.logLevel, secrets, clock })),
  );
  const deps: Dependencies = {
    clock,
    log,
    random: overrides.random ?? Math.random,
    tracing: overrides.tracing ?? createTracing(),
  };
  for (const problem of memoryProblems(config, heapLimit())) log.warn(problem);
  const stopping = new AbortController();
  const core = composeCore(config, {
    deps,
    draining: () => stopping.signal.aborted,
  });
  const connections = new ConnectionLimits({
    maxGrpc: config.limits.maxConnections,
    maxHttp: config.limits.maxHttpConnections,
    counters: core.counters,
    clock,
    log,
    outOfDescriptors: descriptorProbe(),
  });
  made.use(new AcceptRetry(connections));
  const servers = { core, deps, connections };
  const http = made.use(await startHttp(config, { ...servers, errors }));
  const following = new AbortController();
  let feeds: Promise<void> = Promise.resolve();
  made.defer(async () => {
    following.abort();
    await feeds;
  });
  const grpc = await startGrpc(config, servers);
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

type Core = ReturnType<typeof composeCore>;

/** Makes what both servers read from; nothing is dialed before it runs. */
function composeCore(
  config: Config,
  { deps, draining }: {
    readonly deps: Dependencies;
    /** Whether the proxy has begun to shut down. */
    readonly draining: () => boolean;
  },
) {
  const { clock, log } = deps;
  const { capacities, limits } = config;
  const counters = createCounters();
  const directory = new UnderlyingDirectory();
  const memory = new QueueMemory(limits.queueMemoryBytes);
  const channels = createChannels({ capacities, counters, memory, directory });
  const { links, managers } = buildFeeds(config, {
    ...deps,
    channels,
    counters,
  });
  const underlyings = managers.opra && buildExpansions(config, {
    sink: managers.opra,
    directory,
    clock,
    log,
    maxContracts: () => limits.maxSymbols - streams.symbols,
  });
  const streams: StreamRegistry = new StreamRegistry({
    channels,
    feeds: config.feeds,
    sinks: managers,
    underlyings,
    clock,
    maxSymbols: limits.maxSymbols,
    refusals: counters.refusals,
  });
  const lastMessages = new LastMessageTimes(counters, clock);
  const { stalledStreamMs: stalledMs } = limits;
  return {
    counters,
    streams,
    memory,
    calendar: new MarketCalendar(config.marketClosures),
    lastMessageAt: lastMessages.lastMessageAt,
    status: statusSource({
      version: manifest.version,
      environment: config.environment,
      clock,
      links,
      kinds: feedKinds(config),
      streams,
      draining,
    }),
    quotas: () => Object.values(managers).map((manager) => manager.reportQuota()),
    subscriptions: () =>
      Object.entries(managers).map(([feed, manager]) =>
        manager.report(feed === "opra" ? underlyings?.reports() ?? [] : [])
      ),
    /** Follows every feed, restarting what fails, until the signal fires. */
    async run(signal: AbortSignal): Promise<void> {
      const keep = (part: (signal: AbortSignal) => Promise<void>, own = log) =>
        supervise(part, { clock, log: own, signal });
      await Promise.all([
        ...Object.entries(links).map(([feed, link]) =>
          keep((signal) => link.run(signal), log.with({ feed }))
        ),
        underlyings && keep((signal) => underlyings.run(signal)),
        keep((signal) => endStalled(streams, { memory, stalledMs, clock, log, signal })),
        keep((signal) => lastMessages.run(signal)),
        keep((signal) => reportLosses(streams, { clock, log, signal })),
      ]);
    },
  };
}

/** Arguments of both servers. */
interface ServerInputs {
  readonly core: Core;
  readonly deps: Dependencies;
  readonly connections: ConnectionLimits;
}

function startHttp(
  config: Config,
  { core, deps, connections, errors }: ServerInputs & {
    readonly errors: RecentErrors;
  },
) {
  const { counters, status, subscriptions, streams, lastMessageAt } = core;
  return serveHttp({
    health: config.health,
    metrics: config.metrics,
    feeds: config.feeds,
    status,
    counters,
    streams: () => streams.reports(),
    subscriptions,
    errors: errors.report,
    lastMessageAt,
    renderMetrics: createMetrics({
      counters,
      status,
      calendar: core.calendar,
      quotas: core.quotas,
      queueMemory: core.memory,
      connections: () => connections.figures,
    }),
    connections,
    clock: deps.clock,
    idleMs: config.limits.httpIdleMs,
    allowedHosts: config.limits.allowedHosts,
    onError: (cause) => deps.log.error("An HTTP response failed", { cause }),
  });
}

function startGrpc(
  config: Config,
  { core, deps, connections }: ServerInputs,
) {
  return serveGrpc({
    ...config.grpc,
    ...deps,
    connections,
    streams: core.streams,
    status: core.status,
    subscriptions: core.subscriptions,
    admission: config.limits,
    refusals: core.counters.refusals,
    maxSymbols: config.subscriptions.maxSymbolsPerStream,
    defaultSelection: config.options.selection,
  });
}
