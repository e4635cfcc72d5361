/**
 * The direction of imports is a rule, and this is where it is kept.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  circlesOf,
  importsOf,
  readSources,
  type Sources,
  withoutComments,
} from "./support/source_graph.ts";

const ROOT = new URL("../", import.meta.url);
const GENERATED = "src/gen/";

/** Files that combine parts which know nothing of each other. */
const COMPOSERS = [
  "src/run_proxy.ts",
  "src/main.ts",
  "src/start.ts",
  "src/stop_signals.ts",
];
const DOOR = "mod.ts";
/** The simulator is a package of its own, imported by its name alone. */
const SIMULATOR = {
  name: "@alpaca-stream-proxy/simulator",
  folder: "simulator/",
  entry: "simulator/mod.ts",
} as const;
const MANIFEST = "deno.json";

/** The layer of a file: an adapter is one of its own. */
function layerOf(path: string): string {
  if (path === DOOR || path === MANIFEST) return path;
  if (COMPOSERS.includes(path)) return "composer";
  if (path.startsWith(SIMULATOR.folder)) return "simulator";
  const [, layer = "", part = ""] = path.split("/");
  if (layer === "composition") return "composer";
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
    case "simulator":
    case "gen":
      return false;
    case "application":
      return to === "domain";
    case "cli":
      return true;
    case "composer":
    case DOOR:
      return to === "domain" || to === "application" || isAdapter(to) ||
        to === "composer" || to === MANIFEST;
  }
  if (from === "infrastructure/grpc" && to === "gen") return true;
  return isAdapter(from) &&
    (to === "domain" || to === "application" || to === MANIFEST);
}

/** Whether a file may use packages, `node:` modules and the runtime. */
function mayUseRuntime(path: string): boolean {
  const layer = layerOf(path);
  if (layer === "simulator" || layer === "cli" || isAdapter(layer)) return true;
  return COMPOSERS.includes(path);
}

