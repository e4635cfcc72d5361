/**
 * The composition root: every part is made here, after what it needs, and
 * stopped here in the order that loses nothing: not ready first, then client
 * streams end, then the upstream sessions say goodbye, then health goes.
 *
 * @module
 */
import manifest from "../deno.json" with { type: "json" };
import { createChannels } from "./application/broadcast/channels.ts";
import { supervise } from "./application/feeds/supervise.ts";
import type { Clock } from "./application/ports/clock.ts";
import type { Log } from "./application/ports/log.ts";
import type { Tracing } from "./application/ports/tracing.ts";
import { createCounters } from "./application/status/counters.ts";
import { RecentErrors } from "./application/status/recent_errors.ts";
import { statusSource } from "./application/status/describe_proxy.ts";
import { Streams } from "./application/streaming/open_streams.ts";
import { UnderlyingDirectory } from "./domain/options/underlying_directory.ts";
import { buildExpansions } from "./composition/expansions.ts";
import { buildFeeds, feedKinds } from "./composition/feeds.ts";
import { systemClock } from "./infrastructure/clock/system_clock.ts";
import type { Config } from "./infrastructure/config/config.ts";
import { serveGrpc } from "./infrastructure/grpc/server.ts";
import { serveHttp } from "./infrastructure/http/serve_http.ts";
import { createJsonLog } from "./infrastructure/logging/json_log.ts";
import { createMetrics } from "./infrastructure/metrics/proxy_metrics.ts";
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
  /** Rejects when a part died that cannot be started again; else resolves at the end. */
  readonly finished: Promise<void>;
}

/** Parts that a caller may bring; the real ones are made otherwise. */
export interface ProxyParts {
  /** JSON lines on standard output otherwise. */
  readonly log?: Log;
  /** The system's time otherwise. */
  readonly clock?: Clock;
  /** OpenTelemetry otherwise. */
  readonly tracing?: Tracing;
  /** Numbers in [0, 1), for jitter. */
  readonly random?: () => number;
}

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
  const errors = new RecentErrors({ now: () => clock.now() });
  const log = errors.listen(
    parts.log ?? made.use(createJsonLog({ level: config.logLevel })),
  );
  const tracing = parts.tracing ?? createTracing();
  const random = parts.random ?? Math.random;
  const counters = createCounters();
  const directory = new UnderlyingDirectory();
  const { capacities } = config;
  const channels = createChannels({ capacities, counters, directory });
  const around = { config, channels, counters, clock, random, log, tracing };
  const { links, desks, books } = buildFeeds(around);
  const desk = desks.opra;
  const underlyings = desk &&
    buildExpansions({ config, desk, directory, clock, log });
  const streams = new Streams({ channels, desks, underlyings, clock });
  const subscriptions = () =>
    books.map((book) =>
      book.report(book.feed === "opra" ? underlyings?.reports() ?? [] : [])
    );
  const stopping = new AbortController();
  const status = statusSource({
    version: manifest.version,
    environment: config.environment,
    clock,
    links,
    kinds: feedKinds(config),
    streams,
    draining: () => stopping.signal.aborted,
  });
  const http = made.use(
    await serveHttp({
      health: config.health,
      metrics: config.metrics,
      feeds: config.feeds,
      status,
      counters,
      streams: () => streams.reports(),
      subscriptions,
      errors: errors.report,
      page: createMetrics({ counters, status }),
      onFault: (cause) => log.error("An HTTP answer failed", { cause }),
    }),
  );
  const following = new AbortController();
  let feeds: Promise<unknown> = Promise.resolve();
  made.defer(async () => {
    following.abort();
    await feeds;
  });
  const grpc = await serveGrpc({
    ...config.grpc,
    streams,
    status,
    clock,
    log,
    tracing,
    onUnknownWord: () => counters.feeds.trading.errors.unknown_word++,
  });
  made.defer(() => grpc.stop(DRAIN_MS, "the proxy is shutting down"));
  made.defer(() => stopping.abort());
  const { signal } = following;
  feeds = Promise.all([
    ...Object.entries(links).map(([feed, link]) =>
      supervise((signal) => link.run(signal), {
        clock,
        log: log.with({ feed }),
        signal,
      })
    ),
    underlyings &&
    supervise((signal) => underlyings.run(signal), { clock, log, signal }),
  ]);
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
