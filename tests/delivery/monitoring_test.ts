import assert from "node:assert/strict";
import { parse } from "yaml";
import {
  ERROR_TYPES,
  MESSAGE_TYPES,
} from "../../src/application/status/counters.ts";
import { FEEDS } from "../../src/domain/connection/feed.ts";
import {
  ALL_METRICS,
  type MetricDeclaration,
  METRICS,
} from "../../src/infrastructure/metrics/declarations.ts";
import { CHART } from "../../scripts/delivery/chart.ts";
import { dashboard } from "../../scripts/delivery/dashboard.ts";
import { ROOT } from "../../scripts/delivery/generate.ts";
import type { Rule } from "../../scripts/delivery/rules.ts";

const read = (path: string) => Deno.readTextFileSync(new URL(path, ROOT));
const { groups } = parse(read("monitoring/prometheus/alerts.yaml"));
const rules: Rule[] = groups[0].rules;

type Labels = ReadonlySet<string>;

/** Series of a declared metric, as Prometheus keeps them. */
function seriesOf(
  { name, type, labels }: MetricDeclaration,
): [string, Labels][] {
  const known = new Set([...labels, "job", "namespace", "instance"]);
  if (type !== "histogram") return [[name, known]];
  return [
    [`${name}_bucket`, new Set([...known, "le"])],
    [`${name}_count`, known],
    [`${name}_sum`, known],
  ];
}

/** Series that exist: the program's, its recordings, Prometheus' own. */
const SERIES = new Map<string, Labels>([
  ["up", new Set(["job", "namespace", "instance"])],
  ...rules.map((
    { record = "" },
  ): [string, Labels] => [record, new Set(["proxy"])]),
  ...ALL_METRICS.flatMap(seriesOf),
]);

/** Words that a label may have, where the program closes the set. */
const LABEL_VALUES: Readonly<Record<string, readonly string[]>> = {
  feed: FEEDS,
  error_type: ERROR_TYPES,
  message_type: [
    ...MESSAGE_TYPES,
    ...["stock_quote", "stock_trade", "stock_bar"],
    ...["option_quote", "option_trade"],
  ],
};

/** Checks that a query asks for series, labels and words that exist. */
function checkQuery(expr: string, where: string): void {
  const selectors = [...expr.matchAll(/([a-z_:]+)\{([^}]*)\}/g)];
  assert.ok(selectors.length > 0 || /vector\(time/.test(expr), where);
  for (const [, name = "", inside = ""] of selectors) {
    const labels = SERIES.get(name);
    assert.ok(labels, `${where} asks for ${name}, which no metric is called`);
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

const panels = dashboard().panels as readonly Panel[];

Deno.test("every query of the dashboard asks for a metric that exists", () => {
  const queries = panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ title, expr }))
  );
  assert.ok(queries.length > 10);
  for (const { title, expr } of queries) checkQuery(expr, `panel "${title}"`);
});

Deno.test("the dashboard shows every metric of the program, or says which it leaves out", () => {
  const text = JSON.stringify(panels) + JSON.stringify(dashboard().templating);
  const leftOut = new Set<string>([
    METRICS.connections.name, // feed_state tells more
    METRICS.draining.name, // lasts seconds; an alert watches it
  ]);
  for (const { name } of Object.values(METRICS)) {
    assert.ok(
      text.includes(name) !== leftOut.has(name),
      `${name}: show it in scripts/delivery/dashboard.ts or leave it out here`,
    );
  }
});

Deno.test("the dashboard's panels have a description and do not overlap", () => {
  const taken = new Set<string>();
  for (const { title, type, description = "", gridPos } of panels) {
    assert.ok(type === "row" || description !== "", title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      assert.ok(x < 24, `"${title}" leaves the page`);
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert.ok(!taken.has(`${x},${y}`), `"${title}" covers another panel`);
        taken.add(`${x},${y}`);
      }
    }
  }
});

Deno.test("every rule asks for series that exist", () => {
  for (const { alert, record, expr } of rules) {
    checkQuery(expr, `rule ${alert ?? record}`);
    assert.doesNotMatch(
      expr,
      /\b(SELECTOR|FEEDS|HERE|HOLIDAYS|[A-Z]+_[A-Z]+)\b/,
    );
  }
});

Deno.test("every alert says how bad it is, what it is, and where to read on", () => {
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
      alertDocs.includes(`### ${alert}\n`),
      `docs/alerts.md has no section "### ${alert}"`,
    );
  }
});

Deno.test("docs/alerts.md explains no alert that does not exist", () => {
  const known = new Set(rules.map(({ alert }) => alert));
  const sections = read("docs/alerts.md").matchAll(/^### (Alpaca\w+)$/gm);
  for (const [, name = ""] of sections) assert.ok(known.has(name), name);
});

Deno.test("the values leave out no alert under a name that does not exist", () => {
  const template: { rules: Rule[] } = parse(read(`${CHART}/files/rules.yaml`));
  const names = template.rules.flatMap(({ alert }) => alert ?? []);
  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.match(name, /^Alpaca[A-Za-z]+$/);
});
