/**
 * Writes the generated blocks of the Markdown files, or names the files in
 * which one is stale.
 *
 * ```sh
 * deno task docs:generate
 * deno task docs:check
 * ```
 *
 * @module
 */
import manifest from "../deno.json" with { type: "json" };
import { SECTIONS } from "../src/infrastructure/config/setting.ts";
import { SETTINGS } from "../src/infrastructure/config/settings.ts";
import {
  blockNames,
  type Blocks,
  code,
  fence,
  fillBlocks,
  table,
} from "./docs/blocks.ts";
import { dependencyTable } from "./docs/dependencies.ts";
import { endpointTable } from "./docs/endpoints.ts";
import {
  feedTable,
  metricTable,
  rpcList,
  rpcTable,
  stateTable,
} from "./docs/service_tables.ts";
import { markdownFiles, readSource, ROOT } from "./docs/sources.ts";
import { settingsTable } from "./docs/settings_table.ts";
import { stateDiagram } from "./docs/state_machine.ts";
import { mappingTable, orderEventTable } from "./docs/wire_tables.ts";

/** How a stale file is mended. */
export const REMEDY = "deno task docs:generate";

/** Client examples, by path, with the language of their fence. */
export const SNIPPETS: Readonly<Record<string, string>> = {
  "docs/clients/typescript/quickstart.ts": "ts",
  "docs/clients/typescript/client.ts": "ts",
  "docs/clients/python/client.py": "python",
  "docs/clients/go/main.go": "go",
  "docs/clients/rust/src/main.rs": "rust",
  "docs/clients/rust/build.rs": "rust",
};

/** Everything that is generated. */
export const BLOCKS: Blocks = {
  settings: () =>
    SECTIONS.map((section) => `### ${section}\n\n${settingsTable(section)}`)
      .join("\n\n"),
  "main-settings": mainSettingsTable,
  rpcs: rpcTable,
  "rpc-list": rpcList,
  states: stateTable,
  feeds: feedTable,
  metrics: metricTable,
  endpoints: endpointTable,
  mapping: mappingTable,
  "order-events": orderEventTable,
  dependencies: dependencyTable,
  "exit-codes": () => commentTable("src/main.ts"),
  "control-api": () => commentTable("simulator/src/control_api.ts"),
  "state-machine": stateDiagram,
  tasks: () =>
    table(
      ["Task", "Does"],
      Object.entries(manifest.tasks).map(([name, { description }]) => [
        code(`deno task ${name}`),
        description,
      ]),
    ),
  ...Object.fromEntries(
    Object.entries(SNIPPETS).map(([path, language]) => [
      path,
      async () => fence(language, await readSource(path)),
    ]),
  ),
};

/** The settings that most users change, each on one short line. */
function mainSettingsTable(): string {
  const main = [
    SETTINGS.ALPACA_KEY,
    SETTINGS.ALPACA_SECRET,
    SETTINGS.CREAM_ENV,
    SETTINGS.STREAM_PROXY_FEEDS,
    SETTINGS.ALPACA_FEED,
    SETTINGS.ALPACA_OPTIONS_FEED,
    SETTINGS.ALPACA_PLAN,
    SETTINGS.STREAM_PROXY_GRPC_PORT,
  ];
  return table(
    ["Variable", "Default", "Description"],
    main.map(({ name, default: fallback, whenUnset, description }) => [
      code(name),
      fallback === undefined ? whenUnset ?? "" : code(fallback),
      description.length > 80
        ? description.replace(/[:;,].*/, "")
        : description,
    ]),
  );
}

/** The table in the comment that opens a file. */
async function commentTable(path: string): Promise<string> {
  const lines = (await readSource(path)).split("\n");
  const comment = lines.slice(0, lines.indexOf(" */"));
  return comment.filter((line) => line.startsWith(" * |"))
    .map((line) => line.slice(" * ".length)).join("\n");
}

/** Every file with generated blocks, as it should be. */
export async function generatedDocs(): Promise<ReadonlyMap<string, string>> {
  const wanted = new Map<string, string>();
  for (const path of await markdownFiles()) {
    const text = await readSource(path);
    if (blockNames(text).length === 0) continue;
    wanted.set(path, await formatted(await fillBlocks(text, BLOCKS)));
  }
  return wanted;
}

/** Files in which a block is not as it should be. */
export async function staleDocs(): Promise<string[]> {
  const stale: string[] = [];
  for (const [path, text] of await generatedDocs()) {
    if (await readSource(path) !== text) stale.push(path);
  }
  return stale;
}

/** Text as `deno fmt` leaves it, so that generating and formatting agree. */
async function formatted(text: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", "--ext=md", "-"],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const output = child.output();
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode(text));
  await input.close();
  const { success, stdout } = await output;
  if (!success) throw new Error("deno fmt cannot format what was generated");
  return new TextDecoder().decode(stdout);
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) {
  if (Deno.args[0] === "check") {
    const stale = await staleDocs();
    for (const path of stale) say(`${path} is stale: run ${REMEDY}`);
    Deno.exit(stale.length === 0 ? 0 : 1);
  }
  for (const [path, text] of await generatedDocs()) {
    if (await readSource(path) === text) continue;
    await Deno.writeTextFile(new URL(path, ROOT), text);
    say(`wrote ${path}`);
  }
}
