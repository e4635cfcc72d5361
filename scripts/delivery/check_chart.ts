/**
 * Checks the chart without a cluster: lint, a matrix of values, schemas of real
 * Kubernetes versions, alerts; and what else is configuration, by the readers
 * that it is written for.
 *
 * ```sh
 * deno run -A scripts/delivery/check_chart.ts [--install]
 * ```
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { dashboard } from "./dashboard.ts";
import { REMEDY, ROOT, staleFiles } from "./generate.ts";
import { checkInvariants } from "./invariants.ts";
import { MATRIX, type MatrixEntry, REFUSALS } from "./matrix.ts";
import {
  chartPath,
  defaultValues,
  KUBERNETES,
  NAMESPACE,
  readManifests,
  RELEASE,
  renderText,
} from "./render.ts";
import { fillRules, type Rule, ruleFile, type RuleWords } from "./rules.ts";
import { say } from "./say.ts";
import { findSchemas, type Schemas } from "./schemas.ts";
import { run, withTools } from "./tools.ts";

const KINDS = ["ConfigMap", "Deployment", "Service"];

/** Does every check that the programs on this machine allow. */
export async function checkChart(): Promise<void> {
  assert.deepEqual(staleFiles(), [], `stale files: run ${REMEDY}`);
  await withTools(`chart: lint, ${MATRIX.length} sets of values rendered`, {
    tools: ["helm"],
    check: async ({ helm = "" }) => {
      for (const entry of MATRIX) await checkEntry(helm, entry);
    },
  });
  await withTools(`chart: ${REFUSALS.length} sets of values refused`, {
    tools: ["helm"],
    check: ({ helm = "" }) => checkRefusals(helm),
  });
  await checkValidity();
  await withTools("workflows by actionlint", {
    tools: ["actionlint"],
    check: async ({ actionlint = "" }) => {
      const folder = join(chartPath, "../../.github/workflows");
      const files = [...Deno.readDirSync(folder)].map(({ name }) => name);
      await run(actionlint, ["-no-color", ...files], { cwd: folder });
    },
  });
  await withTools("compose.yaml by the specification's own reader", {
    tools: ["compose-spec"],
    check: ({ "compose-spec": reader = "" }) => checkCompose(reader),
  });
  await withTools("alerts: the chart's and those of compose.yaml agree", {
    tools: ["helm"],
    check: async ({ helm = "" }) => {
      assert.deepEqual(await chartRules(helm), expectedRules());
    },
  });
  await withTools("dashboard: every query is understood", {
    tools: ["promtool"],
    check: ({ promtool = "" }) => checkQueries(promtool),
  });
  await withTools("alerts: well-formed, and firing when they should", {
    tools: ["promtool"],
    check: ({ promtool = "" }) => checkAlerts(promtool),
  });
}

/** Reads both files; the second must leave nothing of the local Alpaca. */
async function checkCompose(reader: string): Promise<void> {
  const cwd = fileURLToPath(ROOT);
  await run(reader, ["compose.yaml"], { cwd });
  const { stdout } = await run(reader, [
    ...["-no-interpolation", "-format", "json"],
    ...["compose.yaml", "compose.alpaca.yaml"],
  ], { cwd });
  const { services } = JSON.parse(stdout);
  assert.ok(services.proxy.build && services.proxy.read_only);
  assert.ok(!services.proxy.command, "the image's own command");
  assert.doesNotMatch(stdout, /simulator/, "nothing of the local Alpaca");
}

async function checkEntry(helm: string, entry: MatrixEntry): Promise<void> {
  const { name, values, kinds = [] } = entry;
  try {
    await run(helm, [
      ...["lint", "--strict", "--quiet", "--namespace", NAMESPACE],
      ...["--kube-version", KUBERNETES[0] ?? "", "--values", "-", chartPath],
    ], { input: stringify(values) });
    const manifests = readManifests(await renderText({ helm, values }));
    checkInvariants(manifests);
    const found = new Set(manifests.map(({ kind }) => kind));
    for (const kind of [...KINDS, ...kinds]) assert.ok(found.has(kind), kind);
  } catch (error) {
    throw new Error(`With "${name}": ${(error as Error).message}`);
  }
}

