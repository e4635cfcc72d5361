/**
 * Cost of decoding and publishing compared with a bare decoder.
 *
 * @module
 */
import { Remote } from "../control.ts";
import type { FeedFormat } from "../feed/frame_pool.ts";
import { figure, type ScenarioResult } from "../report/result.ts";
import { Rig } from "../rig.ts";
import { type Effort, measure, type Scenario, WARM_UP_MS } from "./scenario.ts";

const PER_FRAME = 50;
const SYMBOLS = 5_000;

/** Messages and their cost. */
interface Decoded {
  readonly messages: number;
  readonly cpuMicros: number;
  readonly ms: number;
}

const cpuEach = ({ cpuMicros, messages }: Decoded) => cpuMicros / messages;
const perSecond = ({ messages, ms }: Decoded) => 1000 * messages / ms;

async function ingestWindow(rig: Rig, ms: number): Promise<Decoded> {
  const load = {
    lane: rig.proxy,
    start: () => rig.startFeed(0),
    stop: () => rig.stopFeed(),
  };
  const { server } = await measure(load, ms);
  return {
    messages: server.frames * PER_FRAME,
    cpuMicros: server.cpuMicros,
    ms: 1000 * server.seconds,
  };
}

interface Ingest {
  readonly format: FeedFormat;
  readonly listeners: 0 | 1;
  readonly aim: number;
}

async function ingest(
  { format, listeners, aim }: Ingest,
  { repetitions, windowMs }: Effort,
): Promise<ScenarioResult> {
  const shape = { format, perFrame: PER_FRAME, symbols: SYMBOLS };
  await using rig = await Rig.start(shape);
  await using bare = new Remote("floor.ts", {
    flags: ["--allow-net=127.0.0.1", "--allow-env"],
  });
  if (listeners > 0) {
    await rig.proxy.open({
      market: format === "json" ? "stock" : "option",
      connections: 1,
      streamsPerConnection: 1,
    });
  }
  await ingestWindow(rig, WARM_UP_MS);
  const rounds: { proxy: Decoded; floor: Decoded }[] = [];
  for (let i = 0; i < repetitions; i++) {
    const proxy = await ingestWindow(rig, windowMs);
    const decode = { ...shape, ms: windowMs };
    rounds.push({ proxy, floor: await bare.call("decode", decode) });
  }
  const proxy = rounds.map((round) => round.proxy);
  const floor = rounds.map((round) => round.floor);
  const decoder = format === "json" ? "JSON.parse" : "MessagePack decode";
  const who = listeners === 0 ? "no listener" : "one wildcard listener";
  return {
    scenario: `ingest-${format}-${listeners}`,
    about: `${who}, frames of ${PER_FRAME}, fed without pause`,
    figures: [
      figure("CPU per message", "µs", proxy.map(cpuEach)),
      figure(`bare ${decoder}`, "µs", floor.map(cpuEach)),
      figure(
        "speed against the bare decoder, by CPU time",
        "×",
        rounds.map(({ proxy, floor }) => cpuEach(floor) / cpuEach(proxy)),
        { text: `≥ ${aim}`, met: (share) => share >= aim },
      ),
      figure(
        "the same by the clock",
        "×",
        rounds.map(({ proxy, floor }) => perSecond(proxy) / perSecond(floor)),
      ),
      figure("taken in", "messages/s", proxy.map(perSecond)),
      figure(`bare ${decoder}`, "messages/s", floor.map(perSecond)),
    ],
  };
}

const NO_LISTENER = 0.6;
const ONE_LISTENER = 0.35;

/** Both encodings, without and with a listener. */
export const ingests: readonly Scenario[] = (["json", "msgpack"] as const).map(
  (format) => ({
    name: `ingest-${format}`,
    run: async (effort: Effort) => [
      await ingest({ format, listeners: 0, aim: NO_LISTENER }, effort),
      await ingest({ format, listeners: 1, aim: ONE_LISTENER }, effort),
    ],
  }),
);
