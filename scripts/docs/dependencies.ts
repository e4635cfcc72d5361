/**
 * Why each dependency is there; a test compares the names with deno.json.
 *
 * @module
 */
import manifest from "../../deno.json" with { type: "json" };
import simulator from "../../simulator/deno.json" with { type: "json" };
import { code, table } from "./blocks.ts";

/** Why the program itself needs a package. */
export const AT_RUN_TIME: Readonly<Record<string, string>> = {
  "@bufbuild/protobuf": "Messages of the gRPC contract, generated and typed",
  "@grpc/grpc-js": "gRPC server: HTTP/2, flow control, deadlines",
  "@msgpack/msgpack": "Frames of the option stream",
  "@opentelemetry/api": "Spans, for Deno's built-in OpenTelemetry",
  "prom-client": "Text format of Prometheus",
  "ws":
    "WebSockets: upstream, because its reading can rest, and the simulator's server",
};

/** Why development, tests or the simulator need a package. */
export const ELSEWHERE: Readonly<Record<string, string>> = {
  "@alpacahq/alpaca-trade-api": "Tests: Alpaca's own SDK against the simulator",
  "@connectrpc/connect": "Tests: a client of another make",
  "@connectrpc/connect-node": "Tests: its gRPC transport",
  "@types/ws": "Simulator: types of `ws`",
  "ajv": "Tests: the chart's schema of values",
  "axe-core": "Tests: the status page for people who cannot see it",
  "decimal.js": "Simulator: exact arithmetic with money",
  "fast-check": "Tests: properties instead of examples",
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
  return table(["Package", "Version", "Why it is there"], [
    ...rows(AT_RUN_TIME),
    ...rows(ELSEWHERE),
  ]);
}

function versionOf(specifier: string): string {
  return specifier.slice(specifier.lastIndexOf("@") + 1);
}
