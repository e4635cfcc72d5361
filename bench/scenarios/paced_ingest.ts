/**
 * Cost of messages that no stream asks for when each frame arrives alone, beside a flood, in which
 * a wake-up of the event loop reads many frames.
 *
 * @module
 */
import { pause, Rig } from "../rig.ts";
import type { Remote } from "../control.ts";
import type { ProcessUse } from "../process_use.ts";
import { Reference } from "../reference.ts";
import { comparison } from "../report/comparison.ts";
import { figure, type ScenarioResult } from "../report/result.ts";
import { startRelay } from "../websocket/lanes.ts";
import { referenceNote } from "./reference_figures.ts";
import { type Effort, type Scenario, SETTLE_MS, WARM_UP_MS } from "./scenario.ts";

/** Messages per second of the paced feed. */
const RATE = 100_000;
const SYMBOLS = 1_000;
const FRAME_SIZES = [10, 50];

/** A process that receives a feed. */
interface Receiver {
  readonly server: Remote;
  start(rate: number): Promise<unknown>;
  stop(): Promise<unknown>;
}

/** What a window cost. */
interface Ingested {
  readonly messages: number;
  readonly seconds: number;
  readonly cpuMicros: number;
}

const cpuEach = ({ cpuMicros, messages }: Ingested) => cpuMicros / Math.max(1, messages);
const perSecond = ({ messages, seconds }: Ingested) => messages / seconds;

async function ingest(
  { server, start, stop }: Receiver,
  { rate, perFrame, ms }: { rate: number; perFrame: number; ms: number },
): Promise<Ingested> {
  await start(rate);
  await pause(SETTLE_MS);
  const before = await server.call<ProcessUse>("use");
  await pause(ms);
  const after = await server.call<ProcessUse>("use");
  await stop();
  await pause(SETTLE_MS / 2);
  return {
    messages: (after.frames - before.frames) * perFrame,
    seconds: (after.at - before.at) / 1000,
    cpuMicros: after.cpuMicros - before.cpuMicros,
  };
}

async function pacedIngest(perFrame: number, effort: Effort): Promise<ScenarioResult> {
  const shape = { format: "json", perFrame, symbols: SYMBOLS } as const;
  await using made = new AsyncDisposableStack();
  const reference = made.use(await Reference.start(shape));
  const rig = made.use(await Rig.start(shape));
  const relay = await startRelay(perFrame);
  made.use(relay.feeder);
  made.use(relay.server);
  // A stream of the same channel, whose symbols have no quotes.
  await rig.proxy.open({
    market: "quiet",
    connections: 1,
    streamsPerConnection: 1,
    symbolsPerStream: 1,
  });
  await rig.untilSubscribed(1);
  const proxy: Receiver = {
    server: rig.proxy.server,
    start: (rate) => rig.startFeed(rate),
    stop: () => rig.stopFeed(),
  };
  const library: Receiver = {
    server: relay.server,
    start: (rate) => relay.feeder.call("start", { rate }),
    stop: () => relay.feeder.call("stop"),
  };
  const go: Receiver | undefined = reference && {
    server: reference.lane.server,
    start: (rate) => reference.startFeed(rate),
    stop: () => reference.stopFeed(),
  };
  const paced = { rate: RATE, perFrame };
  const flood = { rate: 0, perFrame };
  await ingest(proxy, { ...flood, ms: WARM_UP_MS });
  for (const receiver of go ? [proxy, library, go] : [proxy, library]) {
    await ingest(receiver, { ...paced, ms: WARM_UP_MS / 2 });
  }
  const rounds: { paced: Ingested; flood: Ingested; library: Ingested; go?: Ingested }[] = [];
  const ms = effort.windowMs;
  for (let i = 0; i < effort.repetitions; i++) {
    rounds.push({
      paced: await ingest(proxy, { ...paced, ms }),
      flood: await ingest(proxy, { ...flood, ms }),
      library: await ingest(library, { ...paced, ms }),
      ...go ? { go: await ingest(go, { ...paced, ms }) } : {},
    });
  }
  const withGo = rounds.flatMap(({ paced, go }) => go ? [{ paced, go }] : []);
  return {
    scenario: `paced-ingest-${perFrame}`,
    about: `${RATE} messages/s that no stream asks for, a frame of ${perFrame} every ` +
      `${1000 * perFrame / RATE} ms`,
    figures: [
      figure("CPU per message", "µs", rounds.map(({ paced }) => cpuEach(paced))),
      figure("CPU per frame", "µs", rounds.map(({ paced }) => perFrame * cpuEach(paced))),
      figure("fed without pause: CPU per message", "µs", rounds.map(({ flood }) => cpuEach(flood))),
      figure(
        "ratio of paced to flood",
        "×",
        rounds.map(({ paced, flood }) => cpuEach(paced) / cpuEach(flood)),
      ),
      figure(
        "the library alone, frames unread",
        "µs",
        rounds.map(({ library }) => cpuEach(library)),
      ),
      figure(
        "ratio to the library",
        "×",
        rounds.map(({ paced, library }) => cpuEach(paced) / cpuEach(library)),
      ),
      ...withGo.length === 0 ? [] : [
        figure("Go", "µs", withGo.map(({ go }) => cpuEach(go))),
        figure("ratio to Go", "×", withGo.map(({ paced, go }) => cpuEach(paced) / cpuEach(go))),
      ],
      figure("taken in", "messages/s", rounds.map(({ paced }) => perSecond(paced))),
      figure("taken in without pause", "messages/s", rounds.map(({ flood }) => perSecond(flood))),
    ],
    notes: [await referenceNote()],
    tables: [
      comparison(`paced-ingest-${perFrame}`, {
        proxy: rounds.map(({ paced }) => cpuEach(paced)),
        floor: rounds.map(({ library }) => cpuEach(library)),
        go: withGo.map(({ go }) => cpuEach(go)),
      }),
      comparison(`paced-ingest-${perFrame}, without pause`, {
        proxy: rounds.map(({ flood }) => cpuEach(flood)),
        floor: [],
        go: [],
      }),
    ],
  };
}

/** Small frames and those of a busy feed. */
export const pacedIngests: readonly Scenario[] = FRAME_SIZES.map((perFrame) => ({
  name: `paced-ingest-${perFrame}`,
  run: async (effort) => [await pacedIngest(perFrame, effort)],
}));
