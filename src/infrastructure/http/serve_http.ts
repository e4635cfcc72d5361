/**
 * Serves health checks, metrics and the status page over HTTP.
 *
 * The health port serves `/` (the status page, updated by `/events`), `/health`, `/healthz`,
 * `/readyz` and `/metrics`, and calls of services where they are enabled; the optional metrics port
 * serves `/metrics` only. `/healthz` succeeds while the process runs, `/readyz` while at least one
 * enabled feed is connected and the proxy is not draining; `/health` has the details.
 *
 * @module
 */
import type { Socket } from "node:net";
import { type Access, OPEN_ACCESS } from "../../application/access/access.ts";
import type { Administration } from "../../application/admin/administration.ts";
import { type LiveSources, liveView } from "../../application/status/live_view.ts";
import { ANONYMOUS, type Identity } from "../../domain/access/grants.ts";
import type { ListenAddress } from "../../application/connections/open_port.ts";
import type { ConnectionLimits } from "../../application/connections/connection_limits.ts";
import type { ConnectionSecurity } from "../../application/connections/connection_security.ts";
import type { Clock } from "../../application/ports/clock.ts";
import { actionsRoute } from "./actions.ts";
import { limitHosts } from "./allowed_hosts.ts";
import { refuseForeignPages } from "./foreign_pages.ts";
import { healthBody, isReady } from "./health_body.ts";
import { HttpPort } from "./listen.ts";
import { LiveEvents, type LiveEventsOptions } from "./live_events.ts";
import { type RenderedPage, renderPage } from "./page/document.ts";
import { requireIdentity } from "./require_identity.ts";
import { createHandler, respond, type Routes, text } from "./routes.ts";
import { limitRpcHosts, type RpcEndpoint, type ServeRpc } from "./rpc.ts";
import { statusPage } from "./status_page.ts";

/** Longest wait for a client, in ms, where none is set. */
const IDLE_MS = 75_000;

/** How long a rendered page is reused, in ms. */
const FRESH_MS = 500;

/** Type of the Prometheus text format. */
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type HttpSecurity = ConnectionSecurity<Socket> | undefined;

/** How the HTTP servers are started. */
export interface ServeHttpOptions
  extends LiveSources, Pick<LiveEventsOptions, "maxViewers" | "maxViewersPerAddress" | "interval"> {
  readonly health: { readonly host: string; readonly port: number };
  /** Port 0 means no separate port for metrics. */
  readonly metrics: { readonly host: string; readonly port: number };
  /** Renders all metrics in the Prometheus text format. */
  readonly renderMetrics: () => Promise<string>;
  /** Counts and limits the connections of these and all other ports. */
  readonly connections: ConnectionLimits;
  readonly clock: Clock;
  /** Authenticates readers of the status page. @default authentication is off */
  readonly access?: Access | undefined;
  /** Serves calls of services on the health port. @default none */
  readonly rpc?: RpcEndpoint | undefined;
  /** Encrypts the connections of each port. @default none */
  readonly security?: { readonly health: HttpSecurity; readonly metrics: HttpSecurity };
  /** Longest wait for a client, in ms. @default 75_000 */
  readonly idleMs?: number;
  /**
   * Names under which browsers are served, besides IP addresses and localhost; `*.example.org`
   * stands for all names below it.
   *
   * @default none
   */
  readonly allowedHosts?: readonly string[];
  /** Serves the actions of the page to operators, while authentication is on. @default none */
  readonly admin?: Administration | undefined;
  /** Receives the cause of each failed response. */
  readonly onError: (cause: unknown) => void;
}

/** The running servers; disposing ends open responses and closes the ports. */
interface HttpServers extends AsyncDisposable {
  readonly healthPort: number;
  /** Undefined when metrics have no separate port. */
  readonly metricsPort: number | undefined;
  /** Resolves when all ports are closed, which only disposing does. */
  readonly finished: Promise<void>;
}

/**
 * Opens the HTTP ports.
 *
 * @throws {CannotListen} when one of them cannot be opened; none stays open then
 */
