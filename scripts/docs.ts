/**
 * Writes the generated blocks of the Markdown files, or lists the files in which
 * one is stale.
 *
 * ```sh
 * deno task docs:generate
 * deno task docs:check
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import manifest from "../deno.json" with { type: "json" };
import { SECTIONS } from "../src/infrastructure/config/settings.ts";
import { capacityInputs, capacityTable } from "./docs/capacity_model.ts";
import { outcomeTable, reportTable } from "./docs/client_outcomes.ts";
import { dependencyTable, endpointTable } from "./docs/descriptions.ts";
import {
  blockNames,
  type Blocks,
  code,
  fence,
  fillBlocks,
  markdownFiles,
  readSource,
  ROOT,
  table,
} from "./docs/markdown.ts";
import {
  commentTable,
  feedTable,
  mainSettingsTable,
  mappingTable,
  memberTable,
  metricTable,
  orderEventTable,
  rpcTable,
  settingsTable,
  stateDiagram,
  stateTable,
} from "./docs/tables.ts";

/** The command that rewrites stale files. */
export const REMEDY = "deno task docs:generate";

/** Client examples, by path, with the language of their fence. */
export const SNIPPETS: Readonly<Record<string, string>> = {
  "docs/clients/typescript/quickstart.ts": "ts",
  "docs/clients/typescript/client.ts": "ts",
  "docs/clients/python/client.py": "python",
  "docs/clients/go/main.go": "go",
  "docs/clients/rust/src/main.rs": "rust",
  "docs/clients/rust/build.rs": "rust",
  "docs/clients/browser/page.ts": "ts",
};

/** What each generated block contains. */
export const BLOCKS: Blocks = {
  settings: () =>
    SECTIONS.map((section) => `### ${section}\n\n${settingsTable(section)}`)
      .join("\n\n"),
  "main-settings": mainSettingsTable,
  rpcs: rpcTable,
  options: () => memberTable("Field", "StreamOptions"),
  "option-selection": () => memberTable("Field", "OptionSelection"),
  "delivery-policies": () => memberTable("Value", "DeliveryPolicy"),
  metadata: () => memberTable("Field", "MessageMeta"),
  origins: () => memberTable("Value", "Origin"),
  notices: () => memberTable("Notice", "Notice"),
  "gap-reasons": () => memberTable("Value", "GapReason"),
  states: stateTable,
  feeds: feedTable,
  metrics: metricTable,
  endpoints: endpointTable,
  mapping: mappingTable,
  "order-events": orderEventTable,
  "client-outcomes": outcomeTable,
  "client-reports": reportTable,
  dependencies: dependencyTable,
  "capacity-inputs": capacityInputs,
  capacity: capacityTable,
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

/** Every file with generated blocks, with current contents. */
async function generatedDocs(): Promise<ReadonlyMap<string, string>> {
  const wanted = new Map<string, string>();
  for (const path of await markdownFiles()) {
    const text = await readSource(path);
    if (blockNames(text).length === 0) continue;
    wanted.set(path, await formatted(await fillBlocks(text, BLOCKS)));
  }
  return wanted;
}

/** Files with a stale block. */
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

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) {
  const { positionals: [command] } = parseArgs({ allowPositionals: true });
  if (command === "check") {
    const stale = await staleDocs();
    for (const path of stale) print(`${path} is stale: run ${REMEDY}`);
    Deno.exit(stale.length === 0 ? 0 : 1);
  }
  for (const [path, text] of await generatedDocs()) {
    if (await readSource(path) === text) continue;
    await Deno.writeTextFile(new URL(path, ROOT), text);
    print(`wrote ${path}`);
  }
}
