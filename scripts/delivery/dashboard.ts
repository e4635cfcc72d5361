/**
 * The Grafana dashboard (classic JSON model), written over the program's own
 * table of metrics, so that a panel cannot ask for one that does not exist.
 *
 * @module
 */
import { METRICS } from "../../src/infrastructure/metrics/declarations.ts";
import {
  heatmap,
  Layout,
  type Size,
  stat,
  stateTimeline,
  timeSeries,
} from "./dashboard_panels.ts";

type MetricKey = keyof typeof METRICS;

/** Limits every query to the chosen proxy. */
const CHOSEN = `job=~"$job",instance=~"$instance"`;

function series(key: MetricKey, more = "", suffix = ""): string {
  const labels = more === "" ? CHOSEN : `${CHOSEN},${more}`;
  return `${METRICS[key].name}${suffix}{${labels}}`;
}

function rate(key: MetricKey, by: string, more = ""): string {
  return `sum by (${by}) (rate(${series(key, more)}[$__rate_interval]))`;
}

const DATA = `message_type!~"control|unknown"`;

/** The whole dashboard. */
export function dashboard(): Record<string, unknown> {
  return {
    uid: "alpaca-stream-proxy",
    title: "Alpaca Stream Proxy",
    description: "Feeds, clients, losses and latency of the proxy",
    tags: ["alpaca", "market-data"],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: "10s",
    time: { from: "now-1h", to: "now" },
    timezone: "browser",
    templating: { list: variables() },
    annotations: { list: [starts()] },
    panels: panels(),
  };
}

function panels(): readonly unknown[] {
  const layout = new Layout();
  atAGlance(layout);
  feeds(layout);
  clients(layout);
  latency(layout);
  limits(layout);
  process(layout);
  return layout.panels;
}

function atAGlance(layout: Layout): void {
  layout.row("At a glance");
  const small = { width: 4, height: 4 };
  layout.add(
    small,
    stat("Feeds down", {
      expr: `sum(${series("feedState", `state!~"connected|disconnected"`)})`,
      description: "Feeds that are on and have no session with Alpaca",
      thresholds: [[null, "green"], [1, "red"]],
    }),
  );
  layout.add(
    small,
    stat("Client streams", {
      expr: `sum(${series("clients")})`,
      description: "Open gRPC streams",
    }),
  );
  layout.add(
    small,
    stat("Messages in", {
      expr: `sum(rate(${series("received", DATA)}[$__rate_interval]))`,
      description: "Data messages from Alpaca per second",
      unit: "cps",
    }),
  );
  layout.add(
    small,
    stat("Messages out", {
      expr: `sum(rate(${series("sent")}[$__rate_interval]))`,
      description: "Messages handed to client streams per second",
      unit: "cps",
    }),
  );
  layout.add(
    small,
    stat("Lost", {
      expr: `sum(increase(${series("dropped")}[$__range]))`,
      description: "Messages that slow clients lost in the chosen time",
      thresholds: [[null, "green"], [1, "red"]],
    }),
  );
  layout.add(
    small,
    stat("Running for", {
      expr: `time() - max(${series("startTime")})`,
      legend: "{{version}}",
      description: "Time since the process started",
      unit: "s",
    }),
  );
}

function feeds(layout: Layout): void {
  layout.row("Feeds");
  layout.add(
    { width: 24, height: 5 },
    stateTimeline("Session of each feed", {
      expr: `max by (feed) (${series("feedState", `state="connected"`)}` +
        ` + ignoring(state) 2 * ${
          series("feedState", `state="disconnected"`)
        })`,
      legend: "{{feed}}",
      description: "Green while connected, grey while switched off",
    }),
  );
  const half = { width: 12, height: 8 };
  layout.add(
    half,
    timeSeries("Messages received", {
      expr: rate("received", "feed, message_type", DATA),
      legend: "{{feed}} {{message_type}}",
      description: "Data messages from Alpaca",
      unit: "cps",
    }),
  );
  layout.add(
    half,
    timeSeries("Subscriptions", {
      expr: `max by (feed) (${series("subscriptions")})`,
      legend: "{{feed}}",
      description: "Subscriptions that Alpaca has acknowledged",
    }),
  );
  symbols(layout, half);
  layout.add(
    half,
    timeSeries("Errors", {
      expr: `${
        rate("errors", "feed, error_type").replace("rate(", "increase(")
      } > 0`,
      legend: "{{feed}} {{error_type}}",
      description: "Errors of the sessions and of what they carried",
      bars: true,
    }),
  );
  layout.add(
    half,
    timeSeries("Reconnections", {
      expr: rate("reconnects", "feed").replace("rate(", "increase("),
      legend: "{{feed}}",
      description: "Every one is a gap in the data",
      bars: true,
    }),
  );
}

function symbols(layout: Layout, size: Size): void {
  const used = series("budgetUsed");
  const limit = series("budgetLimit");
  layout.add(
    size,
    timeSeries("Symbols against the plan", {
      expr: `max by (feed) (${used})`,
      legend: "{{feed}} wanted",
      more: [{
        expr: `min by (feed) (${limit}) < Inf`,
        legend: "{{feed}} allowed",
      }],
      description:
        "Counted symbols that streams want, and how many the plan allows where that is known",
    }),
  );
  layout.add(
    size,
    timeSeries("Symbols that are not had", {
      expr: `max by (feed) (${series("symbolsWaiting")})`,
      legend: "{{feed}} waiting",
      more: [{
        expr: `max by (feed) (${series("symbolsRefused")})`,
        legend: "{{feed}} refused",
      }],
      description:
        "Waiting for a place in the plan, or refused by Alpaca: clients get nothing for these",
    }),
  );
}

