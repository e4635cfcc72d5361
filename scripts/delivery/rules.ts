/**
 * The alerts outside Kubernetes: the chart's `files/rules.yaml` with its words
 * in capitals filled in, as `prometheusrule.yaml` does it in the chart.
 *
 * @module
 */
import { parse, stringify } from "yaml";

/** What the words in capitals become. */
export interface RuleWords {
  /** Label matchers: `job="alpaca-stream-proxy"`. */
  readonly selector: string;
  /** Feeds that are on. */
  readonly feeds: readonly string[];
  /** Tells this proxy's recordings from those of others. */
  readonly here: string;
  /** `2026-12-25`. */
  readonly marketHolidays: readonly string[];
  readonly dropRatio: number;
  readonly reconnectStorm: number;
  /** The alert's name in small letters is appended. */
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

/** The rules of `template` (the text of `files/rules.yaml`). */
export function fillRules(template: string, words: RuleWords): Rule[] {
  const holidays = words.marketHolidays.map((day) =>
    `(alpaca_proxy:new_york_date{proxy="HERE"} == bool ${
      day.replaceAll("-", "")
    })`
  );
  const replacements: Record<string, string> = {
    SELECTOR: words.selector,
    FEEDS: words.feeds.join("|"),
    HOLIDAYS: ["0", ...holidays].join(" + "),
    DROP_RATIO: String(words.dropRatio),
    RECONNECT_STORM: String(words.reconnectStorm),
    HERE: words.here,
  };
  const text = Object.entries(replacements).reduce(
    (filled, [word, value]) => filled.replaceAll(word, value),
    template,
  );
  const { rules }: { rules: Rule[] } = parse(text);
  return rules
    .map((rule) =>
      rule.alert === undefined ? rule : {
        ...rule,
        annotations: {
          ...rule.annotations,
          runbook_url: words.runbookUrl + rule.alert.toLowerCase(),
        },
      }
    );
}

/** A rule file for Prometheus. */
export function ruleFile(rules: readonly Rule[]): string {
  return "# Generated from the chart's files/rules.yaml by " +
    "scripts/delivery/generate.ts\n" +
    stringify({ groups: [{ name: "alpaca-stream-proxy", rules }] }, {
      lineWidth: 0,
    });
}
