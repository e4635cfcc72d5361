/**
 * The composition root: creates the parts in dependency order and stops them in
 * an order that cuts no client stream: readiness turns off, client streams
 * end, upstream sessions close, the health port closes.
 *
 * @module
 */
import { Administration } from "../application/admin/administration.ts";
import { Drain } from "../application/admin/drain.ts";
import { StreamAudit } from "../application/admin/stream_audit.ts";
import { memoryProblems } from "../application/broadcast/memory_needs.ts";
import { ConnectionLimits } from "../application/connections/connection_limits.ts";
import { createCounters } from "../application/status/counters.ts";
import { createCore } from "./core.ts";
import { type Dependencies, openDependencies } from "./dependencies.ts";
import { openHub } from "./edge.ts";
import { feedKinds, FRAME_FORMATS, servesWebSocket } from "./feeds.ts";
import { createAccess } from "../infrastructure/access/create_access.ts";
import type { Config } from "../infrastructure/config/config.ts";
import { reportSettings } from "../infrastructure/config/describe_settings.ts";
import { GrpcServer } from "../infrastructure/grpc/server.ts";
import { serveHttp } from "../infrastructure/http/serve_http.ts";
import { redact } from "../infrastructure/logging/redaction.ts";
import { createMetrics } from "../infrastructure/metrics/metrics.ts";
import { heapLimit } from "../infrastructure/metrics/process_metrics.ts";
import { AcceptRetry, descriptorProbe } from "../infrastructure/process/descriptor_shortage.ts";
import { WebSocketApi } from "../infrastructure/websocket/server.ts";
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
  if (config.cluster.role === "hub") throw new Error("startHub starts a process with this role");
  await using resources = new AsyncDisposableStack();
  const { deps, logControl, errors, secrets } = openDependencies(config, overrides, resources);
  const { clock, log } = deps;
  for (const problem of memoryProblems(config, heapLimit())) log.warn(problem);
  const drain = new Drain();
  const audit = new StreamAudit(log, clock);
  const counters = createCounters();
  const isEdge = config.cluster.role === "edge";
  const hub = isEdge ? await openHub(config, { ...deps, counters }) : undefined;
  resources.use(hub);
  const orderStore = isEdge ? undefined : await openOrderStore(config, { ...deps, counters });
  resources.use(orderStore);
  const core = createCore(config, { ...deps, counters, orderStore, hub, drain, audit });
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
  const tls = await buildTls(config, { ...deps, connections, counters: core.counters.tls });
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
    admin: access.isOn ? await loadAdminService(admin, clock) : undefined,
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
      clients: core.clients,
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
      streams: () => core.clients.reports(),
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
      rpc: config.web.enabled ? await grpc.webEndpoint({ ...config.web, ...limits }) : undefined,
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
  const restore = async (signal: AbortSignal) => {
    if (!core.journal) return true;
    const entries = hub ? await hub.load(signal) : await orderStore?.load() ?? [];
    if (entries) core.journal.restore(entries);
    return entries !== undefined;
  };
  const isRestored = await restore(signal);
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
  const follow = async (signal: AbortSignal) => {
    if (!isRestored) {
      log.info("Waiting for NATS: what hubs have stored is read before their feeds are followed");
      while (!signal.aborted && !await restore(signal)) continue;
    }
    await core.run(signal);
  };
  feeds = Promise.all([follow(feedsAbort.signal), tls.run(feedsAbort.signal)]).then(() => {});
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

/** Loads the service that administers the proxy; without authentication it is not offered. */
async function loadAdminService(admin: Administration, clock: Dependencies["clock"]) {
  const { adminService } = await import("../infrastructure/grpc/admin_service.ts");
  return adminService({ admin, clock });
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
