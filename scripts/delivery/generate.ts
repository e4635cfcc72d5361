/**
 * Everything in the delivery that follows from the program: the chart's
 * settings, schema and README, the image's permissions, the dashboard.
 *
 * ```sh
 * deno run -A scripts/delivery/generate.ts         # write what has changed
 * deno run -A scripts/delivery/generate.ts check   # name what would change
 * ```
 *
 * @module
 */
import {
  CHART,
  chartLists,
  readme,
  withSettings,
  withSettingsSchema,
} from "./chart.ts";
import { dashboard } from "./dashboard.ts";
import { dockerCommand } from "./permissions.ts";
import { replaceRegion } from "./regions.ts";
import { fillRules, ruleFile, type RuleWords } from "./rules.ts";
import { say } from "./say.ts";
import { parse } from "yaml";

/** How a stale file is mended; tests say it too. */
export const REMEDY = "deno run -A scripts/delivery/generate.ts";

/** The root of the checkout. */
export const ROOT = new URL("../../", import.meta.url);

const read = (path: string) => Deno.readTextFileSync(new URL(path, ROOT));

/** Every generated file, by its path from the root, as it should be. */
export function generatedFiles(): Record<string, string> {
  const values = withSettings(read(`${CHART}/values.yaml`));
  return {
    ...chartLists(),
    [`${CHART}/values.yaml`]: values,
    [`${CHART}/values.schema.json`]: withSettingsSchema(
      read(`${CHART}/values.schema.json`),
    ),
    [`${CHART}/README.md`]: readme(
      read(`${CHART}/README.template.md`),
      values,
    ),
    [`${CHART}/files/dashboard.json`]: `${
      JSON.stringify(dashboard(), null, 2)
    }\n`,
    "monitoring/prometheus/alerts.yaml": ruleFile(
      fillRules(read(`${CHART}/files/rules.yaml`), composeWords(values)),
    ),
    "Dockerfile": replaceRegion(read("Dockerfile"), {
      name: "command",
      body: dockerCommand(),
    }),
  };
}

/** The alerts of compose.yaml: the chart's defaults, another selector. */
function composeWords(values: string): RuleWords {
  const { prometheusRule, config } = parse(values);
  return {
    ...prometheusRule,
    selector: `job="alpaca-stream-proxy"`,
    here: "compose",
    feeds: config.STREAM_PROXY_FEEDS.split(","),
  };
}

/** Paths of generated files that are not as they should be. */
export function staleFiles(): string[] {
  return Object.entries(generatedFiles())
    .filter(([path, wanted]) => {
      try {
        return read(path) !== wanted;
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return true;
        throw error;
      }
    })
    .map(([path]) => path);
}

if (import.meta.main) {
  const stale = staleFiles();
  if (Deno.args[0] === "check") {
    for (const path of stale) say(`${path} is stale: run ${REMEDY}`);
    Deno.exit(stale.length === 0 ? 0 : 1);
  }
  const files = generatedFiles();
  for (const path of stale) {
    Deno.writeTextFileSync(new URL(path, ROOT), files[path] ?? "");
    say(`wrote ${path}`);
  }
}