async function checkRefusals(helm: string): Promise<void> {
  for (const { name, values, says } of REFUSALS) {
    await assert.rejects(
      renderText({ helm, values }),
      (error: Error) => says.test(error.message),
      `"${name}" must be refused with ${says}`,
    );
  }
}

async function checkValidity(): Promise<void> {
  const what = `chart: valid for Kubernetes ${KUBERNETES.join(" and ")}`;
  const schemas = await findSchemas();
  if (schemas === undefined) return say(`LEFT OUT  ${what}: no schemas`);
  await withTools(what, {
    tools: ["helm", "kubeconform"],
    check: ({ helm = "", kubeconform = "" }) =>
      checkSchemas({ helm, kubeconform, schemas }),
  });
}

async function checkSchemas(
  { helm, kubeconform, schemas }: {
    readonly helm: string;
    readonly kubeconform: string;
    readonly schemas: Schemas;
  },
): Promise<void> {
  for (const kubernetes of KUBERNETES) {
    const texts: string[] = [];
    for (const { values } of MATRIX) {
      texts.push(await renderText({ helm, values, kubernetes }));
    }
    await run(kubeconform, [
      ...["-strict", "-summary", "-kubernetes-version", kubernetes],
      ...["-schema-location", await schemas.builtIn(kubernetes)],
      ...["-schema-location", schemas.custom, "-"],
    ], { input: texts.join("\n---\n") });
  }
}

const WATCHED = { credentials: { existingSecret: "alpaca" } };

async function chartRules(helm: string): Promise<unknown> {
  const text = await renderText({
    helm,
    values: { ...WATCHED, prometheusRule: { enabled: true } },
  });
  const rule = readManifests(text).find(({ kind }) =>
    kind === "PrometheusRule"
  );
  const { groups } = rule?.spec as { groups: { rules: unknown }[] };
  return groups[0]?.rules;
}

/** What the chart's rules must be with its default values. */
function expectedRules(): Rule[] {
  const { config, prometheusRule } = defaultValues();
  const fullname = `${RELEASE}-alpaca-stream-proxy`;
  return fillRules(
    Deno.readTextFileSync(join(chartPath, "files/rules.yaml")),
    {
      ...prometheusRule as unknown as RuleWords,
      selector: `job="${fullname}",namespace="${NAMESPACE}"`,
      here: `${NAMESPACE}/${fullname}`,
      feeds: String(config.STREAM_PROXY_FEEDS).split(","),
    },
  );
}

/** Has the dashboard's queries read as rules, Grafana's variables filled in. */
async function checkQueries(promtool: string): Promise<void> {
  const panels = dashboard().panels as readonly {
    readonly targets?: readonly { readonly expr: string }[];
  }[];
  const rules = panels.flatMap(({ targets = [] }) => targets)
    .map(({ expr }, index) => ({
      record: `query:${index}`,
      expr: expr.replaceAll("$__rate_interval", "1m")
        .replaceAll("$__range", "1h"),
    }));
  assert.ok(rules.length > 10);
  const file = await Deno.makeTempFile({ prefix: "asp-queries-" });
  try {
    await Deno.writeTextFile(file, ruleFile(rules));
    await run(promtool, ["check", "rules", file]);
  } finally {
    await Deno.remove(file);
  }
}

async function checkAlerts(promtool: string): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "asp-rules-" });
  try {
    const file = join(folder, "chart.yaml");
    await Deno.writeTextFile(file, ruleFile(expectedRules()));
    await run(promtool, ["check", "rules", file]);
    const monitoring = fileURLToPath(
      new URL("../../monitoring/prometheus/", import.meta.url),
    );
    await run(promtool, ["check", "rules", `${monitoring}alerts.yaml`]);
    await run(promtool, ["check", "config", `${monitoring}prometheus.yaml`]);
    const tests = ["alerts_test.yaml", "market_hours_test.yaml"];
    await run(promtool, ["test", "rules", ...tests], { cwd: monitoring });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) await checkChart();
