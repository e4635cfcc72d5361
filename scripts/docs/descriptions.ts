/**
 * Descriptions that only the documentation has: why each dependency is needed,
 * and what each path of the HTTP ports answers. Tests compare the names with
 * `deno.json` and with a running proxy.
 *
 * @module
 */
import manifest from "../../deno.json" with { type: "json" };
import simulator from "../../simulator/deno.json" with { type: "json" };
import { code, table } from "./markdown.ts";

/** Why the program itself needs a package. */
export const AT_RUN_TIME: Readonly<Record<string, string>> = {
  "@bufbuild/protobuf": "Messages of the gRPC contract, generated and typed",
  "@connectrpc/connect": "Formats of gRPC-Web and Connect; client of the client library",
  "@msgpack/msgpack": "Frames of the option stream",
  "@nats-io/jetstream": "Order updates that outlive the process, in NATS JetStream",
  "@nats-io/kv": "The lease of a hub, in NATS",
  "@nats-io/nats-core": "Connections to NATS",
  "@nats-io/transport-node": "Sockets of these connections",
  "jose": "JWTs: signatures and claims; keys of an issuer by their type and id",
  "@opentelemetry/api": "Spans, for Deno's built-in OpenTelemetry",
  "prom-client": "Text format of Prometheus",
  "ws": "WebSockets: to Alpaca, because it supports pause and resume; the simulator's server",
};

/** Why development, tests or the simulator need a package. */
export const ELSEWHERE: Readonly<Record<string, string>> = {
  "@alpacahq/alpaca-trade-api": "Tests: Alpaca's own SDK against the simulator",
  "@connectrpc/connect-node": "gRPC transport of `@connectrpc/connect`",
  "@connectrpc/connect-web": "Tests: calls of web pages",
  "@grpc/grpc-js": "Tests: a common gRPC client, and servers for the client library",
  "@types/ws": "Simulator: types of `ws`",
  "ajv": "Tests: the chart's schema of values",
  "axe-core": "Tests: accessibility of the status page",
  "decimal.js": "Simulator: exact arithmetic with money",
  "fast-check": "Tests: properties beside examples",
  "grpc-js-reflection-client": "Tests: server reflection, v1 and v1alpha",
  "hdr-histogram-js": "Benchmarks: latency percentiles",
  "js-tokens": "Scripts: comments and strings of the sources",
  "yaml": "Scripts and tests: the chart's values and manifests",
};

/** Imports of all packages of the workspace, by name. */
export const IMPORTS: Readonly<Record<string, string>> = {
  ...manifest.imports,
  ...simulator.imports,
};

/** The table of dependencies, with the pinned versions of deno.json. */
export function dependencyTable(): string {
  const rows = (why: Readonly<Record<string, string>>) =>
    Object.entries(why).map(([name, reason]) => [
      code(name),
      versionOf(IMPORTS[name] ?? ""),
      reason,
    ]);
  return table(["Package", "Version", "Purpose"], [
    ...rows(AT_RUN_TIME),
    ...rows(ELSEWHERE),
  ]);
}

function versionOf(specifier: string): string {
  return specifier.slice(specifier.lastIndexOf("@") + 1);
}

/** Every path of the health port. */
export const ENDPOINTS: Readonly<Record<string, string>> = {
  "/": "The status page: feeds, subscriptions, streams, rates, last errors. Needs no scripts; " +
    "with `STREAM_PROXY_ACCESS` it needs a token as password",
  "/events": "What the status page shows, as server-sent events",
  "/icon.svg": "Its icon",
  "/health": "JSON: feeds, uptime, open streams. 200 while any enabled feed is connected, else 503",
  "/healthz": "`OK` while the process runs. For liveness probes",
  "/readyz": "`READY` while any enabled feed is connected, 503 otherwise and during shutdown",
  "/metrics": "Metrics in the text format of Prometheus. Also on the metrics port",
};

/** The table of endpoints. */
export function endpointTable(): string {
  return table(
    ["Endpoint", "Response"],
    Object.entries(ENDPOINTS).map(([path, answer]) => [
      code(`GET ${path}`),
      answer,
    ]),
  );
}
