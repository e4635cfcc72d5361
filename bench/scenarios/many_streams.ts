/**
 * Many streams with few symbols each: cost must grow with deliveries, not with
 * streams.
 *
 * @module
 */
import { Reference } from "../reference.ts";
import { comparison } from "../report/comparison.ts";
import { figure } from "../report/result.ts";
import { Floor, pause, Rig } from "../rig.ts";
import { referenceLoad, referenceNote } from "./reference_figures.ts";
import {
  alternate,
  batchSize,
  cores,
  cpuPerMessage,
  type Effort,
  measure,
  perSecond,
  type Round,
  type Scenario,
  WARM_UP_MS,
} from "./scenario.ts";

const CONNECTIONS = 20;
const SYMBOLS = 2_000;
const RATE = 20_000;
const PER_FRAME = 20;
const QUIET_STREAMS = 5_000;

const SHAPE = {
  format: "json",
  perFrame: PER_FRAME,
  symbols: SYMBOLS,
} as const;

/** Spreads 2,000 symbols over the streams of 20 connections. */
function streamsOf(streamsPerConnection: number) {
  return {
    market: "stock",
    connections: CONNECTIONS,
    streamsPerConnection,
    symbolsPerStream: SYMBOLS / CONNECTIONS / streamsPerConnection,
  } as const;
}

function loadOf(rig: Rig) {
  return {
    lane: rig.proxy,
    start: () => rig.startFeed(RATE),
    stop: () => rig.stopFeed(),
  };
}

/** Writes one message to each of as many streams as a frame has messages. */
function floorLoadOf(floor: Floor) {
  const pace = {
    batch: 1,
    everyMs: 1000 * PER_FRAME / RATE,
    atOnce: PER_FRAME,
  };
  return {
    lane: floor.lane,
    start: () => floor.startFeed(pace),
    stop: () => floor.stopFeed(),
  };
}

/** Rounds of two references; none without them. */
async function alternateReferences(
  many: Reference | undefined,
  few: Reference | undefined,
  effort: Effort,
): Promise<Round[]> {
  const [first, second] = [referenceLoad(many, RATE), referenceLoad(few, RATE)];
  if (!first || !second) return [];
  for (const load of [first, second]) await measure(load, WARM_UP_MS / 2);
  return await alternate([first, second], effort);
}

