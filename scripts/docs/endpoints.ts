/**
 * Describes the paths of the HTTP ports; a test compares them with those of a
 * running proxy.
 *
 * @module
 */
import { code, table } from "./blocks.ts";

/** Every path of the health port. */
export const ENDPOINTS: Readonly<Record<string, string>> = {
  "/":
    "The status page: feeds, subscriptions, streams, rates, last errors. Needs no scripts",
  "/events": "What the status page shows, as server-sent events",
  "/icon.svg": "Its icon",
  "/health":
    "JSON: feeds, uptime, open streams. 200 while any enabled feed is connected, else 503",
  "/healthz": "`OK` while the process runs. For liveness probes",
  "/readyz":
    "`READY` while any enabled feed is connected, 503 otherwise and during shutdown",
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
