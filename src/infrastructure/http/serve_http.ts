/**
 * Health checks, metrics and the status page over HTTP.
 *
 * The health port answers `/` (a page for people, live by `/events`),
 * `/health`, `/healthz`, `/readyz` and `/metrics`; the metrics port, when there
 * is one, `/metrics` alone. `/healthz` says that the process runs; `/readyz`
 * that at least one enabled feed is connected and that no shutdown has begun;
 * `/health` says everything. The page shows what it is given a source for:
 * `counters`, `streams`, `subscriptions` and `errors` may be left out.
 *
 * @module
 */
import {
  type LiveSources,
  LiveViews,
} from "../../application/status/live_views.ts";
import type { ListenAddress } from "../../application/connections/cannot_listen.ts";
import type { ConnectionLimits } from "../../application/connections/connection_limits.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type { StatusSource } from "../../application/status/proxy_status.ts";
import type { FeedId } from "../../domain/connection/feed.ts";
import { AllowedHosts } from "./allowed_hosts.ts";
import { healthBody, isReady } from "./health_body.ts";
import { listen, type PortOptions } from "./listen.ts";
import { LiveEvents, type LiveEventsOptions } from "./live_events.ts";
import { present } from "./page/present.ts";
import {
  answer,
  answerFrom,
  type Handler,
  type Route,
  type Routes,
  text,
} from "./routes.ts";
import { statusPage } from "./status_page.ts";

/** What the status page tells beside the status, where it is given. */
export type PageSources = Pick<
  LiveSources,
  "counters" | "streams" | "subscriptions" | "errors" | "lastMessageAt"
>;

/** Longest wait for a client, in ms, where none is set. */
const IDLE_MS = 75_000;

/** Where metrics come from. */
export interface MetricsText {
  readonly contentType: string;
  /** The page as it stands at this moment. */
  render(): Promise<string>;
}

/** What the HTTP side is made of. */
export interface ServeHttpOptions
  extends
    PageSources,
    Pick<LiveEventsOptions, "maxViewers" | "pulse">,
    Pick<PortOptions, "keepAccepting"> {
  readonly health: { readonly host: string; readonly port: number };
  /** Port 0 means that there is no port of its own for metrics. */
  readonly metrics: { readonly host: string; readonly port: number };
  /** Feeds that are meant to run: only they count for health. */
  readonly feeds: ReadonlySet<FeedId>;
  readonly status: StatusSource;
  readonly page: MetricsText;
  /** Counts and limits the connections of these and all other ports. */
  readonly connections: ConnectionLimits;
  readonly clock: Clock;
  /** Longest wait for a client, in ms. @default 75_000 */
  readonly idleMs?: number;
  /**
   * Names under which the status page is served, beside IP addresses and
   * localhost; `*.example.org` stands for all names below it.
   *
   * @default none
   */
  readonly allowedHosts?: readonly string[];
  /** Receives the cause of each answer that could not be made. */
  readonly onFault: (cause: unknown) => void;
}

/** The running HTTP side; disposing it ends what is open and frees the ports. */
export interface HttpServers extends AsyncDisposable {
  readonly healthPort: number;
  /** Undefined when metrics have no port of their own. */
  readonly metricsPort: number | undefined;
  /** Resolves when all ports are closed; nothing but disposing closes them. */
  readonly finished: Promise<void>;
}

/**
 * Opens the HTTP ports.
 *
 * @throws {CannotListen} when one of them cannot be opened; then none is.
 */
export async function serveHttp(
  options: ServeHttpOptions,
): Promise<HttpServers> {
  await using opened = new AsyncDisposableStack();
  const { connections, clock, idleMs = IDLE_MS, keepAccepting } = options;
  const open = async (address: ListenAddress, routes: Routes) => {
    const handler = guard(answerFrom(routes), options.onFault);
    return opened.use(
      await listen(address, {
        handler,
        connections,
        clock,
        idleMs,
        keepAccepting,
      }),
    );
  };
  const metrics = metricsRoute(options.page);
  const { routes: page, events } = await pageRoutes(options);
  const health = await open({
    ...options.health,
    purpose: "health checks",
    variable: "STREAM_PROXY_HEALTH_PORT",
  }, { ...page, ...healthRoutes(options), "/metrics": metrics });
  const servers = [health];
  if (options.metrics.port !== 0) {
    servers.push(
      await open({
        ...options.metrics,
        purpose: "metrics",
        variable: "STREAM_PROXY_METRICS_PORT",
      }, { "/metrics": metrics }),
    );
  }
  // Made after the ports, so that it ends before them: they wait for it.
  opened.use(events);
  const kept = opened.move();
  return {
    healthPort: health.number,
    metricsPort: servers[1]?.number,
    finished: Promise.all(servers.map((server) => server.finished))
      .then(() => {}),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function pageRoutes(
  options: ServeHttpOptions,
): Promise<{ routes: Routes; events: LiveEvents }> {
  const { onFault, maxViewers, pulse } = options;
  const views = new LiveViews({
    ...options,
    enabled: options.feeds,
    monotonic: () => performance.now(),
  });
  const screen = () => present(views.read());
  const events = new LiveEvents({
    snapshot: () => JSON.stringify(screen()),
    onFault,
    maxViewers,
    pulse,
  });
  const hosts = new AllowedHosts([
    options.health.host,
    ...options.allowedHosts ?? [],
  ]);
  const page = await statusPage(screen);
  const routes = hosts.protect({ ...page, "/events": events.answer });
  return { routes, events };
}

function healthRoutes({ status, feeds }: ServeHttpOptions): Routes {
  return {
    "/health": () => {
      const body = healthBody(status(), feeds);
      return answer(`${JSON.stringify(body)}\n`, {
        status: body.status === "unhealthy" ? 503 : 200,
        type: "application/json",
      });
    },
    "/healthz": () => text("OK"),
    "/readyz": () =>
      isReady(status(), feeds) ? text("READY") : text("NOT READY", 503),
  };
}

function metricsRoute(page: MetricsText): Route {
  return async () =>
    answer(await page.render(), { status: 200, type: page.contentType });
}

/** Limits a fault to its own answer; the cause goes to the log, not the caller. */
function guard(handler: Handler, onFault: (cause: unknown) => void): Handler {
  return async (asked) => {
    try {
      return await handler(asked);
    } catch (cause) {
      onFault(cause);
      return text("Internal error\n", 500);
    }
  };
}
