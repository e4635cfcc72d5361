import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { ERROR_TYPES, MESSAGE_TYPES } from "../../src/application/status/counters.ts";
import { MARKETS } from "../../src/domain/calendar/market_calendar.ts";
import { FEEDS } from "../../src/domain/connection/feed.ts";
import type { Metric } from "../../src/infrastructure/metrics/metric.ts";
import { MESSAGE_TYPE_LABELS, METRICS } from "../../src/infrastructure/metrics/metrics.ts";
import { CHART } from "../../scripts/delivery/chart.ts";
import { ROOT } from "../../scripts/delivery/generate.ts";
import { runProgram } from "../../scripts/delivery/run_program.ts";
import type { Rule } from "../../scripts/delivery/alert_rules.ts";
import { requires } from "../support/requires.ts";
import { checkRules } from "./promtool.ts";

const read = (path: string) => Deno.readTextFileSync(new URL(path, ROOT));
const { groups } = parse(read("monitoring/prometheus/alerts.yaml"));
const rules: Rule[] = groups[0].rules;

type Labels = ReadonlySet<string>;

/** Series and labels that Prometheus stores for a metric. */
function seriesOf(
  { name, type, labels = [] }: Metric,
): [string, Labels][] {
  const known = new Set([...labels, "job", "namespace", "instance"]);
  if (type !== "histogram") return [[name, known]];
  return [
    [`${name}_bucket`, new Set([...known, "le"])],
    [`${name}_count`, known],
    [`${name}_sum`, known],
  ];
}

/** Series of the program, of the recording rules and of Prometheus itself. */
const SERIES = new Map<string, Labels>([
  ["up", new Set(["job", "namespace", "instance"])],
  ...rules.map((
    { record = "" },
  ): [string, Labels] => [record, new Set(["proxy"])]),
  ...Object.values(METRICS).flatMap(seriesOf),
]);

/** Values of the labels that have a closed set. */
const LABEL_VALUES: Readonly<Record<string, readonly string[]>> = {
  feed: FEEDS,
  market: MARKETS,
  error_type: ERROR_TYPES,
  message_type: [
    ...MESSAGE_TYPES,
    ...Object.values(MESSAGE_TYPE_LABELS),
  ],
};

/** Checks that a query names existing series, labels and label values. */
function checkQuery(expr: string, where: string): void {
  const selectors = [...expr.matchAll(/([a-z_:]+)\{([^}]*)\}/g)];
  assert.ok(selectors.length > 0 || /vector\(time/.test(expr), where);
  for (const [, name = "", inside = ""] of selectors) {
    const labels = SERIES.get(name);
    assert.ok(labels, `${where}: there is no metric ${name}`);
    for (
      const [, label = "", text = ""] of inside.matchAll(
        /(\w+)[=!]~?"([^"]*)"/g,
      )
    ) {
      assert.ok(labels.has(label), `${where}: ${name} has no label ${label}`);
      for (const word of text.split("|")) {
        const known = LABEL_VALUES[label];
        assert.ok(!known || known.includes(word), `${where}: ${label}=${word}`);
      }
    }
  }
}

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly description?: string;
  readonly gridPos: { x: number; y: number; w: number; h: number };
  readonly targets?: readonly { readonly expr: string }[];
}

const dashboard: {
  readonly panels: readonly Panel[];
  readonly templating: unknown;
} = JSON.parse(read(`${CHART}/files/dashboard.json`));
const { panels } = dashboard;

Deno.test("every query of the dashboard names existing metrics", () => {
  const queries = panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ title, expr }))
  );
  assert.ok(queries.length > 10);
  for (const { title, expr } of queries) checkQuery(expr, `panel "${title}"`);
});

Deno.test("the dashboard shows every metric of the program, or names the exceptions", () => {
  const text = JSON.stringify(panels) + JSON.stringify(dashboard.templating);
  const exceptions = new Set<string>([
    METRICS.connections.name, // feed_state has more detail
    METRICS.tlsExpiry.name, // changes once a month; an alert covers it
    METRICS.tlsReloads.name, // the same
    METRICS.draining.name, // lasts seconds; an alert covers it
    METRICS.role.name, // for joins
    METRICS.feedInfo.name, // for joins; summaries of alerts query it
  ]);
  for (const { name } of Object.values(METRICS)) {
    assert.ok(
      text.includes(name) !== exceptions.has(name),
      `${name}: show it in files/dashboard.json or list it here`,
    );
  }
});

Deno.test("the dashboard's panels have a description and do not overlap", () => {
  const taken = new Set<string>();
  for (const { title, type, description = "", gridPos } of panels) {
    assert.ok(type === "row" || description !== "", title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      assert.ok(x < 24, `"${title}" exceeds the width`);
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert.ok(!taken.has(`${x},${y}`), `"${title}" overlaps another panel`);
        taken.add(`${x},${y}`);
      }
    }
  }
});

Deno.test("every rule names existing series", () => {
  for (const { alert, record, expr } of rules) {
    checkQuery(expr, `rule ${alert ?? record}`);
    assert.doesNotMatch(
      expr,
      /\b(SELECTOR|FEEDS|HERE|[A-Z]+_[A-Z]+)\b/,
    );
  }
});

Deno.test("every alert has a severity, a summary, a description and a runbook", () => {
  const alertDocs = read("docs/alerts.md");
  for (const { alert, labels = {}, annotations = {} } of rules) {
    if (alert === undefined) continue;
    assert.match(labels.severity ?? "", /^(critical|warning|info)$/, alert);
    assert.ok(annotations.summary && annotations.description, alert);
    assert.ok(
      annotations.runbook_url?.endsWith(`#${alert.toLowerCase()}`),
      alert,
    );
    assert.ok(
      alertDocs.includes(`### ${alert}\n\n_${labels.severity}._ `),
      `docs/alerts.md has no section "### ${alert}" that begins with _${labels.severity}._`,
    );
  }
});

Deno.test("docs/alerts.md has no section about a removed alert", () => {
  const known = new Set(rules.map(({ alert }) => alert));
  const sections = read("docs/alerts.md").matchAll(/^### (Alpaca\w+)$/gm);
  for (const [, name = ""] of sections) assert.ok(known.has(name), name);
});

Deno.test("alert names are unique and start with Alpaca", () => {
  const template: { rules: Rule[] } = parse(read(`${CHART}/files/rules.yaml`));
  const names = template.rules.flatMap(({ alert }) => alert ?? []);
  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.match(name, /^Alpaca[A-Za-z]+$/);
});

/** Replaces Grafana's variables, which promtool does not know. */
function withoutVariables(expr: string): string {
  return expr.replaceAll("$__rate_interval", "1m").replaceAll("$__range", "1h");
}

Deno.test(requires(["promtool"], {
  name: "promtool accepts the queries of the dashboard",
  fn: () =>
    checkRules(
      panels.flatMap(({ targets = [] }) => targets).map(({ expr }, index) => ({
        record: `query:${index}`,
        expr: withoutVariables(expr),
      })),
    ),
}));

Deno.test(requires(["promtool"], {
  name: "the alerts of compose.yaml have their texts",
  fn: async () => {
    const cwd = fileURLToPath(new URL("monitoring/prometheus/", ROOT));
    const promtool = (...args: string[]) => runProgram("promtool", args, { cwd });
    await promtool("check", "rules", "alerts.yaml");
    await promtool("check", "config", "prometheus.yaml");
    await promtool("test", "rules", "alerts_test.yaml");
  },
}));