export async function serveHttp(options: ServeHttpOptions): Promise<HttpServers> {
  await using opened = new AsyncDisposableStack();
  const { idleMs = IDLE_MS, onError } = options;
  const open = async (
    address: ListenAddress,
    routes: Routes,
    { posts, security, serveRpc }: {
      readonly posts?: Routes;
      readonly security?: HttpSecurity;
      readonly serveRpc?: ServeRpc | undefined;
    } = {},
  ) => {
    const handler = createHandler(routes, onError, posts);
    const served = { handler, idleMs, security, serveRpc };
    return opened.use(await HttpPort.open(address, { ...options, ...served }));
  };
  const metrics = {
    "/metrics": async () =>
      respond(await options.renderMetrics(), { status: 200, type: METRICS_TYPE }),
  };
  const { make, render } = renderings(options);
  const events = new LiveEvents({
    ...options,
    onRefused: () => options.counters.refusals.viewers++,
    // The last one must not be a reused page from before the shutdown.
    snapshot: (isLast, identity) =>
      JSON.stringify((isLast ? make(identity) : render(identity)).content),
  });
  const hosts = [options.health.host, ...options.allowedHosts ?? []];
  const { access = OPEN_ACCESS } = options;
  const feeds = () => options.status().feeds.map(({ feed }) => feed);
  const guard = (routes: Routes) => limitHosts(requireIdentity(routes, access, feeds), hosts);
  const page = guard({ ...await statusPage(render), "/events": events.answer });
  const { rpc, admin } = options;
  const posts = access.isOn && admin ? guard({ "/actions": actionsRoute(admin) }) : {};
  const health = await open(
    {
      ...options.health,
      purpose: "health checks",
      variable: "STREAM_PROXY_HEALTH_PORT",
    },
    { ...page, ...healthRoutes(options, hosts), ...refuseForeignPages(metrics, hosts) },
    {
      posts,
      serveRpc: rpc && limitRpcHosts(rpc, hosts),
      security: options.security?.health,
    },
  );
  const separate = options.metrics.port === 0 ? undefined : await open(
    {
      ...options.metrics,
      purpose: "metrics",
      variable: "STREAM_PROXY_METRICS_PORT",
    },
    refuseForeignPages(metrics, [options.metrics.host, ...options.allowedHosts ?? []]),
    { security: options.security?.metrics },
  );
  // Added after the ports, so that it is disposed before them: they wait for it.
  opened.use(events);
  const kept = opened.move();
  return {
    healthPort: health.number,
    metricsPort: separate?.number,
    finished: Promise.all([health.finished, separate?.finished]).then(() => {}),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Renders the page for an identity; without one authentication is off. */
type Render = (identity: Identity | undefined) => RenderedPage;

/** Makes renderings that are current, and those that are reused by all viewers of a kind. */
function renderings(sources: LiveSources & Pick<ServeHttpOptions, "clock">) {
  const make: Render = ({ grants } = ANONYMOUS) =>
    renderPage(liveView(sources, { mayReadOrders: grants.orders }), { isOperator: grants.admin });
  const kept = new Map<string, () => RenderedPage>();
  const render: Render = (identity = ANONYMOUS) => {
    const { orders, admin } = identity.grants;
    const kind = `${orders} ${admin}`;
    const known = kept.get(kind) ?? reuse(() => make(identity), sources.clock);
    kept.set(kind, known);
    return known();
  };
  return { make, render };
}

/** Calls `make` at most once in {@linkcode FRESH_MS}, however many readers there are. */
function reuse<T>(make: () => T, clock: Clock): () => T {
  let latest: { readonly at: number; readonly value: T } | undefined;
  return () => {
    const at = clock.monotonic();
    if (!latest || at - latest.at >= FRESH_MS) latest = { at, value: make() };
    return latest.value;
  };
}

/** The details of health, and one word for probes that may be read from anywhere. */
function healthRoutes({ status, feeds }: ServeHttpOptions, hosts: readonly string[]): Routes {
  const details = {
    "/health": () => {
      const body = healthBody(status(), feeds);
      return respond(`${JSON.stringify(body)}\n`, {
        status: body.status === "unhealthy" ? 503 : 200,
        type: "application/json",
      });
    },
  };
  return {
    ...refuseForeignPages(details, hosts),
    "/healthz": () => text("OK"),
    "/readyz": () => isReady(status(), feeds) ? text("READY") : text("NOT READY", 503),
  };
}
