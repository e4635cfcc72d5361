/**
 * Sends every message to every client, with one connection per client.
 *
 * @module
 */
import { FedFloor } from "../fed_floor.ts";
import type { PoolShape } from "../feed/frame_pool.ts";
import { Reference } from "../reference.ts";
import { comparison } from "../report/comparison.ts";
import { figure, type ScenarioResult } from "../report/result.ts";
import { Floor, Rig, type Window } from "../rig.ts";
import { referenceFigures, referenceLoad, referenceNote } from "./reference_figures.ts";
import {
  alternate,
  batchSize,
  cores,
  cpuPerMessage,
  type Effort,
  type Load,
  measure,
  perSecond,
  type Scenario,
  WARM_UP_MS,
} from "./scenario.ts";

/** Interval of upstream frames, in ms. */
const CADENCE_MS = 10;
/** Deliveries per second, for any number of clients. */
const DELIVERIES = 80_000;

/** Options of a fan-out scenario. */
interface FanOut {
  readonly clients: number;
  /** Frames of the feed. @default 80 k deliveries per second, a frame every 10 ms */
  readonly frames?: { readonly perFrame: number; readonly everyMs: number };
  readonly naive?: boolean;
  /** Whether every message carries its metadata. */
  readonly meta?: boolean;
  /** Largest batch delay of busy streams, in ms. */
  readonly heldMs?: number;
}

/** Name, text and frames of a scenario. */
function describe({ clients, frames, naive, meta, heldMs = 0 }: FanOut) {
  const { perFrame, everyMs } = frames ?? {
    perFrame: Math.max(1, Math.round(DELIVERIES / clients * CADENCE_MS / 1000)),
    everyMs: CADENCE_MS,
  };
  const rate = perFrame * 1000 / everyMs;
  const name = frames ? `frames-${perFrame}-to-${clients}` : `fan-out-${clients}`;
  return {
    perFrame,
    rate,
    scenario: name + (naive ? "-naive" : "") + (meta ? "-meta" : "") +
      (heldMs > 0 ? `-held-${heldMs}` : ""),
    about: `${clients} connections × ${rate} messages/s, a frame of ${perFrame} every ` +
      `${everyMs} ms` + (naive ? ", one write per message, encoded per client" : "") +
      (heldMs > 0 ? `, held for up to ${heldMs} ms` : ""),
  };
}

/** Raw HTTP/2 as a load: woken by the same frames where `isFed`, else by a timer. */
async function startFloor(
  { shape, rate, isFed }: { shape: PoolShape; rate: number; isFed: boolean },
): Promise<AsyncDisposable & { readonly load: Load }> {
  const batchOf = (proxied?: Window) => proxied ? batchSize(proxied) : shape.perFrame;
  if (isFed) {
    const floor = await FedFloor.start(shape);
    return {
      load: {
        lane: floor.lane,
        start: (proxied) => floor.startFeed({ rate, batch: batchOf(proxied) }),
        stop: () => floor.stopFeed(),
      },
      [Symbol.asyncDispose]: () => floor[Symbol.asyncDispose](),
    };
  }
  const floor = await Floor.start();
  return {
    load: {
      lane: floor.lane,
      start(proxied) {
        const batch = Math.round(batchOf(proxied));
        return floor.startFeed({ batch, everyMs: 1000 * batch / rate });
      },
      stop: () => floor.stopFeed(),
    },
    [Symbol.asyncDispose]: () => floor[Symbol.asyncDispose](),
  };
}

