/**
 * Metrics of what an edge receives from its hub; all zero in other roles.
 *
 * @module
 */
import type { EdgeFeedCounters } from "../../application/status/counters.ts";
import { FEEDS } from "../../domain/connection/feed.ts";
import { histogram, type MetricsSources, seriesOf } from "./metric.ts";

const LATENCY = "alpaca_proxy_edge_request_seconds";

/** Reads a value of each feed. */
function perFeed(valueOf: (feed: EdgeFeedCounters, now: number) => number | undefined) {
  return ({ counters, status }: MetricsSources) => {
    const { now } = status();
    return FEEDS.flatMap((feed) => {
      const value = valueOf(counters.edge.feeds[feed], now);
      return value === undefined ? [] : [{ labels: { feed }, value }];
    });
  };
}

/** Metrics of an edge, as rows of `METRICS`. */
export const EDGE_METRICS = {
  edgeMissing: {
    name: "alpaca_proxy_edge_entries_missing_total",
    type: "counter",
    help: "Frames of the hub that did not arrive; each loss is a gap in every stream of the feed",
    labels: ["feed"],
    read: perFeed(({ missing }) => missing),
  },
  edgeRecovered: {
    name: "alpaca_proxy_edge_entries_recovered_total",
    type: "counter",
    help: "Frames of the hub that did not arrive and were read from what NATS retains: no gap",
    labels: ["feed"],
    read: perFeed(({ recovered }) => recovered),
  },
  edgeDropped: {
    name: "alpaca_proxy_edge_batches_dropped_total",
    type: "counter",
    help: "Batches of the hub that were dropped because the edge is too slow",
    labels: ["feed"],
    read: perFeed(({ dropped }) => dropped),
  },
  edgeTerm: {
    name: "alpaca_proxy_edge_hub_term",
    type: "gauge",
    help: "Term of the hub that the edge follows, which rises when a hub is replaced; 0 for none",
    labels: ["feed"],
    read: perFeed(({ term }) => term),
  },
  edgeSilence: {
    name: "alpaca_proxy_edge_silence_seconds",
    type: "gauge",
    help: "Time since something of the hub arrived, usually below 1; absent before the first",
    labels: ["feed"],
    read: perFeed(({ lastEntryAt }, now) =>
      lastEntryAt === undefined ? undefined : Math.max(0, now - lastEntryAt) / 1_000
    ),
  },
  edgeRequests: {
    name: LATENCY,
    type: "histogram",
    help: "Time until the hub has answered a request",
    labels: ["request"],
    read: ({ counters }: MetricsSources) =>
      Object.entries(counters.edge.requests).flatMap(([request, latency]) =>
        histogram(LATENCY, latency, { request })
      ),
  },
  edgeUnanswered: {
    name: "alpaca_proxy_edge_requests_unanswered_total",
    type: "counter",
    help: "Requests that no hub has answered",
    labels: ["request"],
    read: ({ counters }: MetricsSources) => seriesOf("request", counters.edge.unanswered),
  },
} as const;
