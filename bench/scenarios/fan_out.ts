/**
 * Sends every message to every client, with one connection per client.
 *
 * @module
 */
import { figure, type ScenarioResult } from "../report/result.ts";
import { Floor, Rig, type Window } from "../rig.ts";
import {
  alternate,
  batchSize,
  cores,
  cpuPerMessage,
  type Effort,
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
  readonly naive?: boolean;
  /** Whether every message carries its metadata. */
  readonly meta?: boolean;
  /** Largest batch delay of busy streams, in ms. */
  readonly heldMs?: number;
}

/** Measures one number of clients and the floor. */
async function fanOut(
  { clients, naive = false, meta = false, heldMs = 0 }: FanOut,
  effort: Effort,
): Promise<ScenarioResult> {
  const perFrame = Math.max(
    1,
    Math.round(DELIVERIES / clients * CADENCE_MS / 1000),
  );
  const rate = perFrame * 1000 / CADENCE_MS;
  await using rig = await Rig.start({
    format: "json",
    perFrame,
    symbols: 1_000,
    naive,
    env: { STREAM_PROXY_MAX_BATCH_DELAY_MS: String(heldMs) },
  });
  await using floor = await Floor.start();
  const streams = {
    market: "stock",
    connections: clients,
    streamsPerConnection: 1,
  } as const;
  await rig.proxy.open({ ...streams, meta });
  await floor.lane.open(streams);
  const proxied = {
    lane: rig.proxy,
    start: () => rig.startFeed(rate),
    stop: () => rig.stopFeed(),
  };
  const raw = {
    lane: floor.lane,
    start: (proxied?: Window) => {
      const batch = Math.round(proxied ? batchSize(proxied) : perFrame);
      return floor.startFeed({ batch, everyMs: 1000 * batch / rate });
    },
    stop: () => floor.stopFeed(),
  };
  await measure(proxied, WARM_UP_MS);
  await measure(raw, WARM_UP_MS / 2);
  const rounds = await alternate([proxied, raw], effort);
  const [proxy, floors] = [
    rounds.map(({ first }) => first),
    rounds.map(({ second }) => second),
  ];
  await rig.untilDrained();
  const { dropped } = await rig.counts();
  const use = await rig.proxy.usage();
  return {
    scenario: `fan-out-${clients}${naive ? "-naive" : ""}${meta ? "-meta" : ""}` +
      (heldMs > 0 ? `-held-${heldMs}` : ""),
    about: `${clients} connections × ${rate} messages/s, a frame of ` +
      `${perFrame} every ${CADENCE_MS} ms` +
      (naive ? ", one write per message, encoded per client" : "") +
      (heldMs > 0 ? `, held for up to ${heldMs} ms` : ""),
    figures: [
      figure("CPU per delivered message", "µs", proxy.map(cpuPerMessage)),
      figure("floor, same batches", "µs", floors.map(cpuPerMessage)),
      figure(
        "ratio to the floor",
        "×",
        rounds.map(({ first, second }) => cpuPerMessage(first) / cpuPerMessage(second)),
        { text: "≤ 1.5", met: (ratio) => ratio <= 1.5 },
      ),
      figure("delivered", "messages/s", proxy.map(perSecond)),
      figure("floor delivered", "messages/s", floors.map(perSecond)),
      figure("messages per write", "", proxy.map(batchSize)),
      figure("floor: messages per write", "", floors.map(batchSize)),
      figure("cores used by the proxy", "", proxy.map(cores)),
      figure("lost by queues", "messages", [dropped]),
      figure("peak RSS", "MiB", [use.peakRss / 2 ** 20]),
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
