/**
 * One, two and three edges beside a single process, with the same feed and clients.
 *
 * @module
 */
import { loadavg } from "node:os";
import { Cluster, ENV } from "../cluster/cluster.ts";
import { inputsTable } from "../cluster/model_inputs.ts";
import { natsMissing } from "../cluster/nats_process.ts";
import {
  busiestEdge,
  cpuOf,
  cpuOfAll,
  measureServing,
  openStreams,
  perWrite,
  type Serving,
  type ServingWindow,
} from "../cluster/serving.ts";
import type { Remote } from "../control.ts";
import { figure, type ScenarioResult } from "../report/result.ts";
import { short, spreadOf } from "../report/spread.ts";
import { pause, Rig, until } from "../rig.ts";
import { type Effort, type Scenario, WARM_UP_MS } from "./scenario.ts";

/** Symbols that one client requests, if not all. */
const FEW = 10;
const MAX_EDGES = 3;
const SETTLE_MS = 500;

/** What each client receives. */
interface Pattern {
  readonly name: string;
  readonly title: string;
  /** 0 for all. */
  readonly symbolsPerStream: number;
  /** Upstream messages per second. */
  rate(connections: number, perFrame: number): number;
}

/** Deliveries per second of every message to every client. */
const DELIVERIES = 40_000;

const PATTERNS: readonly Pattern[] = [
  {
    name: "every",
    title: "Every message",
    symbolsPerStream: 0,
    rate: (connections) => DELIVERIES / connections,
  },
  {
    name: "few",
    title: `Its ${FEW} symbols`,
    symbolsPerStream: FEW,
    rate: (_, perFrame) => perFrame === 1 ? 4_000 : 8_000,
  },
];

/** Messages of an upstream frame. */
const FRAMES = [8, 1];

/** Processes, and the feeder that sends to them. */
interface Side {
  readonly serving: Serving;
  readonly feeder: Remote;
}

/** Two sides in one round. */
interface Round {
  readonly single: ServingWindow;
  readonly cluster: ServingWindow;
}

/** Feeds one side for a while. */
async function feed<T>({ feeder }: Side, rate: number, during: () => Promise<T>): Promise<T> {
  await feeder.call("start", { rate });
  await pause(SETTLE_MS);
  const result = await during();
  await feeder.call("stop");
  await pause(SETTLE_MS / 2);
  return result;
}

/** The result in the place of scenarios that cannot run here. */
export function leftOut(scenario: string, reason: string): ScenarioResult {
  return { scenario, about: "left out", figures: [], notes: [reason] };
}

async function fanOut(
  connections: number,
  pattern: Pattern,
  effort: Effort,
): Promise<ScenarioResult> {
  const scenario = `cluster-${connections}-${pattern.name}`;
  const missing = await natsMissing();
  if (missing) return leftOut(scenario, missing);
  const { symbolsPerStream } = pattern;
  const shapeOf = (perFrame: number) =>
    ({ format: "json", perFrame, symbols: connections * FEW }) as const;
  await using rig = await Rig.start({ ...shapeOf(1), env: ENV });
  await using cluster = await Cluster.start(shapeOf(1));
  const { server: process, reader, port } = rig.proxy;
  const single: Side = {
    feeder: rig.feeder,
    serving: { reader, edges: [{ process, port }] },
  };
  const both = [single, { serving: cluster, feeder: cluster.feeder }] as const;
  const subscribed = symbolsPerStream === 0 ? 1 : connections * symbolsPerStream;
  const open = async ({ serving, feeder }: Side) => {
    await openStreams(serving, { connections, symbolsPerStream });
    await until(
      `${subscribed} subscriptions`,
      async () => await feeder.call<number>("subscriptions") >= subscribed,
    );
  };
  await open(single);
  const cases: { edges: number; perFrame: number; rounds: Round[] }[] = [];
  for (let edges = 1; edges <= MAX_EDGES; edges++) {
    if (edges > 1) await cluster.addEdge();
    await open(both[1]);
    for (const perFrame of FRAMES) {
      const rate = pattern.rate(connections, perFrame);
      for (const side of both) {
        await side.feeder.call("reshape", shapeOf(perFrame));
        const isWarm = perFrame !== FRAMES[0] || side === single && edges > 1;
        if (!isWarm) await feed(side, rate, () => pause(WARM_UP_MS / 2));
      }
      const rounds: Round[] = [];
      // There are 36 cases; a table has the median of three of them for a single process.
      for (let i = 1; i < effort.repetitions; i++) {
        const [alone, together] = [
          await feed(both[0], rate, () => measureServing(both[0].serving, effort.windowMs)),
          await feed(both[1], rate, () => measureServing(both[1].serving, effort.windowMs)),
        ];
        rounds.push({ single: alone, cluster: together });
      }
      cases.push({ edges, perFrame, rounds });
    }
  }
  return {
    scenario,
    about: `${connections} connections, each receives ${pattern.title.toLowerCase()}, ` +
      `one process and a cluster`,
    figures: [
      ...cases.flatMap(({ edges, perFrame, rounds }) =>
        figuresOf(`${edges} ${edges === 1 ? "edge" : "edges"}, frames of ${perFrame}`, rounds)
      ),
      figure("load average of the machine", "", [loadavg()[0] ?? 0]),
    ],
    tables: [
      costTable(connections, pattern, cases),
      delayTable(connections, pattern, cases),
      memoryTable(connections, pattern, cases),
      ...connections === 1_000 && symbolsPerStream === 0 ? [everyTable(cases)] : [],
    ],
  };
}

