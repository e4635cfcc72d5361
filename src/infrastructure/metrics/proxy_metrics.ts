/**
 * The proxy's Prometheus metrics.
 *
 * Every series exists from the start, at zero, so that rates and alerts include
 * the first event. Values are read at scrape time from the parts that count.
 *
 * @module
 */
import process from "node:process";
import { getHeapStatistics } from "node:v8";
import { Registry } from "prom-client";
import type { ConnectionFigures } from "../../application/connections/connection_limits.ts";
import {
  ACCEPT_FAILURES,
  ERROR_TYPES,
  MESSAGE_TYPES,
  PROCESSING_BUCKETS,
  type ProxyCounters,
  REFUSAL_REASONS,
} from "../../application/status/counters.ts";
import type { StatusSource } from "../../application/status/status.ts";
import type { QuotaSource } from "../../application/status/subscription_report.ts";
import { type FeedId, FEEDS } from "../../domain/connection/feed.ts";
import type { LinkState } from "../../domain/connection/link.ts";
import { CHANNELS } from "../../domain/market/channels.ts";
import { CHANNEL_LABELS, METRICS } from "./declarations.ts";
import { ReadHistogram, registerRead, type Series } from "./read_metrics.ts";

/** A page of metrics in the Prometheus text format. */
export interface MetricsPage {
  /** `text/plain; version=0.0.4; charset=utf-8`. */
  readonly contentType: string;
  /** Reads every value and renders the page. */
  render(): Promise<string>;
}

/** The sources of the values. */
export interface MetricsSources {
  readonly counters: ProxyCounters;
  readonly status: StatusSource;
  /** Symbol quotas of the market data feeds; without it, none are reported. */
  readonly quotas?: QuotaSource;
  /** Client connections and descriptors; without it, none are reported. */
  readonly connections?: () => ConnectionFigures;
  /** Memory of the client queues, in bytes; 0 without it. */
  readonly queueMemory?: { readonly bytes: number; readonly limit: number };
}

/** Every state; true where the session has an open socket. */
const STATES: Readonly<Record<LinkState, boolean>> = {
  disconnected: false,
  connecting: false,
  authenticating: true,
  connected: true,
  reconnecting: false,
  error: false,
};

/** Makes the metrics of one proxy in a separate registry. */
export function createMetrics(sources: MetricsSources): MetricsPage {
  const registry = new Registry();
  registerCounters(registry, sources.counters);
  registerLatency(registry, sources.counters);
  registerStatus(registry, sources.status);
  registerQuotas(registry, sources.quotas ?? (() => []));
  registerMemory(registry, sources);
  registerConnections(registry, sources);
  registerProcess(registry, sources.status);
  return {
    contentType: registry.contentType,
    render: () => registry.metrics(),
  };
}

function registerCounters(registry: Registry, counters: ProxyCounters): void {
  const perFeed = (read: (feed: FeedId) => Series[]) => () => FEEDS.flatMap(read);
  const perChannel = (kind: "sent" | "dropped") => () =>
    CHANNELS.map((channel) => ({
      labels: { message_type: CHANNEL_LABELS[channel] },
      value: counters.channels[channel][kind],
    }));
  registerRead(
    registry,
    METRICS.received,
    perFeed((feed) =>
      MESSAGE_TYPES.map((type) => ({
        labels: { feed, message_type: type },
        value: counters.feeds[feed].received[type],
      }))
    ),
  );
  registerRead(registry, METRICS.sent, perChannel("sent"));
  registerRead(registry, METRICS.dropped, perChannel("dropped"));
  registerRead(
    registry,
    METRICS.errors,
    perFeed((feed) =>
      ERROR_TYPES.map((type) => ({
        labels: { feed, error_type: type },
        value: counters.feeds[feed].errors[type],
      }))
    ),
  );
  registerRead(
    registry,
    METRICS.reconnects,
    perFeed((feed) => [
      { labels: { feed }, value: counters.feeds[feed].reconnects },
    ]),
  );
}

function registerLatency(registry: Registry, counters: ProxyCounters): void {
  new ReadHistogram(METRICS.processing, {
    registry,
    bounds: PROCESSING_BUCKETS,
    read: () =>
      FEEDS.map((feed) => ({
        feed,
        latency: counters.feeds[feed].processing,
      })),
  });
}

