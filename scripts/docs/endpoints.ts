/**
 * What the HTTP ports answer, in words for users; a test compares the paths
 * with those of a running proxy.
 *
 * @module
 */
import { code, table } from "./blocks.ts";

/** Every path of the health port. */
export const ENDPOINTS: Readonly<Record<string, string>> = {
  "/":
    "The status page, for people: feeds, subscriptions, streams, rates, last errors. Works offline and without scripts",
  "/events": "What the status page shows, as server-sent events",
  "/icon.svg": "Its icon",
  "/health":
    "JSON: state of every feed, uptime, open streams. 200 while any enabled feed is connected, else 503",
  "/healthz": "`OK` while the process runs. For liveness probes",
  "/readyz":
    "`READY` while at least one enabled feed is connected and no shutdown has begun, else 503. For readiness probes",
  "/metrics":
    "Metrics in the text format of Prometheus. Also on the metrics port",
};

/** The table of endpoints. */
export function endpointTable(): string {
  return table(
    ["Endpoint", "Answer"],
    Object.entries(ENDPOINTS).map(([path, answer]) => [
      code(`GET ${path}`),
      answer,
    ]),
  );
}
