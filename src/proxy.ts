/**
 * The composition root: creates the parts in dependency order and stops them in
 * an order that cuts no client stream: readiness turns off, client streams
 * end, upstream sessions close, the health port closes.
 *
 * @module
 */
import manifest from "../deno.json" with { type: "json" };
import { Administration } from "./application/admin/administration.ts";
import { Drain } from "./application/admin/drain.ts";
import { StreamAudit } from "./application/admin/stream_audit.ts";
import { createChannels } from "./application/broadcast/channels.ts";
import { memoryProblems } from "./application/broadcast/memory_needs.ts";
import { QueueMemory } from "./application/broadcast/queue_memory.ts";
import { ConnectionLimits } from "./application/connections/connection_limits.ts";
import { supervise } from "./application/timing/supervise.ts";
import { OpeningRate } from "./application/limits/opening_rate.ts";
import { LastEvents } from "./application/history/last_events.ts";
import { Outages } from "./application/history/outages.ts";
import { BookRenewals } from "./application/orderbooks/book_renewals.ts";
import { OrderBooks } from "./application/orderbooks/order_books.ts";
import { Activity } from "./application/status/activity.ts";
import { createCounters, type ProxyCounters } from "./application/status/counters.ts";
import { measureEndToEndDelay, measureLoopDelay } from "./application/status/delays.ts";
import { RecentErrors } from "./application/status/recent_errors.ts";
import { statusSource } from "./application/status/status.ts";
import { endStalled, reportDropped } from "./application/streaming/monitor_streams.ts";
import type { OrderStore } from "./application/ports/order_store.ts";
import { StreamRegistry } from "./application/streaming/stream_registry.ts";
import type { UpstreamEvents } from "./application/streaming/upstream_events.ts";
import { MarketCalendar } from "./domain/calendar/market_calendar.ts";
import type { FeedNotice } from "./domain/market/notices.ts";
import type { FeedId } from "./domain/connection/feed.ts";
import { UnderlyingDirectory } from "./domain/options/underlying_directory.ts";
import {
  buildExpansions,
  buildFeeds,
  buildMarketData,
  buildOrderJournal,
  buildRelays,
  buildRestHosts,
  type Dependencies,
  feedKinds,
  FRAME_FORMATS,
  servesWebSocket,
} from "./feeds.ts";
import { createAccess } from "./infrastructure/access/create_access.ts";
import { systemClock } from "./infrastructure/clock/system_clock.ts";
import { type Config, secretsOf } from "./infrastructure/config/config.ts";
import { reportSettings } from "./infrastructure/config/describe_settings.ts";
import { GrpcServer } from "./infrastructure/grpc/server.ts";
import { serveHttp } from "./infrastructure/http/serve_http.ts";
import { createJsonLog } from "./infrastructure/logging/json_log.ts";
import { redact } from "./infrastructure/logging/redaction.ts";
import { createMetrics } from "./infrastructure/metrics/metrics.ts";
import { heapLimit } from "./infrastructure/metrics/process_metrics.ts";
import { AcceptRetry, descriptorProbe } from "./infrastructure/process/descriptor_shortage.ts";
import { createTracing } from "./infrastructure/telemetry/tracing.ts";
import { readMessageTime } from "./infrastructure/websocket/message_time.ts";
import { WebSocketApi } from "./infrastructure/websocket/server.ts";
import { openOrderStore } from "./stored_orders.ts";
import { buildTls } from "./tls.ts";

/** Why streams end and are refused during shutdown. */
const STOP_REASON = "the proxy is shutting down";