/** Measures one number of clients, the floor and the reference. */
async function fanOut(options: FanOut, effort: Effort): Promise<ScenarioResult> {
  const { clients, frames, naive = false, meta = false, heldMs = 0 } = options;
  const { perFrame, rate, scenario, about } = describe(options);
  const shape = { format: "json", perFrame, symbols: 1_000 } as const;
  await using reference = await Reference.start(shape);
  await using rig = await Rig.start({
    ...shape,
    naive,
    env: { STREAM_PROXY_MAX_BATCH_DELAY_MS: String(heldMs) },
  });
  await using floor = await startFloor({ shape, rate, isFed: frames !== undefined });
  const streams = {
    market: "stock",
    connections: clients,
    streamsPerConnection: 1,
  } as const;
  await rig.proxy.open({ ...streams, meta });
  await floor.load.lane.open(streams);
  await reference?.lane.open(streams);
  const proxied = {
    lane: rig.proxy,
    start: () => rig.startFeed(rate),
    stop: () => rig.stopFeed(),
  };
  const go = referenceLoad(reference, rate);
  await measure(proxied, WARM_UP_MS);
  await measure(floor.load, WARM_UP_MS / 2);
  if (go) await measure(go, WARM_UP_MS / 2);
  const rounds = await alternate([proxied, floor.load, go], effort);
  const [proxy, floors] = [
    rounds.map(({ first }) => first),
    rounds.map(({ second }) => second),
  ];
  await rig.untilDrained();
  const { dropped } = await rig.counts();
  const use = await rig.proxy.usage();
  return {
    scenario,
    about,
    figures: [
      figure("CPU per delivered message", "µs", proxy.map(cpuPerMessage)),
      figure("floor, same batches", "µs", floors.map(cpuPerMessage)),
      figure(
        "ratio to the floor",
        "×",
        rounds.map(({ first, second }) => cpuPerMessage(first) / cpuPerMessage(second)),
        // A floor that reads each frame has the cost of a wake-up too, but not that of decoding.
        frames ? undefined : { text: "≤ 1.5", met: (ratio) => ratio <= 1.5 },
      ),
      ...referenceFigures(rounds),
      figure("delivered", "messages/s", proxy.map(perSecond)),
      figure("floor delivered", "messages/s", floors.map(perSecond)),
      figure("messages per write", "", proxy.map(batchSize)),
      figure("floor: messages per write", "", floors.map(batchSize)),
      figure("cores used by the proxy", "", proxy.map(cores)),
      figure("lost by queues", "messages", [dropped]),
      figure("peak RSS", "MiB", [use.peakRss / 2 ** 20]),
    ],
    notes: [await referenceNote()],
    tables: [
      comparison(scenario, {
        proxy: proxy.map(cpuPerMessage),
        floor: floors.map(cpuPerMessage),
        go: rounds.flatMap(({ third }) => third ? [cpuPerMessage(third)] : []),
      }),
    ],
  };
}

/** All numbers of clients. */
export const fanOuts: readonly Scenario[] = [10, 50, 100, 500].map((
  clients,
) => ({
  name: `fan-out-${clients}`,
  run: async (effort: Effort) => [await fanOut({ clients }, effort)],
}));

/** Frames of other sizes: large ones to one client, and such as cause a write per message. */
export const frames: readonly Scenario[] = [
  { clients: 1, frames: { perFrame: 80, everyMs: 1 } },
  { clients: 10, frames: { perFrame: 20, everyMs: 1 } },
  { clients: 100, frames: { perFrame: 1, everyMs: 5 } },
  { clients: 10, frames: { perFrame: 1, everyMs: 0.5 } },
].map((options) => ({
  name: describe(options).scenario,
  run: async (effort: Effort) => [await fanOut(options, effort)],
}));

/** Cost of metadata on all streams, beside the same streams without it. */
export const withMeta: Scenario = {
  name: "meta",
  run: async (effort) => [
    await fanOut({ clients: 100 }, effort),
    await fanOut({ clients: 100, meta: true }, effort),
  ],
};

/** Cost without batching and without shared encoding. */
export const naive: Scenario = {
  name: "naive",
  run: async (effort) => [
    await fanOut({ clients: 10, naive: true }, effort),
    await fanOut({ clients: 100, naive: true }, effort),
  ],
};

/** Savings by fewer and larger writes. */
export const held: Scenario = {
  name: "held",
  run: async (effort) => [
    await fanOut({ clients: 100, heldMs: 50 }, effort),
    await fanOut({ clients: 500, heldMs: 50 }, effort),
  ],
};
