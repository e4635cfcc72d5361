/**
 * Latency from the feeder's write to the reader's read, before and after a burst.
 *
 * @module
 */
import { figure, type ScenarioResult } from "../report/result.ts";
import type { Latency } from "../reader_plan.ts";
import { pause, Rig } from "../rig.ts";
import { type Effort, type Scenario, WARM_UP_MS } from "./scenario.ts";

const CLIENTS = 10;
const RATE = 20_000;
const PER_FRAME = 20;
/** Length and number of latency samples after a burst. */
const SAMPLE_MS = 100;
const SAMPLES = 60;
const CALM_MICROS = 5_000;
/** A sample with fewer messages has seen a backlog. */
const MIN_MESSAGES = 0.8 * CLIENTS * RATE * SAMPLE_MS / 1000;
/** Calm samples in a row that end the wait. */
const CALM_SAMPLES = 2;
/** Target: a second after the burst, which should take 100 ms. */
const BACK_MS = 100 + 1_000;

/** Measurements of one repetition. */
interface Repetition {
  readonly before: Latency;
  /** p99 of each sample after the burst, µs. */
  readonly after: readonly number[];
  /** From the start of the burst until p99 stayed under 5 ms again, ms. */
  readonly backAfterMs: number;
}

async function measureBurst(
  rig: Rig,
  burst: number,
  ms: number,
): Promise<Repetition> {
  await rig.startFeed(RATE);
  await pause(500);
  await rig.proxy.latencies();
  await pause(ms);
  const before = await rig.proxy.latencies();
  const start = performance.now();
  // Not awaited: a burst that takes longer than it should is part of the result.
  const sent = rig.feeder.call("burst", { quotes: burst });
  const after: number[] = [];
  let backAfterMs = Infinity;
  let calmSince = Infinity;
  for (let calm = 0; after.length < SAMPLES && calm < CALM_SAMPLES;) {
    const from = performance.now() - start;
    await pause(SAMPLE_MS);
    const { p99, samples } = await rig.proxy.latencies();
    after.push(p99);
    if (samples < MIN_MESSAGES || p99 >= CALM_MICROS) calm = 0;
    else if (calm++ === 0) calmSince = from;
    if (calm === CALM_SAMPLES) backAfterMs = calmSince;
  }
  await sent;
  await rig.stopFeed();
  await rig.untilDrained();
  return { before, after, backAfterMs };
}

async function latency(
  burst: number,
  { repetitions, windowMs }: Effort,
): Promise<ScenarioResult> {
  await using rig = await Rig.start({
    format: "json",
    perFrame: PER_FRAME,
    symbols: 2_000,
  });
  await rig.proxy.open({
    market: "stock",
    connections: CLIENTS,
    streamsPerConnection: 1,
  });
  await rig.untilSubscribed(1);
  await rig.startFeed(RATE);
  await pause(WARM_UP_MS);
  const repetitionsDone: Repetition[] = [];
  for (let i = 0; i < repetitions; i++) {
    repetitionsDone.push(await measureBurst(rig, burst, windowMs));
  }
  const { sent } = await rig.stopFeed();
  await rig.untilDrained();
  const got = await rig.proxy.received();
  const { dropped, received } = await rig.counts();
  const use = await rig.proxy.usage();
  const ms = (pick: (latency: Latency) => number) =>
    repetitionsDone.map(({ before }) => pick(before) / 1000);
  return {
    scenario: `latency-${burst / 1000}k`,
    about: `${RATE} messages/s to ${CLIENTS} clients, then a burst of ${burst}`,
    figures: [
      figure("p50 before", "ms", ms(({ p50 }) => p50)),
      figure("p99 before", "ms", ms(({ p99 }) => p99), {
        text: "≤ 2",
        met: (p99) => p99 <= 2,
      }),
      figure("p99.9 before", "ms", ms(({ p999 }) => p999)),
      figure("max before", "ms", ms(({ max }) => max)),
      figure(
        "largest p99 after the burst",
        "ms",
        repetitionsDone.map(({ after }) => Math.max(...after) / 1000),
      ),
      figure(
        "p99 under 5 ms again, from the burst's start",
        "ms",
        repetitionsDone.map(({ backAfterMs }) => backAfterMs),
        { text: `≤ ${BACK_MS}`, met: (back) => back <= BACK_MS },
      ),
      figure("lost by queues", "messages", [dropped], {
        text: "0",
        met: (lost) => lost === 0,
      }),
      figure("unaccounted for", "messages", [
        sent * CLIENTS - got.messages - dropped,
      ], { text: "0", met: (rest) => rest === 0 }),
      figure("not received", "messages", [sent - received]),
      figure("peak RSS", "MiB", [use.peakRss / 2 ** 20]),
    ],
  };
}

/** A burst of 200 000 messages, and one of a tenth of that. */
export const latencies: Scenario = {
  name: "latency",
  run: async (effort) => [
    await latency(20_000, effort),
    await latency(200_000, effort),
  ],
};