function registerStatus(registry: Registry, status: StatusSource): void {
  const states = Object.keys(STATES) as LinkState[];
  registerRead(
    registry,
    METRICS.connections,
    () =>
      status().feeds.map(({ feed, state }) => ({
        labels: { feed },
        value: Number(STATES[state]),
      })),
  );
  registerRead(registry, METRICS.clients, () => single(status().clientCount));
  registerRead(
    registry,
    METRICS.subscriptions,
    () =>
      status().feeds.map(({ feed, subscriptionCount }) => ({
        labels: { feed },
        value: subscriptionCount,
      })),
  );
  registerRead(
    registry,
    METRICS.feedState,
    () =>
      status().feeds.flatMap((feed) =>
        states.map((state) => ({
          labels: { feed: feed.feed, state },
          value: Number(feed.state === state),
        }))
      ),
  );
  registerRead(
    registry,
    METRICS.draining,
    () => single(Number(status().draining)),
  );
}

function registerQuotas(registry: Registry, quotas: QuotaSource): void {
  const perFeed = (figure: "limit" | "used" | "waiting" | "refused") => () =>
    quotas().map(({ feed, [figure]: value = Infinity }) => ({
      labels: { feed },
      value,
    }));
  registerRead(registry, METRICS.budgetLimit, perFeed("limit"));
  registerRead(registry, METRICS.budgetUsed, perFeed("used"));
  registerRead(registry, METRICS.symbolsWaiting, perFeed("waiting"));
  registerRead(registry, METRICS.symbolsRefused, perFeed("refused"));
}

function registerMemory(
  registry: Registry,
  { queueMemory }: MetricsSources,
): void {
  registerRead(
    registry,
    METRICS.queueMemory,
    () => single(queueMemory?.bytes ?? 0),
  );
  registerRead(
    registry,
    METRICS.queueMemoryLimit,
    () => single(queueMemory?.limit ?? 0),
  );
}

function registerConnections(
  registry: Registry,
  { counters, connections }: MetricsSources,
): void {
  registerRead(
    registry,
    METRICS.refusals,
    () =>
      REFUSAL_REASONS.map((limit) => ({
        labels: { limit },
        value: counters.refusals[limit],
      })),
  );
  registerRead(
    registry,
    METRICS.acceptFailures,
    () =>
      ACCEPT_FAILURES.map((reason) => ({
        labels: { reason },
        value: counters.acceptFailures[reason],
      })),
  );
  const gauge = (read: (figures: ConnectionFigures) => number) => () =>
    connections ? single(read(connections())) : [];
  registerRead(registry, METRICS.grpcConnections, gauge(({ grpc }) => grpc));
  registerRead(registry, METRICS.httpConnections, gauge(({ http }) => http));
  registerRead(
    registry,
    METRICS.openDescriptors,
    gauge(({ descriptors }) => descriptors),
  );
  registerRead(
    registry,
    METRICS.descriptorLimit,
    gauge(({ descriptorLimit }) => descriptorLimit ?? Infinity),
  );
}

/** Metrics of the process that need no further permission. */
function registerProcess(registry: Registry, status: StatusSource): void {
  const memory = () => Deno.memoryUsage();
  let resident = 0;
  // Out of descriptors, Deno 2.9.6 reports 0 bytes.
  const residentBytes = () => resident = memory().rss || resident;
  registerRead(registry, METRICS.build, () => {
    const { version, environment } = status();
    const labels = { version, deno: Deno.version.deno, environment };
    return [{ labels, value: 1 }];
  });
  registerRead(registry, METRICS.residentMemory, () => single(residentBytes()));
  registerRead(registry, METRICS.heapUsed, () => single(memory().heapUsed));
  registerRead(registry, METRICS.heapTotal, () => single(memory().heapTotal));
  registerRead(registry, METRICS.heapLimit, () => single(heapLimit()));
  registerRead(registry, METRICS.cpu, () => {
    const { user, system } = process.cpuUsage();
    return single((user + system) / 1e6);
  });
  registerRead(
    registry,
    METRICS.startTime,
    () => single(performance.timeOrigin / 1000),
  );
}

/** Bytes of JavaScript heap at which the runtime ends the process. */
export function heapLimit(): number {
  return getHeapStatistics().heap_size_limit;
}

function single(value: number): Series[] {
  return [{ labels: {}, value }];
}
