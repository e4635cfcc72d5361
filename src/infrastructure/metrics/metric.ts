/**
 * What a metric is, and what all of them are read from.
 *
 * @module
 */
import type { ConnectionFigures } from "../../application/connections/connection_limits.ts";
import type { Activity } from "../../application/status/activity.ts";
import type { Latency, ProxyCounters } from "../../application/status/counters.ts";
import type { ExpansionReport, QuotaSource } from "../../application/status/reports.ts";
import type { StatusSource } from "../../application/status/status.ts";
import type { MarketCalendar } from "../../domain/calendar/market_calendar.ts";
import type { StreamKind } from "../../domain/market/channels.ts";

/** The sources of the values. */
export interface MetricsSources {
  readonly counters: ProxyCounters;
  readonly status: StatusSource;
  readonly calendar: MarketCalendar;
  /** Times of the last data; without it, no ages are reported. */
  readonly activity?: Pick<Activity, "lastMessageAt">;
  /** Open client streams; without them, every queue is empty. */
  readonly clients?: { fullestQueues(): ReadonlyMap<StreamKind, number> };
  /** Symbol quotas of the market data feeds; without it, none are reported. */
  readonly quotas?: QuotaSource;
  /** Underlyings whose contracts are selected. @default none */
  readonly expansions?: () => readonly ExpansionReport[];
  /** Client connections and descriptors; without it, none are reported. */
  readonly connections?: () => ConnectionFigures;
  /** Memory of the client queues, in bytes; 0 without it. */
  readonly queueMemory?: { readonly bytes: number; readonly limit: number };
}

/** One series of a metric. */
interface Series {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** Name of the series, where it is not that of the metric. */
  readonly metricName?: string;
}

/** One metric. */
export interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  /** @default none */
  readonly labels?: readonly string[];
  /** Reads every series; a number is the only series of a metric without labels. */
  readonly read: (sources: MetricsSources) => number | readonly Series[];
}

/** One series per key of `counts`; the key is the value of the label. */
export function seriesOf(label: string, counts: Readonly<Record<string, number>>): Series[] {
  return Object.entries(counts).map(([key, value]) => ({ labels: { [label]: key }, value }));
}

/** The series of a histogram; buckets are cumulative, as the text format requires. */
export function histogram(
  name: string,
  { bounds, counts, sum }: Latency,
  labels: Readonly<Record<string, string>>,
): Series[] {
  let count = 0;
  const buckets = counts.map((own, index) => ({
    metricName: `${name}_bucket`,
    labels: { le: bounds[index] ?? "+Inf", ...labels },
    value: count += own,
  }));
  return [...buckets, { metricName: `${name}_sum`, labels, value: sum }, {
    metricName: `${name}_count`,
    labels,
    value: count,
  }];
}
