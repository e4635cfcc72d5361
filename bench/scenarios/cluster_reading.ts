/**
 * What a message costs hub, nats-server and an edge when no client subscribes to it, and when one
 * does, beside a single process: the part of the work that more edges do not divide.
 *
 * @module
 */
import { loadavg } from "node:os";
import { Cluster, ENV } from "../cluster/cluster.ts";
import { inputsTable } from "../cluster/model_inputs.ts";
import { natsMissing } from "../cluster/nats_process.ts";
import {
  measureServing,
  openStreams,
  type Serving,
  type ServingWindow,
} from "../cluster/serving.ts";
import type { FeedFormat, PoolShape } from "../feed/frame_pool.ts";
import { figure, type ScenarioResult } from "../report/result.ts";
import { short, spreadOf } from "../report/spread.ts";
import { pause, Rig } from "../rig.ts";
import { leftOut } from "./cluster_fan_out.ts";
import { type Effort, type Scenario, WARM_UP_MS } from "./scenario.ts";

const SYMBOLS = 5_000;
/** Number of a symbol without quotes. */
const UNWANTED = 50_000;
const FEW = 10;
const SETTLE_MS = 500;
const MAX_EDGES = 3;

/** Frames, and messages per second. */
interface Load {
  readonly perFrame: number;
  readonly rate: number;
}

/** The usual load and a busy one, from which costs per batch and per message are computed. */
const USUAL: Load = { perFrame: 8, rate: 32_000 };
const BUSY: Load = { perFrame: 8, rate: 160_000 };

const LOADS: Readonly<Record<FeedFormat, readonly Load[]>> = {
  json: [{ perFrame: 1, rate: 4_000 }, USUAL, BUSY],
  msgpack: [{ perFrame: 50, rate: 100_000 }],
};

/** What one window of a load has, per second. */
interface Reading {
  readonly messages: number;
  readonly hub: number;
  readonly nats: number;
  /** CPU µs of the first edge, or the single process. */
  readonly edge: number;
  readonly batches: number;
  readonly inBytes: number;
  /** Bytes to all edges. */
  readonly outBytes: number;
  /** Bytes. */
  readonly edgeRss: number;
}

function readingOf({ hub, nats, edges }: ServingWindow, perFrame: number): Reading {
  const [edge] = edges;
  return {
    messages: Math.max(1, ((hub ?? edge)?.frames ?? 0) * perFrame),
    hub: hub?.cpuMicros ?? 0,
    nats: nats?.cpuMicros ?? 0,
    edge: edge?.cpuMicros ?? 0,
    batches: nats?.inMessages ?? 0,
    inBytes: nats?.inBytes ?? 0,
    outBytes: nats?.outBytes ?? 0,
    edgeRss: edge?.rss ?? 0,
  };
}

/** Windows of one load. */
interface Found {
  readonly load: Load;
  /** No client of the cluster subscribes, none of a single process, one client of the cluster. */
  readonly unwanted: Reading[];
  readonly single: Reading[];
  readonly wanted: Reading[];
}

function median(readings: readonly Reading[], of: (reading: Reading) => number): number {
  return spreadOf(readings.map(of)).median;
}

async function read(format: FeedFormat, effort: Effort): Promise<ScenarioResult> {
  const scenario = `cluster-reading-${format}`;
  const missing = await natsMissing();
  if (missing) return leftOut(scenario, missing);
  const shapeOf = (perFrame: number): PoolShape => ({ format, perFrame, symbols: SYMBOLS });
  const market = format === "json" ? "stock" : "option";
  await using cluster = await Cluster.start(shapeOf(1));
  await using rig = await Rig.start({ ...shapeOf(1), env: ENV });
  const { server: process, reader, port } = rig.proxy;
  const single: Serving = { reader, edges: [{ process, port }] };
  const none = { market, connections: 1, symbolsPerStream: FEW, firstSymbol: UNWANTED } as const;
  await openStreams(single, none);
  const measure = async (
    serving: Serving,
    { load, windows = effort.repetitions }: { readonly load: Load; readonly windows?: number },
  ) => {
    const { feeder } = serving === single ? rig : cluster;
    await feeder.call("reshape", shapeOf(load.perFrame));
    await feeder.call("start", { rate: load.rate });
    await pause(WARM_UP_MS / 2);
    const readings: Reading[] = [];
    for (let i = 0; i < windows; i++) {
      readings.push(readingOf(await measureServing(serving, effort.windowMs), load.perFrame));
    }
    await feeder.call("stop");
    await pause(SETTLE_MS);
    return readings;
  };
  const found: Found[] = [];
  for (const load of LOADS[format]) {
    await openStreams(cluster, none);
    const unwanted = await measure(cluster, { load });
    const alone = await measure(single, { load });
    await openStreams(cluster, { market, connections: 1 });
    found.push({ load, unwanted, single: alone, wanted: await measure(cluster, { load }) });
  }
  const tables = [readingTable(format, found)];
  const [usual, busy] = [USUAL, BUSY].map((load) => found.find((each) => each.load === load));
  if (usual && busy) {
    await openStreams(cluster, none);
    while (cluster.edges.length < MAX_EDGES) await cluster.addEdge();
    const spread = await measure(cluster, { load: USUAL });
    tables.push(inputsTable(inputsOf({ usual: usual.unwanted, busy: busy.unwanted, spread })));
  }
  return {
    scenario,
    about: `${format} of ${SYMBOLS} symbols through hub and NATS to one edge, without a client ` +
      `of them and with one of all`,
    figures: [
      ...found.flatMap(({ load: { perFrame, rate }, unwanted, single, wanted }) => {
        const of = (what: string, unit: string, values: readonly number[]) =>
          figure(`frames of ${perFrame}, ${rate}/s: ${what}`, unit, values);
        const each = (readings: readonly Reading[], part: "hub" | "nats" | "edge") =>
          readings.map((reading) => reading[part] / reading.messages);
        return [
          of("hub", "µs", each(unwanted, "hub")),
          of("nats-server", "µs", each(unwanted, "nats")),
          of("edge, no client of them", "µs", each(unwanted, "edge")),
          of("one process, no client of them", "µs", each(single, "edge")),
          of("edge, one client of all", "µs", each(wanted, "edge")),
          of("bytes to NATS", "", unwanted.map(({ inBytes, messages }) => inBytes / messages)),
          of("batches", "per second", unwanted.map(({ batches }) => batches)),
          of("received", "messages/s", unwanted.map(({ messages }) => messages)),
        ];
      }),
      figure("load average of the machine", "", [loadavg()[0] ?? 0]),
    ],
    tables,
  };
}

