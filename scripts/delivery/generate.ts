/**
 * Generates the files that follow from the program's settings: the chart's
 * values, schema and README, the permissions of the image, the alerts for
 * compose.yaml, and the permissions of NATS users.
 *
 * ```sh
 * deno run -A scripts/delivery/generate.ts         # write stale files
 * deno run -A scripts/delivery/generate.ts check   # name stale files
 * ```
 *
 * @module
 */
import { parse } from "yaml";
import { fillRules, ruleFile } from "./alert_rules.ts";
import {
  CHART,
  chartLists,
  readme,
  settingsBlocks,
  templateDefaults,
  withSettingsSchema,
} from "./chart.ts";
import { permissionBlocks } from "./nats_permissions.ts";
import { dockerCommand } from "./permissions.ts";

/** Command that rewrites stale files. */
export const REMEDY = "deno run -A scripts/delivery/generate.ts";

/** Root folder of the repository. */
export const ROOT = new URL("../../", import.meta.url);

const CLUSTER_VALUES = `${CHART}-cluster/values.yaml`;
const NATS_CONF = "docs/cluster/nats.conf";

const read = (path: string) => Deno.readTextFileSync(new URL(path, ROOT));

/** Current content of every generated file, by path from the root. */
export function generatedFiles(): Record<string, string> {
  const values = fillBlocks(read(`${CHART}/values.yaml`), settingsBlocks());
  const schema = withSettingsSchema(read(`${CHART}/values.schema.json`));
  const template = read(`${CHART}/README.template.md`);
  return {
    ...chartLists(),
    [`${CHART}/values.yaml`]: values,
    [`${CHART}/values.schema.json`]: schema,
    [`${CHART}/files/defaults.yaml`]: templateDefaults(values),
    [`${CHART}/README.md`]: readme(template, values),
    [CLUSTER_VALUES]: fillBlocks(read(CLUSTER_VALUES), permissionBlocks(read(NATS_CONF))),
    "monitoring/prometheus/alerts.yaml": composeAlerts(values),
    "Dockerfile": fillBlocks(read("Dockerfile"), { command: dockerCommand() }),
  };
}

/** Replaces the lines between the markers `>>> name` and `<<< name`. */
function fillBlocks(
  text: string,
  blocks: Readonly<Record<string, string>>,
): string {
  const lines = text.split("\n");
  for (const [name, body] of Object.entries(blocks)) {
    const start = lines.findIndex((line) => line.includes(`>>> ${name}`));
    const end = lines.findIndex((line) => line.includes(`<<< ${name}`));
    if (start < 0 || end < start) {
      throw new Error(
        `The markers ">>> ${name}" and "<<< ${name}" are missing`,
      );
    }
    lines.splice(start + 1, end - start - 1, body);
  }
  return lines.join("\n");
}

/** The chart's rules with its default values and another selector. */
function composeAlerts(values: string): string {
  const { prometheusRule, config } = parse(values);
  const rules = fillRules(read(`${CHART}/files/rules.yaml`), {
    ...prometheusRule,
    selector: `job="alpaca-stream-proxy"`,
    here: "compose",
    feeds: config.STREAM_PROXY_FEEDS.split(","),
  });
  return ruleFile(rules);
}

function isStale(path: string, content: string): boolean {
  try {
    return read(path) !== content;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    throw error;
  }
}

function main(isCheck: boolean): number {
  const log = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
  const stale = Object.entries(generatedFiles())
    .filter(([path, content]) => isStale(path, content));
  for (const [path, content] of stale) {
    if (isCheck) {
      log(`${path} is stale: run ${REMEDY}`);
    } else {
      Deno.writeTextFileSync(new URL(path, ROOT), content);
      log(`wrote ${path}`);
    }
  }
  return isCheck && stale.length > 0 ? 1 : 0;
}

if (import.meta.main) Deno.exit(main(Deno.args[0] === "check"));