/** What time, chance and the outside world are called. */
const OUTSIDE =
  /\b(?:Deno\.|process\.|console\.|Date\.now\b|performance\.|Math\.random\b|crypto\.|setTimeout\b|setInterval\b|queueMicrotask\b|fetch\(|new (?:WebSocket|Date|Worker)\b|AbortSignal\.timeout\b)/;

const INLINE = /^(?:npm|jsr|https?|file|data):/;

/** Every offence of the given sources against the rules, in words. */
function offences(sources: Sources): string[] {
  const found: string[] = [];
  for (const { from, specifier, to } of importsOf(sources)) {
    const said = `${from} imports ${specifier}`;
    if (specifier === "*") found.push(`${said}: a target that is computed`);
    else if (INLINE.test(specifier)) found.push(`${said}: not mapped`);
    else if (specifier === SIMULATOR.name) {
      if (layerOf(from) !== "cli") {
        found.push(`${said}: ${layerOf(from)} may not see simulator`);
      }
    } else if (to === undefined) {
      const generated = from.startsWith(GENERATED) &&
        specifier.startsWith("@bufbuild/");
      if (!generated && !mayUseRuntime(from)) found.push(`${said}: a package`);
    } else if (to !== MANIFEST && !sources.has(to)) {
      found.push(`${said}: no such file`);
    } else if (
      !mayImport(layerOf(from), layerOf(to)) ||
      (layerOf(to) === "simulator" && layerOf(from) !== "simulator")
    ) {
      found.push(`${said}: ${layerOf(from)} may not see ${layerOf(to)}`);
    }
  }
  for (const [path, text] of sources) {
    const code = withoutComments(text);
    if (!mayUseRuntime(path) && /\bDeno\./.test(code)) {
      found.push(`${path} uses Deno`);
    }
    const pure = ["domain", "application"].includes(layerOf(path));
    const [word] = OUTSIDE.exec(code) ?? [];
    if (pure && word) found.push(`${path} says ${word} where a port is due`);
  }
  return found;
}

const sources = await readSources(ROOT, [
  "src",
  DOOR,
  "simulator/src",
  "simulator/main.ts",
  SIMULATOR.entry,
]);

Deno.test("every import points inwards", () => {
  assert.ok(sources.size > 50, "the sources were found");
  assert.deepEqual(offences(sources), []);
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

Deno.test("no file imports itself by a circle", () => {
  const edges = importsOf(sources);
  assert.ok(edges.length > sources.size, "the imports were found");
  assert.deepEqual(circlesOf(edges), []);
});

/** A little repository, for proving that the rules can be broken. */
const LEGAL: Readonly<Record<string, string>> = {
  "mod.ts": `export { run } from "./src/run_proxy.ts";`,
  "src/run_proxy.ts": `import { a } from "./infrastructure/http/a.ts";
import manifest from "../deno.json" with { type: "json" };`,
  "src/domain/a.ts": `export const a = 1; // Deno. is only a word here`,
  "src/application/a.ts": `import { a } from "../domain/a.ts";`,
  "src/infrastructure/http/a.ts": `import {
  a,
} from "../../application/a.ts";
import * as http from "node:http";`,
  "src/infrastructure/grpc/a.ts": `import { g } from "../../gen/g.ts";`,
  "simulator/src/a.ts": `import { WebSocketServer } from "ws";`,
  "src/gen/g.ts": `import type { M } from "@bufbuild/protobuf";`,
  "src/cli/demo.ts": `import { s } from "@alpaca-stream-proxy/simulator";`,
};

const BROKEN: readonly (readonly [string, string, RegExp])[] = [
  [
    "src/domain/a.ts",
    `import type { b } from "../application/a.ts";`,
    /domain may not see application/,
  ],
  [
    "src/application/a.ts",
    `export { b } from "../infrastructure/http/a.ts";`,
    /application may not see infrastructure\/http/,
  ],
  [
    "src/infrastructure/http/a.ts",
    `import { b } from "../grpc/a.ts";`,
    /infrastructure\/http may not see infrastructure\/grpc/,
  ],
  [
    "src/infrastructure/http/a.ts",
    `import { g } from "../../gen/g.ts";`,
    /may not see gen/,
  ],
  [
    "src/infrastructure/http/a.ts",
    `import { run } from "../../run_proxy.ts";`,
    /may not see composer/,
  ],
  [
    "simulator/src/a.ts",
    `import { a } from "../../src/domain/a.ts";`,
    /simulator may not see domain/,
  ],
  [
    "src/run_proxy.ts",
    `await import("@alpaca-stream-proxy/simulator");`,
    /composer may not see simulator/,
  ],
  ["src/run_proxy.ts", `import "./cli/demo.ts";`, /may not see cli/],
  [
    "mod.ts",
    `export * from "@alpaca-stream-proxy/simulator";`,
    /may not see simulator/,
  ],
  [
    "src/cli/demo.ts",
    `import { s } from "../../simulator/src/a.ts";`,
    /cli may not see simulator/,
  ],
  ["src/cli/demo.ts", `import { a } from "./gone.ts";`, /no such file/],
  ["src/cli/demo.ts", `import a from "npm:ws@8";`, /not mapped/],
  ["src/cli/demo.ts", `await import(name);`, /computed/],
  ["src/application/a.ts", `import { x } from "ws";`, /a package/],
  ["src/domain/a.ts", `import { x } from "node:path";`, /a package/],
  ["mod.ts", `import { x } from "node:path";`, /a package/],
  ["mod.ts", `Deno.exit(1);`, /mod.ts uses Deno/],
  ["src/application/a.ts", `const now = Date.now();`, /says Date.now/],
  ["src/domain/a.ts", `const chance = Math.random();`, /says Math.random/],
  ["src/application/a.ts", `setTimeout(go, 1);`, /says setTimeout/],
];

Deno.test("a legal repository has no offence", () => {
  assert.deepEqual(offences(new Map(Object.entries(LEGAL))), []);
});

for (const [path, text, expected] of BROKEN) {
  Deno.test(`${path} may not say ${text}`, () => {
    const found = offences(new Map(Object.entries({ ...LEGAL, [path]: text })));
    assert.match(found.join("\n"), expected);
  });
}

Deno.test("a circle is found however long it is", () => {
  const edges = importsOf(
    new Map([
      ["src/a.ts", `import "./b.ts"; import { c } from "./c.ts";`],
      ["src/b.ts", `import type { c } from "./c.ts";`],
      ["src/c.ts", `export * from "./d.ts";`],
      ["src/d.ts", `import { b } from "./b.ts";`],
    ]),
  );
  assert.deepEqual(circlesOf(edges), [[
    "src/b.ts",
    "src/c.ts",
    "src/d.ts",
    "src/b.ts",
  ]]);
});
