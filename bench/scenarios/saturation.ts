/**
 * One stream of all symbols, fed as fast as the proxy reads.
 *
 * @module
 */
import { figure } from "../report/result.ts";
import { Floor, Rig } from "../rig.ts";
import {
  alternate,
  batchSize,
  cores,
  cpuPerMessage,
  framesPerSecond,
  measure,
  perSecond,
  type Scenario,
  WARM_UP_MS,
} from "./scenario.ts";

/** Quotes per upstream frame, as in a busy feed. */
const PER_FRAME = 50;
/**
 * Messages per write of the floor: what a busy proxy batches at least. The batch
 * size of the proxy would lower the floor when the proxy batches badly.
 */
const FLOOR_BATCH = 512;
/** Targets: messages per second, or share of the floor. */
const ENOUGH = 300_000;
const SHARE = 0.5;

const ALL = {
  market: "stock",
  connections: 1,
  streamsPerConnection: 1,
} as const;

/** The scenario. */
export const saturation: Scenario = {
  name: "saturation",
  async run(effort) {
    await using rig = await Rig.start({
      format: "json",
      perFrame: PER_FRAME,
      symbols: 5_000,
    });
    await using floor = await Floor.start();
    await rig.proxy.open(ALL);
    await floor.lane.open(ALL);
    await rig.untilSubscribed(1);
    const proxied = {
      lane: rig.proxy,
      start: () => rig.startFeed(0),
      stop: () => rig.stopFeed(),
    };
    const raw = {
      lane: floor.lane,
      start: () => floor.startFeed({ batch: FLOOR_BATCH, everyMs: 0 }),
      stop: () => floor.stopFeed(),
    };
    await measure(proxied, WARM_UP_MS);
    await measure(raw, WARM_UP_MS / 2);
    const start = await rig.counts();
    const rounds = await alternate([proxied, raw], effort);
    await rig.untilDrained();
    const end = await rig.counts();
    const received = end.received - start.received;
    const dropped = end.dropped - start.dropped;
    const use = await rig.proxy.usage();
    const proxy = rounds.map(({ first }) => first);
    const floors = rounds.map(({ second }) => second);
    const ratios = rounds.map(({ first, second }) => perSecond(first) / perSecond(second));
    const share = figure("share of the floor", "×", ratios);
    const delivered = figure("delivered", "messages/s", proxy.map(perSecond), {
      text: "≥ 300 k, or ≥ 0.5 × the floor",
      met: (median) => median >= ENOUGH || share.value.median >= SHARE,
    });
    return [{
      scenario: "saturation",
      about: `one stream, all symbols, frames of ${PER_FRAME}, fed without pause`,
      figures: [
        delivered,
        figure(
          "received meanwhile",
          "messages/s",
          proxy.map((window) => PER_FRAME * framesPerSecond(window)),
        ),
        figure(
          `floor, ${FLOOR_BATCH} per write`,
          "messages/s",
          floors.map(perSecond),
        ),
        share,
        figure("CPU per delivered message", "µs", proxy.map(cpuPerMessage)),
        figure("floor", "µs", floors.map(cpuPerMessage)),
        figure("cores used by the proxy", "", proxy.map(cores)),
        figure("messages per write", "", proxy.map(batchSize)),
        figure("lost by the queue", "% of received", [
          100 * dropped / received,
        ]),
        figure("peak RSS", "MiB", [use.peakRss / 2 ** 20]),
      ],
    }];
  },
};