function figuresOf(name: string, rounds: readonly Round[]) {
  const of = (what: string, unit: string, value: (round: Round) => number) =>
    figure(`${name}: ${what}`, unit, rounds.map(value));
  return [
    of("CPU per delivered message, single", "µs", ({ single }) => cpuOfAll(single)),
    of("hub", "µs", ({ cluster }) => cpuOf(cluster, "hub")),
    of("nats-server", "µs", ({ cluster }) => cpuOf(cluster, "nats")),
    of("edges", "µs", ({ cluster }) => cpuOf(cluster, "edges")),
    of("sum", "µs", ({ cluster }) => cpuOfAll(cluster)),
    of(
      "ratio to a single process",
      "×",
      ({ single, cluster }) => cpuOfAll(cluster) / cpuOfAll(single),
    ),
    of("cores of the single process", "", ({ single }) => busiestEdge(single)),
    of("cores of the busiest edge", "", ({ cluster }) => busiestEdge(cluster)),
    of("messages per write, single", "", ({ single }) => perWrite(single)),
    of("messages per write", "", ({ cluster }) => perWrite(cluster)),
    of("delivered, single", "messages/s", ({ single }) => single.delivered),
    of("delivered", "messages/s", ({ cluster }) => cluster.delivered),
    of("p50, single", "ms", ({ single }) => single.latency.p50 / 1e3),
    of("p50", "ms", ({ cluster }) => cluster.latency.p50 / 1e3),
    of("p99, single", "ms", ({ single }) => single.latency.p99 / 1e3),
    of("p99", "ms", ({ cluster }) => cluster.latency.p99 / 1e3),
  ];
}

type Case = { readonly edges: number; readonly perFrame: number; readonly rounds: Round[] };

function median(rounds: readonly Round[], of: (round: Round) => number): number {
  return spreadOf(rounds.map(of)).median;
}

function rowsOf(
  connections: number,
  { title }: Pattern,
  cases: readonly Case[],
  columns: (of: readonly Case[]) => string[],
): string[][] {
  return FRAMES.map((perFrame) => {
    const cells = columns(cases.filter((each) => each.perFrame === perFrame));
    return [String(connections), title, String(perFrame), ...cells];
  });
}

const WHO = ["Clients", "Each receives", "Frames of"];

function costTable(connections: number, pattern: Pattern, cases: readonly Case[]) {
  const parts = (rounds: readonly Round[]) =>
    (["hub", "nats", "edges"] as const)
      .map((part) => short(median(rounds, ({ cluster }) => cpuOf(cluster, part)))).join(" + ");
  return {
    title: "CPU µs per delivered message",
    head: [
      ...WHO,
      "One process",
      ...["1 edge", "2 edges", "3 edges"].map((edges) => `Hub + NATS + ${edges}`),
      "Sum of 3 to one process",
      "Busiest of 3 edges, share of a core",
    ],
    rows: rowsOf(connections, pattern, cases, (of) => [
      short(median(of.flatMap(({ rounds }) => rounds), ({ single }) => cpuOfAll(single))),
      ...of.map(({ rounds }) => parts(rounds)),
      ...of.slice(-1).flatMap(({ rounds }) => [
        `${short(median(rounds, ({ single, cluster }) => cpuOfAll(cluster) / cpuOfAll(single)))} ×`,
        `${short(median(rounds, ({ cluster }) => busiestEdge(cluster)))} of ${
          short(median(rounds, ({ single }) => busiestEdge(single)))
        }`,
      ]),
    ]),
  };
}

function delayTable(connections: number, pattern: Pattern, cases: readonly Case[]) {
  const pair = (rounds: readonly Round[], which: "single" | "cluster") =>
    (["p50", "p99"] as const)
      .map((at) => short(median(rounds, (round) => round[which].latency[at] / 1e3))).join(" / ");
  return {
    title: "Delay from the feeder to the client, p50 / p99 in ms",
    head: [...WHO, "One process", "1 edge", "2 edges", "3 edges"],
    rows: rowsOf(connections, pattern, cases, (of) => [
      pair(of.flatMap(({ rounds }) => rounds), "single"),
      ...of.map(({ rounds }) => pair(rounds, "cluster")),
    ]),
  };
}

function memoryTable(connections: number, { title }: Pattern, cases: readonly Case[]) {
  const mib = (edges: number, of: (round: Round) => number) => {
    const rounds = cases.filter((each) => each.edges === edges).flatMap(({ rounds }) => rounds);
    return String(Math.round(median(rounds, of) / 2 ** 20));
  };
  const edge = (edges: number) =>
    mib(edges, ({ cluster }) => Math.max(...cluster.edges.map(({ rss }) => rss)));
  return {
    title: "Resident memory, MiB",
    head: ["Clients", "Each receives", "One process", "Hub", "NATS", "1 edge", "Each of 3 edges"],
    rows: [[
      String(connections),
      title,
      mib(MAX_EDGES, ({ single }) => single.edges[0]?.rss ?? 0),
      mib(MAX_EDGES, ({ cluster }) => cluster.hub?.rss ?? 0),
      mib(MAX_EDGES, ({ cluster }) => cluster.nats?.rss ?? 0),
      edge(1),
      edge(MAX_EDGES),
    ]],
  };
}

/** What a delivery in a write of a frame costs a single process. */
function everyTable(cases: readonly Case[]) {
  const rounds = cases.filter(({ perFrame }) => perFrame === FRAMES[0])
    .flatMap(({ rounds }) => rounds);
  return inputsTable({ everyMicros: median(rounds, ({ single }) => cpuOfAll(single)) });
}

/** All numbers of connections, every message and few symbols to each. */
export const clusterFanOuts: readonly Scenario[] = PATTERNS.flatMap((pattern) =>
  [100, 500, 1_000].map((connections) => ({
    name: `cluster-${connections}-${pattern.name}`,
    run: async (effort: Effort) => [await fanOut(connections, pattern, effort)],
  }))
);
