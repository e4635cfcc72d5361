/**
 * Scenarios of a cluster: what fires, once, while many processes notice the same.
 *
 * @module
 */
import { between, countAt } from "./alert_incidents.ts";
import type { Scenario } from "./alert_scenarios.ts";

type Series = Scenario["series"];

/** Names of ten edges. */
const EDGES: readonly string[] = Array.from({ length: 10 }, (_, index) => `edge-${index}`);

/** The same series of each edge. */
function ofEdges(
  metric: string,
  labels: string,
  valueAt: (minute: number, index: number) => number | undefined,
): Series {
  return Object.fromEntries(EDGES.map((edge, index) => [
    `${metric}{instance="${edge}",${labels}}`,
    (minute: number) => valueAt(minute, index),
  ]));
}

/** Scenarios of a cluster. */
export const CLUSTER_SCENARIOS: readonly Scenario[] = [
  {
    name: "a hub is replaced, and each of ten edges needs two attempts",
    minutes: 60,
    series: {
      up: () => 1,
      ...ofEdges("alpaca_proxy_reconnects_total", 'feed="sip"', countAt(10, 10.5)),
      ...ofEdges(
        "alpaca_proxy_websocket_errors_total",
        'feed="sip",error_type="closed"',
        countAt(10),
      ),
      ...ofEdges("alpaca_proxy_websocket_errors_total", 'feed="sip",error_type="dial"', () => 0),
    },
    firing: [],
  },
  {
    name: "one of ten edges has no connection to NATS",
    minutes: 60,
    series: {
      up: () => 1,
      ...ofEdges(
        "alpaca_proxy_nats_connected",
        'connection="edge"',
        (minute, index) => Number(index > 0 || minute < 10 || minute >= 20),
      ),
    },
    firing: [{ alert: "AlpacaNatsDisconnected", from: 12, to: 20 }],
  },
  {
    name: "two of ten edges are cut off, then no hub has the lease",
    minutes: 60,
    series: {
      up: () => 1,
      'alpaca_proxy_lease_held{instance="hub-a"}': between(30, 40, 0, 1),
      'alpaca_proxy_lease_held{instance="hub-b"}': () => 0,
      'alpaca_proxy_hub_edges{instance="hub-a"}': between(30, 40, 0, 8),
      'alpaca_proxy_hub_edges{instance="hub-b"}': () => 0,
      ...ofEdges("alpaca_proxy_edge_silence_seconds", 'feed="sip"', (minute, index) => {
        if (minute >= 30 && minute < 40) return (minute - 30) * 60;
        return index < 2 && minute >= 10 && minute < 20 ? (minute - 10) * 60 : 0.5;
      }),
    },
    firing: [
      { alert: "AlpacaEdgeSilent", from: 11.25, to: 20 },
      { alert: "AlpacaProxyNoHub", from: 31, to: 40 },
    ],
  },
  {
    name: "no edge is attached for ten minutes, and an edge gets no answers",
    minutes: 60,
    series: {
      up: () => 1,
      'alpaca_proxy_lease_held{instance="hub-a"}': () => 1,
      'alpaca_proxy_lease_held{instance="hub-b"}': () => 0,
      'alpaca_proxy_hub_edges{instance="hub-a"}': between(10, 20, 0, 1),
      'alpaca_proxy_edge_requests_unanswered_total{instance="edge-0",request="attach"}': (minute) =>
        Math.min(20, Math.max(0, minute - 40)) * 5,
    },
    firing: [
      { alert: "AlpacaNoEdges", from: 12, to: 20 },
      { alert: "AlpacaHubUnanswered", from: 49.25, to: 60 },
    ],
  },
  {
    name: "one of two hubs is gone for half an hour",
    minutes: 60,
    series: {
      up: () => 1,
      'alpaca_proxy_lease_held{instance="hub-a"}': () => 1,
      'alpaca_proxy_lease_held{instance="hub-b"}': (minute) =>
        minute < 10 || minute >= 40 ? 0 : undefined,
    },
    // A series without samples is read for five minutes.
    firing: [{ alert: "AlpacaNoStandby", from: 30, to: 40 }],
  },
];
