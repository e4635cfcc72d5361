/**
 * The composition root of a hub: the process that holds the sessions with Alpaca while it has the
 * lease, and stands by otherwise.
 *
 * What follows the account is made again for each term, from what the other hubs have stored
 * meanwhile. Sessions are closed and awaited, and order updates are stored, before the lease is
 * given up.
 *
 * @module
 */
import { Administration } from "../application/admin/administration.ts";
import { Drain } from "../application/admin/drain.ts";
import { StreamAudit } from "../application/admin/stream_audit.ts";
import { Leadership, type Term } from "../application/cluster/leadership.ts";
import { ConnectionLimits } from "../application/connections/connection_limits.ts";
import { Activity } from "../application/status/activity.ts";
import { createCounters } from "../application/status/counters.ts";
import type { ProxyStatus } from "../application/status/status.ts";
import { WallStamp } from "../application/status/wall_stamp.ts";
import { createCore } from "./core.ts";
import { type Dependencies, openDependencies } from "./dependencies.ts";
import { openDistribution } from "./distribution.ts";
import { createAccess } from "../infrastructure/access/create_access.ts";
import type { Config } from "../infrastructure/config/config.ts";
import { reportSettings } from "../infrastructure/config/describe_settings.ts";
import { serveHttp } from "../infrastructure/http/serve_http.ts";
import { redact } from "../infrastructure/logging/redaction.ts";
import { createMetrics } from "../infrastructure/metrics/metrics.ts";
import { AcceptRetry, descriptorProbe } from "../infrastructure/process/descriptor_shortage.ts";
import { openLease } from "./lease.ts";
import type { ProxyPorts } from "./proxy.ts";
import { openOrderStore } from "./stored_orders.ts";
import { buildTls } from "./tls.ts";

/** Why the hub is not ready during shutdown. */
const STOP_REASON = "the hub is shutting down";

/** A running hub; disposing it stops it gracefully and is idempotent. */
export interface RunningHub extends AsyncDisposable {
  /** The settings it was started with. */
  readonly config: Config;
  /** Where it listens. */
  readonly ports: Pick<ProxyPorts, "health" | "metrics">;
  /** Resolves when the ports are closed, which only disposing does. */
  readonly finished: Promise<void>;
}

/**
 * Starts a hub: the HTTP ports, then the competition for the lease.
 *
 * @param overrides dependencies to use in place of the defaults
 * @throws when a port cannot be opened; nothing stays open then
 */
export async function startHub(
  config: Config,
  overrides: Partial<Dependencies> = {},
): Promise<RunningHub> {
  await using resources = new AsyncDisposableStack();
  const { deps, logControl, errors, secrets } = openDependencies(config, overrides, resources);
  const { clock, log } = deps;
  const { limits } = config;
  const started = new WallStamp(clock);
  const counters = createCounters();
  const shared = {
    ...deps,
    counters,
    activity: new Activity(counters, clock),
    drain: new Drain(),
    audit: new StreamAudit(log, clock),
  };
  const { drain } = shared;
  const leadership = new Leadership({ ...deps, lease: await openLease(config, shared, resources) });
  const isActive = () => leadership.term !== undefined;
  const distribution = await openDistribution(
    config,
    { ...shared, lease: leadership },
    resources,
  );
  // Shows the feeds as they are while none is followed.
  let core = createCore(config, { ...shared, orderStore: undefined });
  const lead = async ({ signal, lost }: Term) => {
    await using orderStore = await openOrderStore(config, { ...shared, isActive });
    core = createCore(config, { ...shared, orderStore, distribution, revoked: lost });
    if (orderStore) core.journal?.restore(await orderStore.load());
    await Promise.all([core.run(signal), distribution.run(core, signal)]);
    // That the sessions have ended, while the lease is still held.
    distribution.flush();
  };
  const connections = new ConnectionLimits({
    ...shared,
    maxGrpc: 0,
    maxHttp: limits.maxHttpConnections,
    maxHttpPerAddress: limits.maxHttpConnectionsPerAddress,
    outOfDescriptors: descriptorProbe(),
  });
  resources.use(new AcceptRetry(connections));
  const tls = await buildTls(config, { ...deps, connections, counters: counters.tls });
  const ending = new AbortController();
  const clean = redact(secrets);
  const sources = {
    counters,
    status: (): ProxyStatus => {
      const status = core.status();
      const lease = leadership.report;
      return {
        ...status,
        startedAt: started.at,
        // The data of a hub that stands by is not stale: it has none.
        feeds: lease.term === undefined
          ? status.feeds.map((feed) => ({ ...feed, freshness: undefined }))
          : status.feeds,
        cluster: { role: "hub", lease, distribution: distribution.report() },
      };
    },
    quotas: () => core.quotas(),
    expansions: () => core.expansions(),
    subscriptions: () => core.subscriptions(),
    activity: shared.activity,
    calendar: core.calendar,
  };
  const admin = resources.use(
    new Administration({
      ...deps,
      get clients() {
        return core.clients;
      },
      get links() {
        return core.links;
      },
      logControl,
      drain,
      drainMs: limits.drainMs,
      connections,
      settings: () => reportSettings(config).map((each) => ({ ...each, value: clean(each.value) })),
    }),
  );
  const http = resources.use(
    await serveHttp({
      ...config,
      ...sources,
      errors: errors.report,
      streams: () => core.clients.reports(),
      renderMetrics: createMetrics({ ...sources, connections: () => connections.figures }),
      access: await createAccess(config.access, { ...shared, signal: ending.signal }),
      connections,
      security: tls.http,
      clock,
      idleMs: limits.httpIdleMs,
      maxViewers: limits.maxViewers,
      maxViewersPerAddress: limits.maxViewersPerAddress,
      allowedHosts: limits.allowedHosts,
      admin,
      onError: (cause) => log.error("An HTTP response failed", { cause }),
    }),
  );
  const running = Promise.all([leadership.run(lead, ending.signal), tls.run(ending.signal)]);
  resources.defer(async () => {
    drain.stop(STOP_REASON);
    ending.abort();
    await running;
  });
  const opened = resources.move();
  return {
    config,
    ports: { health: http.healthPort, metrics: http.metricsPort },
    finished: http.finished,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
