/**
 * Recording rules and alerts for Prometheus outside Kubernetes: fills the
 * placeholders of the chart's `files/rules.yaml` as the chart's template
 * `prometheusrule.yaml` does.
 *
 * @module
 */
import { parse, stringify } from "yaml";

/** Values of the placeholders. */
export interface RuleValues {
  /** Label matchers: `job="alpaca-stream-proxy"`. */
  readonly selector: string;
  /** Enabled feeds. */
  readonly feeds: readonly string[];
  /** Label value that separates this proxy's recordings from others. */
  readonly here: string;
  readonly dropRatio: number;
  readonly reconnectStorm: number;
  /** URL prefix; the alert's name in lower case is appended. */
  readonly runbookUrl: string;
}

/** A recording rule or an alert. */
export interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Fills `template`, the text of `files/rules.yaml`. */
export function fillRules(template: string, values: RuleValues): Rule[] {
  const text = template.replaceAll("SELECTOR", values.selector)
    .replaceAll("FEEDS", values.feeds.join("|"))
    .replaceAll("DROP_RATIO", String(values.dropRatio))
    .replaceAll("RECONNECT_STORM", String(values.reconnectStorm))
    .replaceAll("HERE", values.here);
  const { rules }: { rules: Rule[] } = parse(text);
  return rules.map((rule) => {
    if (rule.alert === undefined) return rule;
    const runbook_url = values.runbookUrl + rule.alert.toLowerCase();
    return { ...rule, annotations: { ...rule.annotations, runbook_url } };
  });
}

/** The text of a Prometheus rule file. */
export function ruleFile(rules: readonly Rule[]): string {
  const groups = [{ name: "alpaca-stream-proxy", rules }];
  return "# Generated from the chart's files/rules.yaml by " +
    `scripts/delivery/generate.ts\n${stringify({ groups }, { lineWidth: 0 })}`;
}
