/**
 * prom-client metrics whose values are read at scrape time: a scrape resets
 * each metric and fills it with the present values.
 *
 * @module
 */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Latency } from "../../application/status/counters.ts";
import type { MetricDeclaration } from "./declarations.ts";

/** One series: its labels and its value. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Registers a counter or a gauge that `read` fills at each scrape. */
export function registerRead(
  registry: Registry,
  declaration: MetricDeclaration,
  read: () => readonly Series[],
): void {
  const options = {
    name: declaration.name,
    help: declaration.help,
    labelNames: [...declaration.labels],
    registers: [registry],
  };
  if (declaration.type === "counter") {
    new Counter({
      ...options,
      collect() {
        this.reset();
        for (const { labels, value } of read()) this.inc(labels, value);
      },
    });
  } else {
    new Gauge({
      ...options,
      collect() {
        this.reset();
        for (const { labels, value } of read()) this.set(labels, value);
      },
    });
  }
}

/** Latency of one feed. */
export interface FeedLatency {
  readonly feed: string;
  readonly latency: Latency;
}

/** A histogram whose buckets are counted elsewhere. */
export class ReadHistogram extends Histogram<"feed"> {
  readonly #declaration: MetricDeclaration;
  readonly #bounds: readonly number[];
  readonly #read: () => readonly FeedLatency[];

  constructor(
    declaration: MetricDeclaration,
    options: {
      readonly registry: Registry;
      /** Upper bounds in seconds, ascending, without infinity. */
      readonly bounds: readonly number[];
      readonly read: () => readonly FeedLatency[];
    },
  ) {
    super({
      name: declaration.name,
      help: declaration.help,
      labelNames: ["feed"],
      buckets: [...options.bounds],
      registers: [options.registry],
    });
    this.#declaration = declaration;
    this.#bounds = options.bounds;
    this.#read = options.read;
  }

  /** The histogram as prom-client's registry reads it. */
  override get(): ReturnType<Histogram<"feed">["get"]> {
    return Promise.resolve({
      name: this.#declaration.name,
      help: this.#declaration.help,
      type: "histogram",
      values: this.#read().flatMap((row) => this.#series(row)),
      aggregator: "sum",
    } as unknown as Awaited<ReturnType<Histogram<"feed">["get"]>>);
  }

  /** Used by the registry instead of `get` for the text format. */
  getForPromString(): ReturnType<Histogram<"feed">["get"]> {
    return this.get();
  }

  /** Buckets are cumulative, as the text format requires. */
  #series({ feed, latency }: FeedLatency) {
    const name = this.#declaration.name;
    let count = 0;
    const buckets = latency.counts.map((own, index) => ({
      metricName: `${name}_bucket`,
      labels: { le: this.#bounds[index] ?? "+Inf", feed },
      value: count += own,
    }));
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels: { feed }, value: latency.sum },
      { metricName: `${name}_count`, labels: { feed }, value: count },
    ];
  }
}
