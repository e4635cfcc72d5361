/**
 * Health checks and metrics over HTTP.
 *
 * The health port answers `/health`, `/healthz`, `/readyz` and `/metrics`; the
 * metrics port, when there is one, `/metrics` alone. `/healthz` says that the
 * process runs; `/readyz` that at least one enabled feed is connected and that
 * no shutdown has begun; `/health` says everything.
 *
 * @module
 */
import type { StatusSource } from "../../application/status/proxy_status.ts";
import type { FeedId } from "../../domain/connection/feed.ts";
import { healthBody, isReady } from "./health_body.ts";
import { type Address, listen } from "./listen.ts";
import { answer, answerFrom, type Route, type Routes, text } from "./routes.ts";

/** Where metrics come from. */
export interface MetricsText {
  readonly contentType: string;
  /** The page as it stands at this moment. */
  render(): Promise<string>;
}

/** What the HTTP side is made of. */
export interface ServeHttpOptions {
  readonly health: { readonly host: string; readonly port: number };
  /** Port 0 means that there is no port of its own for metrics. */
  readonly metrics: { readonly host: string; readonly port: number };
  /** Feeds that are meant to run: only they count for health. */
  readonly feeds: ReadonlySet<FeedId>;
  readonly status: StatusSource;
  readonly page: MetricsText;
  /** Told when an answer could not be made. */
  readonly onFault: (cause: unknown) => void;
}

/** The running HTTP side; disposing it ends what is open and frees the ports. */
export interface HttpServers extends AsyncDisposable {
  readonly healthPort: number;
  /** Undefined when metrics have no port of their own. */
  readonly metricsPort: number | undefined;
  /** Rejects if a server dies by itself; resolves once all are disposed. */
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
  const open = (address: Address, routes: Routes) => {
    const handler = guard(answerFrom(routes), options.onFault);
    return opened.use(listen(address, handler));
  };
  const metrics = metricsRoute(options.page);
  const health = open({
    ...options.health,
    purpose: "health checks",
    variable: "STREAM_PROXY_HEALTH_PORT",
  }, { ...healthRoutes(options), "/metrics": metrics });
  const servers = [health];
  if (options.metrics.port !== 0) {
    servers.push(open({
      ...options.metrics,
      purpose: "metrics",
      variable: "STREAM_PROXY_METRICS_PORT",
    }, { "/metrics": metrics }));
  }
  const kept = opened.move();
  return {
    healthPort: health.addr.port,
    metricsPort: servers[1]?.addr.port,
    finished: Promise.all(servers.map((server) => server.finished))
      .then(() => {}),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
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

/** A fault costs its own answer: it is told to the log, not to the caller. */
function guard(
  handler: (request: Request) => Promise<Response>,
  onFault: (cause: unknown) => void,
): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      return await handler(request);
    } catch (cause) {
      onFault(cause);
      return text("Internal error\n", 500);
    }
  };
}
