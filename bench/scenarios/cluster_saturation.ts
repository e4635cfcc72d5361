/**
 * The load at which a single process and a cluster of one to three edges fall behind. All processes
 * share the cores of the machine with feeder and clients, so three edges can carry no more than the
 * machine: the cores that each part uses then show what limits.
 *
 * @module
 */
import { Cluster, ENV } from "../cluster/cluster.ts";
import { inputsTable } from "../cluster/model_inputs.ts";
import { natsMissing } from "../cluster/nats_process.ts";
import {
  busiestEdge,
  cpuOfAll,
  measureServing,
  openStreams,
  type Serving,
  type ServingWindow,
  written,
} from "../cluster/serving.ts";
import type { Remote } from "../control.ts";
import { figure, type ScenarioResult } from "../report/result.ts";
import { short } from "../report/spread.ts";
import { pause, Rig } from "../rig.ts";
import { leftOut } from "./cluster_fan_out.ts";
import { type Effort, type Scenario, WARM_UP_MS } from "./scenario.ts";

const PER_FRAME = 8;
const CONNECTIONS = 1_000;
const MAX_EDGES = 3;
/** By which factor the load of each step is larger. */
const STEP = 1.5;
const MAX_STEPS = 9;
const SETTLE_MS = 700;
/** A load is carried if this share of it arrives, and the delay stays below a bound. */
const MIN_SHARE = 0.97;
const MAX_P99_MICROS = 1_000_000;

/** What each client receives. */
interface Pattern {
  readonly name: string;
  readonly title: string;
  /** 0 for all. */
  readonly symbolsPerStream: number;
  /** Deliveries per second of the first step. */
  readonly first: number;
  /** Clients that receive one message. */
  readonly receivers: number;
}

const EVERY: Pattern = {
  name: "every",
  title: "Every message",
  symbolsPerStream: 0,
  first: 40_000,
  receivers: CONNECTIONS,
};
const FEW: Pattern = {
  name: "few",
  title: "Its 10 symbols",
  symbolsPerStream: 10,
  first: 9_000,
  receivers: 1,
};

/** The largest load that was carried. */
interface Best {
  readonly offered: number;
  readonly window: ServingWindow;
}

/** Processes, and the feeder that sends to them. */
interface Side {
  readonly serving: Serving;
  readonly feeder: Remote;
}

async function findBest(
  { serving, feeder }: Side,
  { first, receivers }: Pattern,
  windowMs: number,
): Promise<Best | undefined> {
  await feeder.call("start", { rate: first / receivers });
  await pause(WARM_UP_MS);
  const attempt = async (offered: number): Promise<Best | undefined> => {
    await feeder.call("start", { rate: offered / receivers });
    await pause(SETTLE_MS);
    const window = await measureServing(serving, windowMs);
    await feeder.call("stop");
    const isCarried = window.delivered >= MIN_SHARE * offered &&
      window.latency.p99 <= MAX_P99_MICROS;
    await pause(isCarried ? SETTLE_MS / 2 : 3 * SETTLE_MS);
    return isCarried ? { offered, window } : undefined;
  };
  let best: Best | undefined;
  for (let step = 0, offered = first; step < MAX_STEPS; step++, offered *= STEP) {
    // Twice: other load on the machine can delay one window.
    const carried = await attempt(offered) ?? await attempt(offered);
    if (!carried) break;
    best = carried;
  }
  return best;
}

/** Cores that all processes which serve use together. */
function coresOf(window: ServingWindow): number {
  return cpuOfAll(window) * written(window) / 1e6;
}

/** The largest load of a single process, and of clusters. */
type Found = readonly { readonly name: string; readonly best: Best | undefined }[];

async function saturate(pattern: Pattern, windowMs: number): Promise<Found> {
  const { symbolsPerStream } = pattern;
  const streams = { connections: CONNECTIONS, symbolsPerStream };
  const shape = { format: "json", perFrame: PER_FRAME, symbols: 10 * CONNECTIONS } as const;
  const found: { name: string; best: Best | undefined }[] = [];
  {
    await using rig = await Rig.start({ ...shape, env: ENV });
    const { server: process, reader, port } = rig.proxy;
    const serving = { reader, edges: [{ process, port }] };
    await openStreams(serving, streams);
    await rig.untilSubscribed(Math.max(1, CONNECTIONS * symbolsPerStream));
    const best = await findBest({ serving, feeder: rig.feeder }, pattern, windowMs);
    found.push({ name: "One process", best });
  }
  await using cluster = await Cluster.start(shape);
  for (let edges = 1; edges <= MAX_EDGES; edges++) {
    if (edges > 1) await cluster.addEdge();
    await openStreams(cluster, streams);
    const best = await findBest({ serving: cluster, feeder: cluster.feeder }, pattern, windowMs);
    found.push({ name: edges === 1 ? "1 edge" : `${edges} edges`, best });
  }
  return found;
}

function resultOf({ name, title }: Pattern, found: Found): ScenarioResult {
  const carried = found.flatMap(({ name, best }) => best ? [{ name, ...best }] : []);
  return {
    scenario: `cluster-saturation-${name}`,
    about: `${CONNECTIONS} connections, each receives ${title.toLowerCase()}, frames of ` +
      `${PER_FRAME}: the largest load of which 97 % arrived, with a p99 below a second`,
    figures: carried.flatMap(({ name, offered, window }) => [
      figure(`${name}: carried`, "messages/s", [offered]),
      figure(`${name}: cores of all that serve`, "", [coresOf(window)]),
      figure(`${name}: cores of the busiest`, "", [busiestEdge(window)]),
      figure(`${name}: CPU per delivered message`, "µs", [cpuOfAll(window)]),
    ]),
    tables: [{
      title: "Largest load that is carried",
      head: [
        "Each of 1,000 receives",
        "Who serves",
        "Deliveries/s",
        "Cores of all that serve",
        "Cores of the busiest process for clients",
        "CPU µs per delivery",
        "p99, ms",
        "Deliveries/s with a whole core for the busiest",
      ],
      rows: found.map(({ name, best }) => {
        if (!best) return [title, name, "none of the steps", "", "", "", "", ""];
        const { offered, window } = best;
        return [
          title,
          name,
          short(offered),
          short(coresOf(window)),
          short(busiestEdge(window)),
          short(cpuOfAll(window)),
          short(window.latency.p99 / 1e3),
          short(offered / busiestEdge(window)),
        ];
      }),
    }],
  };
}

/** Every message, and few symbols. */
export const clusterSaturation: Scenario = {
  name: "cluster-saturation",
  run: async ({ windowMs }: Effort) => {
    const missing = await natsMissing();
    if (missing) return [leftOut("cluster-saturation", missing)];
    const every = await saturate(EVERY, windowMs);
    const few = await saturate(FEW, windowMs);
    const last = resultOf(FEW, few);
    // Of the single process: an edge has as many writes per turn of the event loop when it is busy.
    const best = few[0]?.best;
    const inputs = best ? [inputsTable({ fewMicros: cpuOfAll(best.window) })] : [];
    return [
      resultOf(EVERY, every),
      { ...last, tables: [...last.tables ?? [], ...inputs] },
    ];
  },
};