function clients(layout: Layout): void {
  layout.row("Clients");
  const third = { width: 8, height: 8 };
  layout.add(
    third,
    timeSeries("Client streams", {
      expr: `sum by (instance) (${series("clients")})`,
      legend: "{{instance}}",
      description: "Open gRPC streams",
    }),
  );
  layout.add(
    third,
    timeSeries("Messages sent", {
      expr: rate("sent", "message_type"),
      legend: "{{message_type}}",
      description: "Messages handed to client streams, once per stream",
      unit: "cps",
    }),
  );
  layout.add(
    third,
    timeSeries("Messages lost", {
      expr: rate("dropped", "message_type"),
      legend: "{{message_type}}",
      description: "Messages that client streams lost because they fell behind",
      unit: "cps",
    }),
  );
}

function latency(layout: Layout): void {
  layout.row("Latency inside the proxy");
  const buckets = `sum by (le) (rate(${
    series("processing", "", "_bucket")
  }[$__rate_interval]))`;
  const half = { width: 12, height: 8 };
  layout.add(
    half,
    heatmap("From socket to queue", {
      expr: buckets,
      legend: "{{le}}",
      description: "From a frame's arrival until its messages are queued",
    }),
  );
  layout.add(
    half,
    timeSeries("99th percentile", {
      expr: `histogram_quantile(0.99, sum by (feed, le) (rate(${
        series("processing", "", "_bucket")
      }[$__rate_interval])))`,
      legend: "{{feed}}",
      description: "One message in a hundred takes longer",
      unit: "s",
    }),
  );
}

function limits(layout: Layout): void {
  layout.row("Limits");
  const third = { width: 8, height: 7 };
  layout.add(
    third,
    timeSeries("Refusals", {
      expr: rate("refusals", "limit"),
      legend: "{{limit}}",
      more: [{
        expr: rate("acceptFailures", "reason"),
        legend: "not accepted: {{reason}}",
      }],
      description: "Connections, streams and requests refused at a limit",
      unit: "cps",
    }),
  );
  layout.add(
    third,
    timeSeries("Client connections", {
      expr: series("grpcConnections"),
      legend: "{{instance}} gRPC",
      more: [{
        expr: series("httpConnections"),
        legend: "{{instance}} health and metrics",
      }],
      description: "Open connections by port",
    }),
  );
  layout.add(
    third,
    timeSeries("File descriptors", {
      expr: series("openDescriptors"),
      legend: "{{instance}} open",
      more: [{ expr: series("descriptorLimit"), legend: "{{instance}} limit" }],
      description: "In use, at least, and the limit once it has been reached",
    }),
  );
}

function process(layout: Layout): void {
  layout.row("Process");
  const third = { width: 8, height: 7 };
  layout.add(
    third,
    timeSeries("CPU", {
      expr: `rate(${series("cpu")}[$__rate_interval])`,
      legend: "{{instance}}",
      description: "Share of a core; one is the most that the proxy can use",
      unit: "percentunit",
    }),
  );
  layout.add(
    third,
    timeSeries("Resident memory", {
      expr: series("residentMemory"),
      legend: "{{instance}}",
      description: "Memory that the system counts",
      unit: "bytes",
    }),
  );
  layout.add(
    third,
    timeSeries("JavaScript heap", {
      expr: series("heapUsed"),
      legend: "{{instance}} used",
      more: [
        { expr: series("heapTotal"), legend: "{{instance}} reserved" },
        { expr: series("heapLimit"), legend: "{{instance}} limit" },
      ],
      description: "Heap in use and reserved, and where the process ends",
      unit: "bytes",
    }),
  );
  layout.add(
    third,
    timeSeries("Queue memory", {
      expr: series("queueMemory"),
      legend: "{{instance}} held",
      more: [
        { expr: series("queueMemoryLimit"), legend: "{{instance}} limit" },
      ],
      description: "What slow clients have not taken; at the limit they lose",
      unit: "bytes",
    }),
  );
  layout.add(
    third,
    timeSeries("Refused at a limit", {
      expr: `increase(${series("refusals")}[$__rate_interval])`,
      legend: "{{limit}}",
      description: "Clients that were refused or ended, by limit",
      bars: true,
    }),
  );
}

function variables(): unknown[] {
  const query = (name: string, text: string) => ({
    name,
    type: "query",
    datasource: { type: "prometheus", uid: "${datasource}" },
    query: { query: text, refId: name },
    definition: text,
    includeAll: true,
    multi: true,
    current: { text: "All", value: "$__all" },
    refresh: 2,
    sort: 1,
  });
  const build = METRICS.build.name;
  return [
    { name: "datasource", type: "datasource", query: "prometheus" },
    query("job", `label_values(${build}, job)`),
    query("instance", `label_values(${build}{job=~"$job"}, instance)`),
  ];
}

function starts(): unknown {
  return {
    name: "Starts",
    datasource: { type: "prometheus", uid: "${datasource}" },
    enable: true,
    iconColor: "blue",
    expr: `changes(${series("startTime")}[1m]) > 0`,
    titleFormat: "Proxy started",
  };
}
