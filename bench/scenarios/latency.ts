/**
 * From the feeder's send to the reader's receive, before, during and after a
 * burst.
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
/** One look at the latencies after a burst, in ms. */
const LOOK_MS = 100;
const LOOKS = 60;
const CALM_MICROS = 5_000;
/** A look that saw fewer messages than this has seen a backlog, not calm. */
const FEWEST = 0.8 * CLIENTS * RATE * LOOK_MS / 1000;
/** Calm looks in a row before it counts as calm. */
const CALM_LOOKS = 2;
/** The burst is meant to take 100 ms; a second after that all is calm. */
const BACK_MS = 100 + 1_000;

/** What one repetition saw. */
interface Story {
  readonly before: Latency;
  /** p99 of each look after the burst, µs. */
  readonly after: readonly number[];
  /** From the start of the burst until p99 stayed under 5 ms again, ms. */
  readonly backAfterMs: number;
}

async function tell(rig: Rig, burst: number, ms: number): Promise<Story> {
  await rig.feed(RATE);
  await pause(500);
  await rig.proxy.latencies();
  await pause(ms);
  const before = await rig.proxy.latencies();
  const start = performance.now();
  // Not waited for: it may take longer than it should, which is not calm.
  const sent = rig.feeder.call("burst", { quotes: burst });
  const after: number[] = [];
  let backAfterMs = Infinity;
  let calmSince = Infinity;
  for (let calm = 0; after.length < LOOKS && calm < CALM_LOOKS;) {
    const from = performance.now() - start;
    await pause(LOOK_MS);
    const { p99, samples } = await rig.proxy.latencies();
    after.push(p99);
    if (samples < FEWEST || p99 >= CALM_MICROS) calm = 0;
    else if (calm++ === 0) calmSince = from;
    if (calm === CALM_LOOKS) backAfterMs = calmSince;
  }
  await sent;
  await rig.rest();
  await rig.drained();
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
  await rig.subscribed(1);
  await rig.feed(RATE);
  await pause(WARM_UP_MS);
  const stories: Story[] = [];
  for (let i = 0; i < repetitions; i++) {
    stories.push(await tell(rig, burst, windowMs));
  }
  const { sent } = await rig.rest();
  await rig.drained();
  const got = await rig.proxy.got();
  const { dropped, received } = await rig.counts();
  const use = await rig.proxy.use();
  const ms = (pick: (latency: Latency) => number) =>
    stories.map(({ before }) => pick(before) / 1000);
  return {
    scenario: `latency-${burst / 1000}k`,
    about: `${RATE} messages/s to ${CLIENTS} clients, then ${burst} at once`,
    figures: [
      figure("p50 before", "ms", ms(({ p50 }) => p50)),
      figure("p99 before", "ms", ms(({ p99 }) => p99), {
        text: "≤ 2",
        met: (p99) => p99 <= 2,
      }),
      figure("p99.9 before", "ms", ms(({ p999 }) => p999)),
      figure("max before", "ms", ms(({ max }) => max)),
      figure(
        "p99 in the worst look after the burst",
        "ms",
        stories.map(({ after }) => Math.max(...after) / 1000),
      ),
      figure(
        "p99 back under 5 ms, from the burst's start",
        "ms",
        stories.map(({ backAfterMs }) => backAfterMs),
        { text: `≤ ${BACK_MS}`, met: (back) => back <= BACK_MS },
      ),
      figure("lost by queues", "messages", [dropped], {
        text: "0",
        met: (lost) => lost === 0,
      }),
      figure("unaccounted for", "messages", [
        sent * CLIENTS - got.messages - dropped,
      ], { text: "0", met: (rest) => rest === 0 }),
      figure("not taken in", "messages", [sent - received]),
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