/** 2,000 streams of one symbol and 20 streams of a hundred, on proxy and floor. */
export const manyStreams: Scenario = {
  name: "many-streams",
  async run(effort) {
    await using many = await Rig.start(SHAPE);
    await using few = await Rig.start(SHAPE);
    await using manyGo = await Reference.start(SHAPE);
    await using fewGo = await Reference.start(SHAPE);
    await using manyRaw = await Floor.start();
    await using fewRaw = await Floor.start();
    for (const { lane } of [{ lane: many.proxy }, manyRaw]) {
      await lane.open(streamsOf(SYMBOLS / CONNECTIONS));
    }
    for (const { lane } of [{ lane: few.proxy }, fewRaw]) {
      await lane.open(streamsOf(1));
    }
    await manyGo?.lane.open(streamsOf(SYMBOLS / CONNECTIONS));
    await fewGo?.lane.open(streamsOf(1));
    await Promise.all([
      many.untilSubscribed(SYMBOLS),
      few.untilSubscribed(SYMBOLS),
    ]);
    const loads = [loadOf(many), loadOf(few)] as const;
    const raws = [floorLoadOf(manyRaw), floorLoadOf(fewRaw)] as const;
    for (const load of loads) await measure(load, WARM_UP_MS);
    for (const raw of raws) await measure(raw, WARM_UP_MS / 2);
    const rounds = await alternate(loads, effort);
    const rawRounds = await alternate(raws, effort);
    const goRounds = await alternateReferences(manyGo, fewGo, effort);
    await many.untilDrained();
    const { dropped } = await many.counts();
    const first = rounds.map((round) => round.first);
    const second = rounds.map((round) => round.second);
    return [{
      scenario: "many-streams",
      about: `2 000 streams of one symbol and 20 of a hundred, on 20 ` +
        `connections, ${RATE} messages/s`,
      figures: [
        figure(
          "CPU per message, 2 000 streams",
          "µs",
          first.map(cpuPerMessage),
        ),
        figure("CPU per message, 20 streams", "µs", second.map(cpuPerMessage)),
        figure(
          "ratio",
          "×",
          rounds.map(({ first, second }) => cpuPerMessage(first) / cpuPerMessage(second)),
          { text: "≤ 1.5", met: (ratio) => ratio <= 1.5 },
        ),
        figure(
          "floor, 2 000 streams",
          "µs",
          rawRounds.map((round) => cpuPerMessage(round.first)),
        ),
        figure(
          "floor, 20 streams",
          "µs",
          rawRounds.map((round) => cpuPerMessage(round.second)),
        ),
        figure(
          "ratio of the floors",
          "×",
          rawRounds.map(({ first, second }) => cpuPerMessage(first) / cpuPerMessage(second)),
        ),
        ...goRounds.length === 0 ? [] : [
          figure("Go, 2 000 streams", "µs", goRounds.map((round) => cpuPerMessage(round.first))),
          figure("Go, 20 streams", "µs", goRounds.map((round) => cpuPerMessage(round.second))),
          figure(
            "Go delivered, 2 000 streams",
            "messages/s",
            goRounds.map((r) => perSecond(r.first)),
          ),
        ],
        figure("delivered, 2 000 streams", "messages/s", first.map(perSecond)),
        figure("delivered, 20 streams", "messages/s", second.map(perSecond)),
        figure("messages per write, 2 000 streams", "", first.map(batchSize)),
        figure("messages per write, 20 streams", "", second.map(batchSize)),
        figure("cores used, 2 000 streams", "", first.map(cores)),
        figure("cores used, 20 streams", "", second.map(cores)),
        figure("lost by queues", "messages", [dropped]),
      ],
      notes: [await referenceNote()],
      tables: (["first", "second"] as const).map((side) =>
        comparison(`many-streams, ${side === "first" ? "2 000" : "20"} streams`, {
          proxy: rounds.map((round) => cpuPerMessage(round[side])),
          floor: rawRounds.map((round) => cpuPerMessage(round[side])),
          go: goRounds.map((round) => cpuPerMessage(round[side])),
        })
      ),
    }];
  },
};

/** The same feed with 5,000 more streams whose symbols have no quotes. */
export const quietStreams: Scenario = {
  name: "quiet-streams",
  async run(effort) {
    await using alone = await Rig.start(SHAPE);
    await using beside = await Rig.start(SHAPE);
    await alone.proxy.open(streamsOf(1));
    await beside.proxy.open(streamsOf(1));
    await beside.proxy.open({
      market: "quiet",
      connections: CONNECTIONS,
      streamsPerConnection: QUIET_STREAMS / CONNECTIONS,
      symbolsPerStream: 1,
    });
    await alone.untilSubscribed(SYMBOLS);
    await beside.untilSubscribed(SYMBOLS + QUIET_STREAMS);
    const loads = [loadOf(beside), loadOf(alone)] as const;
    for (const load of loads) await measure(load, WARM_UP_MS);
    await pause(500);
    const rounds = await alternate(loads, effort);
    const first = rounds.map((round) => round.first);
    const second = rounds.map((round) => round.second);
    return [{
      scenario: "quiet-streams",
      about: `20 streams of a hundred symbols, ${RATE} messages/s, with and ` +
        `without ${QUIET_STREAMS} streams whose symbols have no quotes`,
      figures: [
        figure("CPU per message, with them", "µs", first.map(cpuPerMessage)),
        figure("without", "µs", second.map(cpuPerMessage)),
        figure(
          "ratio",
          "×",
          rounds.map(({ first, second }) => cpuPerMessage(first) / cpuPerMessage(second)),
          { text: "≤ 1.1", met: (ratio) => ratio <= 1.1 },
        ),
        figure("delivered, with them", "messages/s", first.map(perSecond)),
      ],
    }];
  },
};
