/**
 * Renders the chart with Helm and validates the manifests with kubeconform
 * (schemas: `scripts/delivery/fetch_schemas.sh`) and promtool.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { stringify } from "yaml";
import { fillRules, type Rule, type RuleValues } from "../../scripts/delivery/alert_rules.ts";
import { runProgram } from "../../scripts/delivery/run_program.ts";
import { requires } from "../support/requires.ts";
import { checkRules } from "./promtool.ts";
import { CHART_CASES as SINGLE_CASES, REJECTED_CASES } from "./chart_cases.ts";
import { CLUSTER_CASES, REJECTED_CLUSTERS } from "./chart_cluster_cases.ts";
import { checkGolden, difference, flatten } from "./chart_golden.ts";
import { checkInvariants } from "./chart_invariants.ts";
import {
  CHART_PATH,
  defaultValues,
  KUBERNETES,
  NAMESPACE,
  parseManifests,
  RELEASE,
  renderChart,
} from "./chart_render.ts";

const DEFAULTS = { credentials: { existingSecret: "alpaca" } };

const CHART_CASES = [...SINGLE_CASES, ...CLUSTER_CASES];

/** The chart with its default values, flattened. */
let defaults: Promise<string[]> | undefined;

async function renderDefaults(): Promise<string[]> {
  return flatten(parseManifests(await renderChart(DEFAULTS)));
}

Deno.test(requires(["helm"], {
  name: "the chart renders its default values as stored",
  fn: async () => checkGolden("defaults", await renderDefaults()),
}));

for (const { name, values, kinds = [] } of CHART_CASES) {
  Deno.test(requires(["helm"], {
    name: `the chart keeps its invariants and its stored form with ${name}`,
    fn: async () => {
      const manifests = parseManifests(await renderChart(values));
      checkInvariants(manifests);
      checkGolden(name, difference(await (defaults ??= renderDefaults()), flatten(manifests)));
      const found = new Set(manifests.map(({ kind }) => kind));
      for (const kind of ["ConfigMap", "Deployment", "Service", ...kinds]) {
        assert.ok(found.has(kind), kind);
      }
    },
  }));

  Deno.test(requires(["helm"], {
    name: `helm lint accepts the chart with ${name}`,
    fn: async () => {
      await runProgram("helm", [
        ...["lint", "--strict", "--quiet", "--namespace", NAMESPACE],
        ...["--kube-version", KUBERNETES[0] ?? "", "--values", "-", CHART_PATH],
      ], { input: stringify(values) });
    },
  }));
}

/** Every value of values.yaml that is a map, or none, set to null. */
function nullsOf(isMap: boolean, value: unknown = defaultValues()): unknown {
  return Object.fromEntries(
    Object.entries(value as Record<string, unknown>).map(([key, inner]) => {
      const isInnerMap = inner !== null && typeof inner === "object" && !Array.isArray(inner);
      return [
        key,
        isInnerMap && !isMap ? nullsOf(isMap, inner) : isInnerMap === isMap ? null : inner,
      ];
    }),
  );
}

for (const [what, isMap] of [["block", true], ["single value", false]] as const) {
  Deno.test(requires(["helm"], {
    name: `the chart renders with every ${what} of values.yaml set to null`,
    fn: async () => {
      const values = { ...nullsOf(isMap) as Record<string, unknown>, ...DEFAULTS };
      const kept = { podSecurityContext: {}, securityContext: {} };
      checkInvariants(parseManifests(await renderChart({ ...values, ...kept })));
      const removed = parseManifests(await renderChart(values));
      assert.ok(removed.some(({ kind }) => kind === "Deployment"));
    },
  }));
}

Deno.test(requires(["helm"], {
  name: "helm upgrade --reuse-values needs no value that the old release lacks",
  fn: async () => {
    const old = await Deno.makeTempDir();
    try {
      await runProgram("cp", ["-r", `${CHART_PATH}/.`, old]);
      const { probes, resources, podSecurityContext, securityContext } = defaultValues();
      const known = { probes, resources, podSecurityContext, securityContext };
      await Deno.writeTextFile(`${old}/values.yaml`, stringify(known));
      for (const { name, values } of CHART_CASES) {
        // Helm removes null only where the chart has a default.
        if (JSON.stringify(values).includes(":null")) continue;
        assert.equal(await renderChart(values, { chart: old }), await renderChart(values), name);
      }
    } finally {
      await Deno.remove(old, { recursive: true });
    }
  },
}));

for (const { name, values, error } of [...REJECTED_CASES, ...REJECTED_CLUSTERS]) {
  Deno.test(requires(["helm"], {
    name: `the chart rejects ${name}`,
    fn: () =>
      assert.rejects(
        renderChart(values),
        ({ message }: Error) => error.test(message),
      ),
  }));
}

for (const kubernetes of KUBERNETES) {
  Deno.test(requires(["helm", "kubeconform", "KUBERNETES_SCHEMAS"], {
    name: `the chart is valid for Kubernetes ${kubernetes}`,
    fn: async () => {
      const texts: string[] = [];
      for (const { values } of CHART_CASES) {
        texts.push(await renderChart(values, { kubernetes }));
      }
      const schemas = Deno.env.get("KUBERNETES_SCHEMAS");
      await runProgram("kubeconform", [
        ...["-strict", "-summary", "-kubernetes-version", kubernetes],
        "-schema-location",
        `${schemas}/v${kubernetes}/{{.ResourceKind}}{{.KindSuffix}}.json`,
        "-schema-location",
        `${schemas}/custom/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json`,
        "-",
      ], { input: texts.join("\n---\n") });
    },
  }));
}

/** The chart's rules with its default values, filled without Helm. */
function expectedRules(): Rule[] {
  const { config, prometheusRule } = defaultValues();
  const fullname = `${RELEASE}-alpaca-stream-proxy`;
  const template = Deno.readTextFileSync(join(CHART_PATH, "files/rules.yaml"));
  return fillRules(template, {
    ...prometheusRule as unknown as RuleValues,
    selector: `job="${fullname}",namespace="${NAMESPACE}"`,
    here: `${NAMESPACE}/${fullname}`,
    feeds: String(config.STREAM_PROXY_FEEDS).split(","),
  });
}

Deno.test(requires(["helm"], {
  name: "the chart fills the alert rules as scripts/delivery does",
  fn: async () => {
    const manifests = parseManifests(
      await renderChart({
        credentials: { existingSecret: "alpaca" },
        prometheusRule: { enabled: true },
      }),
    );
    const rule = manifests.find(({ kind }) => kind === "PrometheusRule");
    const { groups } = rule?.spec as { groups: { rules: unknown }[] };
    assert.deepEqual(groups[0]?.rules, expectedRules());
  },
}));

Deno.test(requires(["promtool"], {
  name: "promtool accepts the chart's rules",
  fn: () => checkRules(expectedRules()),
}));
