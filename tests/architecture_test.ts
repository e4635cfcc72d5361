/**
 * Enforces the layers: which folder may import which, which files may use
 * packages and the runtime, and that nothing is exported without an importer.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  exportsOf,
  importCycles,
  importedNames,
  importsOf,
  loadedWith,
  readSources,
  type Sources,
  withoutComments,
} from "./support/source_graph.ts";

const ROOT = new URL("../", import.meta.url);
const GENERATED = "src/gen/";

/** The files of the process itself; with {@link COMPOSITION} they may import every layer. */
const PROCESS_FILES = [
  "src/command_line.ts",
  "src/exit.ts",
  "src/main.ts",
  "src/run.ts",
  "src/start.ts",
  "src/stop_signals.ts",
];
/** What wires all parts together, for each role. */
const COMPOSITION = "src/composition/";
const ENTRY_POINT = "mod.ts";
/** The simulator is a package of its own, imported by its name alone. */
const SIMULATOR = {
  name: "@alpaca-stream-proxy/simulator",
  folder: "simulator/",
  entry: "simulator/mod.ts",
} as const;
const MANIFEST = "deno.json";
/** The client library: it imports the contract and nothing else of the program. */
const CLIENT = "client/";

/** The layer of a file; each adapter is a layer of its own. */
function layerOf(path: string): string {
  if (path === ENTRY_POINT || path === MANIFEST) return path;
  if (PROCESS_FILES.includes(path) || path.startsWith(COMPOSITION)) return "composer";
  if (path.startsWith(SIMULATOR.folder)) return "simulator";
  if (path.startsWith("cli/")) return "cli";
  if (path.startsWith(CLIENT)) return "client";
  const [, layer = "", part = ""] = path.split("/");
  return layer === "infrastructure" ? `${layer}/${part}` : layer;
}

function isAdapter(layer: string): boolean {
  return layer.startsWith("infrastructure/");
}

/** Whether a file of one layer may import a file of another. */
function mayImport(from: string, to: string): boolean {
  if (from === to) return true;
  switch (from) {
    case "domain":
    case "formats":
    case "simulator":
    case "gen":
      return false;
    case "application":
      return to === "domain";
    case "client":
      return to === "gen";
    case "cli":
      return true;
    case "composer":
    case ENTRY_POINT:
      return to === "domain" || to === "application" || isAdapter(to) ||
        to === "composer" || to === MANIFEST;
  }
  if (from === "infrastructure/grpc" && to === "gen") return true;
  return isAdapter(from) &&
    (to === "domain" || to === "application" || to === "formats" || to === MANIFEST);
}

/** Whether a file may use packages, `node:` modules and the runtime. */
function mayUseRuntime(path: string): boolean {
  const layer = layerOf(path);
  if (["simulator", "cli", "client"].includes(layer) || isAdapter(layer)) return true;
  return layer === "composer";
}