/** The ports that a running proxy listens on. */
export interface ProxyPorts {
  /** For gRPC. */
  readonly grpc: number;
  /** For clients of Alpaca's streams; `undefined` when it is off. */
  readonly websocket: number | undefined;
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
  await using resources = new AsyncDisposableStack();
  const secrets = secretsOf(config).map((secret) => secret.reveal());
  const clock = overrides.clock ?? systemClock;
  const errors = new RecentErrors(clock, redact(secrets));
  const makeLog = () => {
    const made = resources.use(createJsonLog({ level: config.logLevel, secrets, clock }));
    return { log: made, logControl: made.control };
  };
  const { log: written, logControl } = overrides.log
    ? { log: overrides.log, logControl: overrides.logControl }
    : makeLog();
  const log = errors.listen(written);
  const deps: Dependencies = {
    clock,
    log,
    random: overrides.random ?? Math.random,
    tracing: overrides.tracing ?? createTracing(),
  };
  for (const problem of memoryProblems(config, heapLimit())) log.warn(problem);
  const drain = new Drain();
  const audit = new StreamAudit(log, clock);
  const counters = createCounters();
  const orderStore = await openOrderStore(config, { ...deps, counters: counters.orderStore });
  resources.use(orderStore);
  const core = createCore(config, { ...deps, counters, orderStore, drain, audit });
  const { limits } = config;
  const connections = new ConnectionLimits({
    ...core,
    ...deps,
    maxGrpc: limits.maxConnections,
    maxHttp: limits.maxHttpConnections,
    maxGrpcPerAddress: limits.maxConnectionsPerAddress,
    maxHttpPerAddress: limits.maxHttpConnectionsPerAddress,
    outOfDescriptors: descriptorProbe(),
  });
  resources.use(new AcceptRetry(connections));
  const tls = buildTls(config, { ...deps, connections, counters: core.counters.tls });
  const ending = new AbortController();
  resources.defer(() => ending.abort());
  const signal = ending.signal;
  const access = await createAccess(config.access, { ...core, ...deps, signal });
  const clean = redact(secrets);
  const admin = resources.use(
    new Administration({
      ...core,
      ...deps,
      logControl,
      drain,
      drainMs: limits.drainMs,
      connections,
      settings: () => reportSettings(config).map((each) => ({ ...each, value: clean(each.value) })),
    }),
  );
  const grpc = new GrpcServer({
    ...config.grpc,
    ...deps,
    ...core,
    access,
    admin: access.isOn ? admin : undefined,
    audit,
    connections,
    security: tls.grpc,
    admission: limits,
    refusals: core.counters.refusals,
    maxSymbols: config.subscriptions.maxSymbolsPerStream,
    defaultSelection: config.options.selection,
    optionChains: config.options.chains,
    calendar: core.calendar,
  });
  const ownSecrets = new Set(secrets);
  const websocket = servesWebSocket(config)
    ? new WebSocketApi({
      ...config.websocket,
      ...deps,
      access,
      audit,
      connections,
      security: tls.websocket,
      streams: core.streams,
      openings: core.openings,
      maxPendingMessageBytes: limits.maxPendingRequestBytes,
      messageTimeoutMs: limits.requestTimeoutMs,
      isOwnSecret: (text) => ownSecrets.has(text),
      maxSymbols: config.subscriptions.maxSymbolsPerStream,
      drainReason: () => drain.reason,
      feeds: config.feeds,
      kinds: feedKinds(config),
      cryptoLocation: config.crypto.location,
      formats: FRAME_FORMATS,
      origins: config.web.origins,
      orderOpcode: config.environment === "PAPER" ? "binary" : "text",
    })
    : undefined;
  const http = resources.use(
    await serveHttp({
      ...config,
      ...core,
      streams: () => core.streams.reports(),
      errors: errors.report,
      renderMetrics: createMetrics({ ...core, connections: () => connections.figures }),
      access,
      connections,
      security: tls.http,
      clock,
      idleMs: limits.httpIdleMs,
      maxViewers: limits.maxViewers,
      maxViewersPerAddress: limits.maxViewersPerAddress,
      allowedHosts: limits.allowedHosts,
      admin,
      rpc: config.web.enabled ? grpc.webEndpoint({ ...config.web, ...limits }) : undefined,
      onError: (cause) => log.error("An HTTP response failed", { cause }),
    }),
  );
  const feedsAbort = new AbortController();
  let feeds: Promise<void> = Promise.resolve();
  resources.defer(async () => {
    feedsAbort.abort();
    await feeds;
  });
  // A stream that is opened can be resumed from before this start.
  if (orderStore) core.journal?.restore(await orderStore.load());
  await grpc.open();
  resources.defer(() => grpc.stop(limits.drainMs, STOP_REASON));
  const isServed = websocket !== undefined && await openWebSocket(websocket, config, log);
  if (isServed) {
    // Both ports stop together: the streams of all clients are ended by that of gRPC.
    resources.defer(() => {
      const stopped = websocket.stop(limits.drainMs, STOP_REASON);
      return Promise.all([stopped, grpc.stop(limits.drainMs, STOP_REASON)]).then(() => {});
    });
  }
  resources.defer(() => drain.stop(STOP_REASON));
  feeds = Promise.all([core.run(feedsAbort.signal), tls.run(feedsAbort.signal)]).then(() => {});
  const running = resources.move();
  return {
    config,
    ports: {
      grpc: grpc.port,
      websocket: isServed ? websocket.port : undefined,
      health: http.healthPort,
      metrics: http.metricsPort,
    },
    finished: http.finished,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/**
 * Opens the port of the WebSocket API. If it has the default number and cannot be opened, the proxy
 * starts without it: deployments from before may use that port, or not permit it.
 *
 * @returns whether it is open
 * @throws {Error} when the settings name the port
 */
async function openWebSocket(
  api: WebSocketApi,
  { sources, websocket: { host, port } }: Config,
  log: Dependencies["log"],
): Promise<boolean> {
  try {
    // node:net of Deno 2.9.6 has an uncaught error for an address that is not permitted.
    const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    const { state } = Deno.permissions.querySync({ name: "net", host: address });
    if (state !== "granted") throw new Error(`The process needs --allow-net=${address}`);
    await api.open();
    return true;
  } catch (error) {
    if (sources.STREAM_PROXY_WEBSOCKET_PORT !== undefined) throw error;
    const cause = error instanceof Error ? error.message : String(error);
    log.warn("The WebSocket API is not served", { cause });
    return false;
  }
}

/** Passes events on to a receiver that is made later than their sources. */
function eventsOf(receiver: () => UpstreamEvents): UpstreamEvents {
  return {
    freshness: (...change) => receiver().freshness(...change),
    carried: (pairs) => receiver().carried(pairs),
    notCarried: (...change) => receiver().notCarried(...change),
    subscription: (...changes) => receiver().subscription(...changes),
  };
}

/** Makes what both servers read from; nothing is dialed before it runs. */
function createCore(
  config: Config,
  deps: Dependencies & {
    readonly counters: ProxyCounters;
    readonly orderStore: OrderStore | undefined;
    readonly drain: Drain;
    readonly audit: StreamAudit;
  },
) {
  const { clock, log, counters, drain, audit } = deps;
  const { capacities, limits } = config;
  const openings = new OpeningRate(limits.maxOpeningsPerSec, clock);
  const directory = new UnderlyingDirectory();
  const queueMemory = new QueueMemory(limits.queueMemoryBytes);
  const channels = createChannels({
    capacities,
    retained: limits.retainedMessages,
    orderJournal: limits.orderJournalUpdates,
    counters,
    memory: queueMemory,
    areLastAvailable: config.stock.kind !== "test",
    directory,
  });
  const events = eventsOf(() => streams);
  const calendar = new MarketCalendar(config.marketClosures);
  const renewals = new BookRenewals(
    clock,
    (symbols) => managers.crypto?.renew("orderbooks", symbols),
  );
  const orderBooks = new OrderBooks(channels.orderbooks, undefined, renewals);
  const parts = { ...deps, channels, counters, events, calendar, directory, orderBooks };
  const hosts = buildRestHosts(config, parts);
  const marketData = buildMarketData(config, hosts);
  const outages = new Outages({
    channels,
    marketData,
    maxSilenceMs: config.heartbeat.intervalMs + config.heartbeat.timeoutMs,
    clock,
    log,
  });
  const journal = buildOrderJournal(config, parts, hosts);
  const relays = buildRelays(config, { counters, memory: queueMemory, orderBooks });
  const isBackfilling = (feed: FeedId) =>
    feed === "trading" ? journal?.isReconciling ?? false : outages.isFilling(feed);
  const { links, managers, freshness } = buildFeeds(config, {
    ...parts,
    journal,
    relays,
    isBackfilling,
  });
  const underlyings = managers.opra && buildExpansions(config, {
    hosts,
    sink: managers.opra,
    directory,
    clock,
    calendar,
    log,
    random: deps.random,
    maxContracts: () => limits.maxSymbols - streams.symbols,
  });
  const streams: StreamRegistry = new StreamRegistry({
    channels,
    lastEvents: new LastEvents({ marketData, clock, log }),
    firstEvents: new LastEvents({ marketData, clock, log, purpose: "first_events" }),
    outages,
    orders: journal,
    orderBooks,
    orderJournalMs: journal && limits.orderJournalMs,
    feeds: config.feeds,
    sinks: managers,
    relays,
    underlyings,
    clock,
    drain,
    audit,
    maxSymbols: limits.maxSymbols,
    openings,
    counters,
    memory: queueMemory,
    clean: redact(secretsOf(config).map((secret) => secret.reveal())),
    newId: randomId,
    freshnessOf: (feed) => freshness[feed]?.notice ?? disabled(clock.now()),
    staleSymbolsOf: (feed, ...query) => freshness[feed]?.staleOf(...query) ?? [],
  });
  const activity = new Activity(counters, clock);
  return {
    counters,
    journal,
    openings,
    links,
    streams,
    queueMemory,
    calendar,
    activity,
    status: statusSource({
      version: manifest.version,
      environment: config.environment,
      clock,
      links,
      freshness,
      kinds: feedKinds(config),
      streams,
      draining: () => drain.reason !== undefined,
    }),
    quotas: () => Object.values(managers).map((manager) => manager.reportQuota()),
    expansions: () => underlyings?.reports() ?? [],
    subscriptions: () =>
      Object.entries(managers).map(([feed, manager]) => {
        const report = manager.report(feed === "opra" ? underlyings?.reports() ?? [] : []);
        return freshness[report.feed]?.mark(report) ?? report;
      }),
    /** Follows every feed, restarting what fails, until the signal fires. */
    async run(signal: AbortSignal): Promise<void> {
      const keep = (part: (signal: AbortSignal) => Promise<void>, own = log) =>
        supervise(part, { clock, log: own, signal });
      const stalls = { memory: queueMemory, stalledMs: limits.stalledStreamMs, clock, log };
      await Promise.all([
        ...Object.entries(links).map(([feed, link]) =>
          keep((signal) => link.run(signal), log.with({ feed }))
        ),
        ...Object.values(freshness).map((each) => keep((signal) => each.run(signal))),
        underlyings && keep((signal) => underlyings.run(signal)),
        keep((signal) => endStalled(streams, { ...stalls, signal })),
        keep((signal) => activity.run(signal)),
        keep((signal) =>
          measureEndToEndDelay(counters, { clock, signal, readTime: readMessageTime })
        ),
        keep((signal) => measureLoopDelay(counters.loopDelay, { clock, signal })),
        keep((signal) => reportDropped(streams, { clock, log, signal })),
      ]);
    },
  };
}

/** The freshness of a feed that the settings disable. */
function disabled(since: number): FeedNotice {
  return { freshness: "stale", since, reason: "The feed is disabled", symbols: [] };
}

/** 128 random bits as text. */
function randomId(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toHex();
}
