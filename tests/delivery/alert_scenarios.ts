/**
 * Runs scenarios through the alert rules with promtool: series over time, and which
 * alerts fire in which intervals. Every step is checked, so that an alert that fires
 * too early, too late, or for a cause that has ended is found.
 *
 * @module
 */
import { stringify } from "yaml";
import { type Rule, ruleFile } from "../../scripts/delivery/alert_rules.ts";
import { runProgram } from "../../scripts/delivery/run_program.ts";

/** An alert that fires from `from` until `to` (excluded), in minutes of the scenario. */
export interface Firing {
  readonly alert: string;
  /** Labels that distinguish it, such as its feed. */
  readonly of?: Readonly<Record<string, string>>;
  readonly from: number;
  readonly to: number;
}

/** What happens, and what fires. */
export interface Scenario {
  readonly name: string;
  readonly minutes: number;
  /** Seconds between two scrapes, evaluations and checks. @default 15 */
  readonly stepSeconds?: number;
  /** Values of each series at `minute`; without a value there is no sample. */
  readonly series: Readonly<Record<string, (minute: number) => number | undefined>>;
  readonly firing: readonly Firing[];
}

/** Labels by which an alert distinguishes what it fires for. */
const DISTINCT = ["feed", "limit", "message_type", "error_type", "reason"];

const FIRING = `sum by (alertname, ${DISTINCT.join(", ")}) (ALERTS{alertstate="firing"})`;

/**
 * Checks a scenario. Rules that read none of its series cannot fire and are left out, and
 * two instances of promtool, which uses one core, check half of the others each: a week of
 * minutes is several times faster.
 *
 * @throws Error with promtool's differences
 */
export async function checkScenario(scenario: Scenario, rules: readonly Rule[]): Promise<void> {
  const metrics = Object.keys(scenario.series).map((series) => series.replace(/\{.*/, ""));
  const concerned = rules.filter(({ expr }) => metrics.some((metric) => expr.includes(metric)));
  const unchecked = scenario.firing.filter(({ alert }) =>
    !concerned.some((rule) => rule.alert === alert)
  );
  if (unchecked.length > 0) throw new Error(`no rule for ${unchecked[0]?.alert}`);
  const halves = [0, 1].map((half) => concerned.filter((_, index) => index % 2 === half));
  await Promise.all(
    halves.filter((half) => half.length > 0).map((half) => checkRulesIn(scenario, half)),
  );
}

/** Checks the alerts of these rules, each of which reads a series of the scenario. */
async function checkRulesIn(scenario: Scenario, rules: readonly Rule[]): Promise<void> {
  const { name, minutes, stepSeconds = 15 } = scenario;
  const firing = scenario.firing.filter(({ alert }) => rules.some((rule) => rule.alert === alert));
  const steps = minutes * 60 / stepSeconds;
  const minuteOf = (step: number) => step * stepSeconds / 60;
  const test = {
    rule_files: ["rules.yaml"],
    evaluation_interval: `${stepSeconds}s`,
    tests: [{
      name,
      interval: `${stepSeconds}s`,
      input_series: Object.entries(scenario.series).map(([series, valueAt]) => ({
        series: withJob(series),
        values: compress(Array.from({ length: steps }, (_, step) => valueAt(minuteOf(step)))),
      })),
      promql_expr_test: Array.from({ length: steps }, (_, step) => ({
        expr: FIRING,
        eval_time: `${step * stepSeconds}s`,
        exp_samples: firing
          .filter(({ from, to }) => minuteOf(step) >= from && minuteOf(step) < to)
          .map((alert) => ({ labels: labelsOf(alert), value: 1 })),
      })),
    }],
  };
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/rules.yaml`, ruleFile(rules));
    await Deno.writeTextFile(`${folder}/test.yaml`, stringify(test));
    await runProgram("promtool", ["test", "rules", "test.yaml"], { cwd: folder });
  } catch (error) {
    throw new Error(summary(name, (error as Error).message));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Adds the label that the rules of compose.yaml select by. */
function withJob(series: string): string {
  const job = `job="alpaca-stream-proxy"`;
  return series.includes("{") ? series.replace("{", `{${job},`) : `${series}{${job}}`;
}

function labelsOf({ alert, of = {} }: Firing): string {
  const labels = Object.entries({ alertname: alert, ...of });
  return `{${labels.map(([name, value]) => `${name}="${value}"`).join(",")}}`;
}

/** promtool's notation: `a+bxn` for `n` steps of `b` from `a`, `_xn` for no samples. */
function compress(values: readonly (number | undefined)[]): string {
  const parts: string[] = [];
  for (let at = 0; at < values.length;) {
    const first = values[at];
    let end = at + 1;
    if (first === undefined) {
      while (end < values.length && values[end] === undefined) end++;
      parts.push(`_x${end - at}`);
    } else {
      const step = (values[end] ?? NaN) - first;
      while (end < values.length && values[end] === first + step * (end - at)) end++;
      parts.push(end === at + 1 ? format(first) : `${first}+${step}x${end - at - 1}`);
    }
    at = end;
  }
  return parts.join(" ");
}

function format(value: number): string {
  return value === Infinity ? "Inf" : String(value);
}

/** The first differences: promtool prints every step. */
function summary(name: string, message: string): string {
  const lines = message.split("\n").filter((line) => /time:|exp:|got:/.test(line));
  return `${name}: ${lines.length / 3} steps differ\n${lines.slice(0, 12).join("\n")}` +
    (lines.length === 0 ? message.slice(0, 2_000) : "");
}