/** How code reaches time, randomness and the outside world. */
const OUTSIDE =
  /\b(?:Deno\.|process\.|console\.|Date\.now\b|performance\.|Math\.random\b|crypto\.|setTimeout\b|setInterval\b|queueMicrotask\b|fetch\(|new (?:WebSocket|Date|Worker)\b|AbortSignal\.timeout\b)/;

const INLINE = /^(?:npm|jsr|https?|file|data):/;

/** Describes every violation of the rules in the given sources. */
function violations(sources: Sources): string[] {
  const found: string[] = [];
  for (const { from, specifier, to } of importsOf(sources)) {
    const what = `${from} imports ${specifier}`;
    if (specifier === "*") found.push(`${what}: a computed target`);
    else if (INLINE.test(specifier)) found.push(`${what}: not mapped`);
    else if (specifier === SIMULATOR.name) {
      if (layerOf(from) !== "cli") {
        found.push(`${what}: ${layerOf(from)} may not import simulator`);
      }
    } else if (to === undefined) {
      const generated = from.startsWith(GENERATED) &&
        specifier.startsWith("@bufbuild/");
      if (!generated && !mayUseRuntime(from)) found.push(`${what}: a package`);
    } else if (to !== MANIFEST && !sources.has(to)) {
      found.push(`${what}: no such file`);
    } else if (
      !mayImport(layerOf(from), layerOf(to)) ||
      (layerOf(to) === "simulator" && layerOf(from) !== "simulator")
    ) {
      found.push(`${what}: ${layerOf(from)} may not import ${layerOf(to)}`);
    }
  }
  for (const [path, text] of sources) {
    const code = withoutComments(text);
    if (!mayUseRuntime(path) && /\bDeno\./.test(code)) {
      found.push(`${path} uses Deno`);
    }
    const pure = ["domain", "application", "formats"].includes(layerOf(path));
    const [outside] = OUTSIDE.exec(code) ?? [];
    if (pure && outside) {
      found.push(`${path} uses ${outside} instead of a port`);
    }
  }
  return found;
}

const sources = await readSources(ROOT, [
  "src",
  "cli",
  "client",
  ENTRY_POINT,
  "simulator/src",
  "simulator/main.ts",
  SIMULATOR.entry,
]);

Deno.test("every import points inwards", () => {
  assert.ok(sources.size > 50, "sources found");
  assert.deepEqual(violations(sources), []);
});

Deno.test("the entry point loads nothing but the signal handlers before it listens", () => {
  const eager = (file: string) =>
    importsOf(sources).filter(({ from, specifier }) =>
      from === file &&
      !withoutComments(sources.get(file) ?? "").includes(
        `import("${specifier}")`,
      )
    ).map(({ specifier }) => specifier);
  assert.deepEqual(eager("src/start.ts"), ["./stop_signals.ts"]);
  assert.deepEqual(eager("src/stop_signals.ts"), []);
});

Deno.test("the texts of the command line need no package and no part of the program", () => {
  const needed = loadedWith("src/main.ts", importsOf(sources));
  assert.deepEqual(needed.filter(({ specifier }) => /^(?!\.|node:)/.test(specifier)), []);
  const layers = new Set(needed.map(({ to }) => to === undefined ? "domain" : layerOf(to)));
  layers.delete(MANIFEST);
  // What settings are, and the types of their values.
  const expected = ["application", "composer", "domain", "infrastructure/config"];
  assert.deepEqual([...layers].sort(), expected);
  assert.ok(needed.every(({ to }) => !to?.startsWith(COMPOSITION) && to !== "src/run.ts"));
});

Deno.test("everything that is loaded later can be loaded", async () => {
  const later = importsOf(sources).filter(({ from, loads }) =>
    from.startsWith("src/") && loads === "later"
  );
  assert.ok(later.length > 10, "imports found");
  for (const { to, specifier } of later) {
    const exported = await import(to === undefined ? specifier : new URL(to, ROOT).href);
    assert.ok(Object.keys(exported).length > 0, specifier);
  }
});

Deno.test("what is switched off by default is not loaded by a process that serves clients", () => {
  const needed = loadedWith("src/composition/roles.ts", importsOf(sources));
  for (
    const part of [
      /infrastructure\/nats/,
      /^jose$/,
      /^@connectrpc/,
      /^@grpc/,
      /grpc\/web\//,
      /admin_pb/,
      /infrastructure\/tls\//,
      /composition\/hub/,
    ]
  ) {
    assert.deepEqual(
      needed.filter(({ specifier, to }) => part.test(to ?? specifier)).map(({ from }) => from),
      [],
      `${part}`,
    );
  }
});

Deno.test("there is no import cycle", () => {
  const edges = importsOf(sources);
  assert.ok(edges.length > sources.size, "imports found");
  assert.deepEqual(importCycles(edges), []);
});

/** Exports of `src` that no other product file imports, by the reason to keep them. */
const USED_OUTSIDE: Readonly<Record<string, readonly string[]>> = {
  "Bounds and tables that tests compare with": [
    "src/infrastructure/grpc/limits/write_scheduler.ts#WRITE_LIMITS",
    "src/infrastructure/grpc/request_filters.ts#DEFAULT_LIMITS",
    "src/infrastructure/grpc/encoding/message_meta.ts#ORIGINS",
    "src/infrastructure/grpc/encoding/notice_response.ts#GAP_REASONS",
    "src/infrastructure/grpc/encoding/notice_response.ts#POLICIES",
    "src/infrastructure/grpc/encoding/status_response.ts#EXPANSION_STATES",
    "src/infrastructure/grpc/stream_pump.ts#MAX_MESSAGES",
    "src/infrastructure/http/live_events.ts#MAX_SKIPPED",
    "src/infrastructure/alpaca/order_messages.ts#MAX_LEGS",
    "src/infrastructure/alpaca/fields.ts#MAX_CODE_LENGTH",
    "src/infrastructure/alpaca/fields.ts#MAX_CODES",
    "src/application/connections/connection_limits.ts#DESCRIPTOR_RESERVE",
    "src/application/connections/connection_limits.ts#HTTP_IN_SHORTAGE",
    "src/application/status/counters.ts#ERROR_TYPES",
    "src/application/status/counters.ts#PROCESSING_BUCKETS",
    "src/application/broadcast/queue_memory.ts#SMALLEST_BATCH",
    "src/application/options/option_chain_cache.ts#CHAIN_REQUESTS",
    "src/domain/connection/heartbeat.ts#AUDIT_MS",
  ],
  "Tables that the generated documents and scripts read": [
    "src/infrastructure/grpc/encoding/status_response.ts#FEED_TYPES",
    "src/infrastructure/grpc/encoding/status_response.ts#STATES",
    "src/infrastructure/config/settings.ts#SECTIONS",
    "src/infrastructure/config/environment.ts#NEIGHBOURS",
    "src/infrastructure/metrics/metrics.ts#METRICS",
  ],
  "Loaded by a hub or an edge only, without its name": [
    "src/infrastructure/nats/retained_frames.ts#prepareRetainedFrames",
    "src/infrastructure/nats/retained_frames.ts#warnOfRetainedFrames",
    "src/infrastructure/nats/hub_rest.ts#HubRest",
    "src/infrastructure/nats/hub_session.ts#createHubConnector",
    "src/infrastructure/nats/retained_reader.ts#retainedMessages",
    "src/infrastructure/nats/stored_order_reader.ts#loadStored",
  ],
  "Types that the harnesses of tests name": [
    "src/infrastructure/grpc/server.ts#ServeGrpcOptions",
    "src/infrastructure/grpc/options_pump.ts#OptionsPumpOptions",
    "src/infrastructure/http/serve_http.ts#ServeHttpOptions",
    "src/infrastructure/logging/json_log.ts#JsonLogOptions",
    "src/application/connections/connection_limits.ts#ConnectionLimitsOptions",
    "src/domain/subscription/reconciler.ts#SubscriptionSettings",
    "src/domain/subscription/reconciler.ts#SubscriptionReconciler",
    "src/infrastructure/alpaca/trading.ts#TradingReply",
  ],
  "Tested or fuzzed by themselves: a socket cannot produce every case": [
    "src/infrastructure/access/jose_verifier.ts#JoseVerifier",
    "src/infrastructure/alpaca/rest/rest_client.ts#windowLeftMs",
    "src/infrastructure/alpaca/rest/rest_client.ts#isUsedUp",
    "src/infrastructure/grpc/limits/event_loop.ts#PollWait",
    "src/infrastructure/grpc/stream_pump.ts#pumpMessages",
    "src/infrastructure/process/descriptor_shortage.ts#descriptorsInUse",
    "src/infrastructure/tls/certificate_reload.ts#RELOAD_MS",
    "src/infrastructure/tls/handshakes.ts#MAX_PENDING",
    "src/infrastructure/tls/handshakes.ts#MAX_RUNNING",
    "src/infrastructure/tls/handshakes.ts#MAX_RUNNING_PER_ADDRESS",
    "src/infrastructure/logging/output.ts#StandardOutput",
    "src/infrastructure/alpaca/session.ts#ReplyQueue",
    "src/infrastructure/alpaca/codecs.ts#parseWithNumberText",
    "src/application/connections/open_port.ts#CannotListen",
    "src/application/broadcast/memory_needs.ts#heapNeeded",
    "src/domain/connection/failure.ts#failureTypeOf",
  ],
};

Deno.test("every export is imported by another product file, or listed with a reason", () => {
  const imported = importedNames(sources);
  const unused = exportsOf(sources)
    .filter((name) => name.startsWith("src/") && !name.startsWith(GENERATED))
    .filter((name) => !imported.has(name));
  assert.deepEqual(unused.sort(), Object.values(USED_OUTSIDE).flat().sort());
});

Deno.test("an export is matched with its imports in all forms", () => {
  const files = new Map([
    [
      "src/a.ts",
      `export const a = 1;\nexport type B = 1;\nexport abstract class C {}\nconst d = 1;`,
    ],
    ["src/b/b.ts", `import { a as x, type B } from "../a.ts";\nexport { C } from "../a.ts";`],
    ["src/c.ts", `const { e: f } = await import("./d.ts"); // import { g } from "./d.ts"`],
  ]);
  assert.deepEqual(exportsOf(files), ["src/a.ts#a", "src/a.ts#B", "src/a.ts#C"]);
  assert.deepEqual([...importedNames(files)], [
    "src/a.ts#a",
    "src/a.ts#B",
    "src/a.ts#C",
    "src/d.ts#e",
  ]);
});

/** A small repository to test the rules with. */
const LEGAL: Readonly<Record<string, string>> = {
  "mod.ts": `export { run } from "./src/composition/proxy.ts";`,
  "src/composition/proxy.ts": `import { a } from "../infrastructure/http/a.ts";
import manifest from "../../deno.json" with { type: "json" };`,
  "src/domain/a.ts": `export const a = 1; // Deno. in a comment`,
  "src/application/a.ts": `import { a } from "../domain/a.ts";`,
  "src/infrastructure/http/a.ts": `import {
  a,
} from "../../application/a.ts";
import * as http from "node:http";`,
  "src/formats/a.ts": `export const a = 1;`,
  "src/infrastructure/web/a.ts": `import { a } from "../../formats/a.ts";`,
  "src/infrastructure/grpc/a.ts": `import { g } from "../../gen/g.ts";`,
  "simulator/src/a.ts": `import { WebSocketServer } from "ws";`,
  "src/gen/g.ts": `import type { M } from "@bufbuild/protobuf";`,
  "cli/demo.ts": `import { s } from "@alpaca-stream-proxy/simulator";`,
  "client/mod.ts": `import { g } from "../src/gen/g.ts";`,
};

const BROKEN: readonly (readonly [string, string, RegExp])[] = [
  [
    "src/domain/a.ts",
    `import type { b } from "../application/a.ts";`,
    /domain may not import application/,
  ],
  [
    "src/application/a.ts",
    `export { b } from "../infrastructure/http/a.ts";`,
    /application may not import infrastructure\/http/,
  ],
  [
    "src/infrastructure/http/a.ts",
    `import { b } from "../grpc/a.ts";`,
    /infrastructure\/http may not import infrastructure\/grpc/,
  ],
  [
    "src/formats/a.ts",
    `import { a } from "../domain/a.ts";`,
    /formats may not import domain/,
  ],
  [
    "src/application/a.ts",
    `import { a } from "../formats/a.ts";`,
    /application may not import formats/,
  ],
  ["src/formats/a.ts", `import { x } from "ws";`, /a package/],
  ["src/formats/a.ts", `const now = Date.now();`, /uses Date.now/],
  [
    "src/infrastructure/http/a.ts",
    `import { g } from "../../gen/g.ts";`,
    /may not import gen/,
  ],
  [
    "src/infrastructure/http/a.ts",
    `import { run } from "../../composition/proxy.ts";`,
    /may not import composer/,
  ],
  [
    "simulator/src/a.ts",
    `import { a } from "../../src/domain/a.ts";`,
    /simulator may not import domain/,
  ],
  [
    "src/composition/proxy.ts",
    `await import("@alpaca-stream-proxy/simulator");`,
    /composer may not import simulator/,
  ],
  ["src/composition/proxy.ts", `import "../../cli/demo.ts";`, /may not import cli/],
  ["src/composition/proxy.ts", `import "../../client/mod.ts";`, /may not import client/],
  ["client/mod.ts", `import { a } from "../src/domain/a.ts";`, /client may not import domain/],
  [
    "mod.ts",
    `export * from "@alpaca-stream-proxy/simulator";`,
    /may not import simulator/,
  ],
  [
    "cli/demo.ts",
    `import { s } from "../simulator/src/a.ts";`,
    /cli may not import simulator/,
  ],
  ["cli/demo.ts", `import { a } from "./gone.ts";`, /no such file/],
  ["cli/demo.ts", `import a from "npm:ws@8";`, /not mapped/],
  ["cli/demo.ts", `await import(name);`, /computed/],
  ["src/application/a.ts", `import { x } from "ws";`, /a package/],
  ["src/domain/a.ts", `import { x } from "node:path";`, /a package/],
  ["mod.ts", `import { x } from "node:path";`, /a package/],
  ["mod.ts", `Deno.exit(1);`, /mod.ts uses Deno/],
  ["src/application/a.ts", `const now = Date.now();`, /uses Date.now/],
  ["src/domain/a.ts", `const chance = Math.random();`, /uses Math.random/],
  ["src/application/a.ts", `setTimeout(go, 1);`, /uses setTimeout/],
];

Deno.test("a legal repository has no violation", () => {
  assert.deepEqual(violations(new Map(Object.entries(LEGAL))), []);
});

for (const [path, text, expected] of BROKEN) {
  Deno.test(`${path} may not contain ${text}`, () => {
    const found = violations(
      new Map(Object.entries({ ...LEGAL, [path]: text })),
    );
    assert.match(found.join("\n"), expected);
  });
}

Deno.test("an import cycle of any length is found", () => {
  const edges = importsOf(
    new Map([
      ["src/a.ts", `import "./b.ts"; import { c } from "./c.ts";`],
      ["src/b.ts", `import type { c } from "./c.ts";`],
      ["src/c.ts", `export * from "./d.ts";`],
      ["src/d.ts", `import { b } from "./b.ts";`],
    ]),
  );
  assert.deepEqual(importCycles(edges), [[
    "src/b.ts",
    "src/c.ts",
    "src/d.ts",
    "src/b.ts",
  ]]);
});