function readingTable(format: FeedFormat, found: readonly Found[]) {
  return {
    title: "CPU µs and bytes per message of a feed",
    head: [
      "Feed",
      "Frames of",
      "Messages/s",
      "Batches/s",
      "Hub",
      "NATS",
      "Edge, no client",
      "One process, no client",
      "Edge, one client of all",
      "Bytes to NATS",
      "To an edge",
    ],
    rows: found.map(({ load, unwanted, single, wanted }) => {
      const each = (readings: readonly Reading[], of: (reading: Reading) => number) =>
        short(median(readings, (reading) => of(reading) / reading.messages));
      return [
        format === "json" ? "Stocks, JSON" : "Options, MessagePack",
        String(load.perFrame),
        Math.round(median(unwanted, ({ messages }) => messages) / 1_000) + " k",
        short(Math.round(median(unwanted, ({ batches }) => batches))),
        each(unwanted, ({ hub }) => hub),
        each(unwanted, ({ nats }) => nats),
        each(unwanted, ({ edge }) => edge),
        each(single, ({ edge }) => edge),
        each(wanted, ({ edge }) => edge),
        each(unwanted, ({ inBytes }) => inBytes),
        each(unwanted, ({ outBytes }) => outBytes),
      ];
    }),
  };
}

/**
 * CPU µs of a message that a process reads and skips, or publishes, when nothing waits: see
 * `cluster-choices`. What is measured with pauses cannot cost less.
 */
const LEAST_MICROS = 0.18;

/**
 * Costs per batch and per message, of which the costs of two loads are the sum.
 *
 * @param least of a message: noise can make the difference between the loads smaller
 */
export function splitCost(
  some: { readonly micros: number; readonly batches: number; readonly messages: number },
  more: { readonly micros: number; readonly batches: number; readonly messages: number },
  least = LEAST_MICROS,
): { readonly perBatch: number; readonly perMessage: number } {
  const determinant = some.batches * more.messages - more.batches * some.messages;
  const perBatch = (some.micros * more.messages - more.micros * some.messages) / determinant;
  const perMessage = (some.batches * more.micros - more.batches * some.micros) / determinant;
  if (perMessage >= least) return { perBatch, perMessage };
  return { perBatch: (some.micros - least * some.messages) / some.batches, perMessage: least };
}

/** @param windows.spread the usual load with three edges */
function inputsOf(
  { usual, busy, spread }: Readonly<Record<"usual" | "busy" | "spread", readonly Reading[]>>,
) {
  const cost = (part: "hub" | "edge") => {
    const [some, more] = [usual, busy].map((readings) => ({
      micros: median(readings, (reading) => reading[part]),
      batches: median(readings, ({ batches }) => batches),
      messages: median(readings, ({ messages }) => messages),
    }));
    return some && more ? splitCost(some, more) : { perBatch: NaN, perMessage: NaN };
  };
  const hub = cost("hub");
  const edge = cost("edge");
  const natsOf = (readings: readonly Reading[]) =>
    median(readings, ({ nats, batches }) => nats / batches);
  const natsOut = Math.max(0, (natsOf(spread) - natsOf(usual)) / (MAX_EDGES - 1));
  return {
    maxBatches: median(busy, ({ batches }) => batches),
    hubBatchMicros: hub.perBatch,
    hubMicros: hub.perMessage,
    natsInMicros: Math.max(0, natsOf(usual) - natsOut),
    natsOutMicros: natsOut,
    edgeBatchMicros: edge.perBatch,
    readMicros: edge.perMessage,
    upstreamBytes: median(usual, ({ outBytes, messages }) => outBytes / messages),
    edgeMib: median(usual, ({ edgeRss }) => edgeRss) / 2 ** 20,
  };
}

/** Both encodings. */
export const clusterReading: Scenario = {
  name: "cluster-reading",
  run: async (effort) => [await read("json", effort), await read("msgpack", effort)],
};
