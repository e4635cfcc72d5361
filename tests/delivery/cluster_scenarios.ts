/**
 * Scenarios of a cluster: what fires, once, while many processes notice the same.
 *
 * @module
 */
import { countAt } from "./alert_incidents.ts";
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
];
