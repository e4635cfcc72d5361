/**
 * The load at which a single process and a cluster of one to three edges fall behind. All processes
 * share the cores of the machine with feeder and clients, so three edges can carry no more than the
 * machine: the cores that each part uses then show what limits.
 *
 * @module
 */
import { Cluster, ENV } from "../cluster/cluster.ts";
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
const CONNECTIONS = [100, 1_000];
const MAX_EDGES = 3;
/** Deliveries per second of the first step, and by which factor each next one is larger. */
const FIRST = 20_000;
const STEP = 1.5;
const MAX_STEPS = 12;
const SETTLE_MS = 700;
/** A load is carried if this share of it arrives, and the delay stays below a bound. */
const MIN_SHARE = 0.97;
const MAX_P99_MICROS = 100_000;

/** The largest load that was carried. */
interface Best {
  readonly offered: number;
  readonly window: ServingWindow;
}

async function findBest(
  serving: Serving,
  feeder: Remote,
  { connections, windowMs }: { readonly connections: number; readonly windowMs: number },
): Promise<Best | undefined> {
  const attempt = async (offered: number): Promise<Best | undefined> => {
    await feeder.call("start", { rate: offered / connections });
    await pause(SETTLE_MS);
    const window = await measureServing(serving, windowMs);
    await feeder.call("stop");
    const isCarried = window.delivered >= MIN_SHARE * offered &&
      window.latency.p99 <= MAX_P99_MICROS;
    await pause(isCarried ? SETTLE_MS / 2 : 3 * SETTLE_MS);
    return isCarried ? { offered, window } : undefined;
  };
  let best: Best | undefined;
  for (let step = 0, offered = FIRST; step < MAX_STEPS; step++, offered *= STEP) {
    // Twice: other load on the machine can delay one window.
    const carried = await attempt(offered) ?? await attempt(offered);
    if (!carried) break;
    best = carried;
  }
  return best;
}

async function warmUp(feeder: Remote, connections: number): Promise<void> {
  await feeder.call("start", { rate: 2 * FIRST / connections });
  await pause(WARM_UP_MS);
  await feeder.call("stop");
  await pause(SETTLE_MS);
}

/** Cores that all processes which serve use together. */
function coresOf(window: ServingWindow): number {
  return cpuOfAll(window) * written(window) / 1e6;
}

async function saturate(
  connections: number,
  { windowMs }: Effort,
): Promise<ScenarioResult> {
  const scenario = `cluster-saturation-${connections}`;
  const missing = await natsMissing();
  if (missing) return leftOut(scenario, missing);
  const shape = { format: "json", perFrame: PER_FRAME, symbols: 1_000 } as const;
  const plan = { connections, windowMs };
  const found: { name: string; best: Best | undefined }[] = [];
  {
    await using rig = await Rig.start({ ...shape, env: ENV });
    const { server: process, reader, port } = rig.proxy;
    const serving = { reader, edges: [{ process, port }] };
    await openStreams(serving, plan);
    await rig.untilSubscribed(1);
    await warmUp(rig.feeder, connections);
    found.push({ name: "One process", best: await findBest(serving, rig.feeder, plan) });
  }
  await using cluster = await Cluster.start(shape);
  for (let edges = 1; edges <= MAX_EDGES; edges++) {
    if (edges > 1) await cluster.addEdge();
    await openStreams(cluster, plan);
    await warmUp(cluster.feeder, connections);
    const best = await findBest(cluster, cluster.feeder, plan);
    found.push({ name: edges === 1 ? "1 edge" : `${edges} edges`, best });
  }
  const carried = found.flatMap(({ name, best }) => best ? [{ name, ...best }] : []);
  return {
    scenario,
    about: `${connections} connections, every message to each, frames of ${PER_FRAME}: the ` +
      `largest load of which 97 % arrived, with a p99 below 100 ms`,
    figures: carried.flatMap(({ name, offered, window }) => [
      figure(`${name}: carried`, "messages/s", [offered]),
      figure(`${name}: cores of all that serve`, "", [coresOf(window)]),
      figure(`${name}: cores of the busiest`, "", [busiestEdge(window)]),
      figure(`${name}: CPU per delivered message`, "µs", [cpuOfAll(window)]),
    ]),
    tables: [{
      title: "Largest load that is carried",
      head: [
        "Clients",
        "Who serves",
        "Deliveries/s",
        "Cores of all that serve",
        "Cores of the busiest process for clients",
        "CPU µs per delivery",
        "p99, ms",
      ],
      rows: carried.map(({ name, offered, window }) => [
        String(connections),
        name,
        short(offered),
        short(coresOf(window)),
        short(busiestEdge(window)),
        short(cpuOfAll(window)),
        short(window.latency.p99 / 1e3),
      ]),
    }],
  };
}

/** Both numbers of connections. */
export const clusterSaturation: Scenario = {
  name: "cluster-saturation",
  run: async (effort) => {
    const results = [];
    for (const connections of CONNECTIONS) results.push(await saturate(connections, effort));
    return results;
  },
};
