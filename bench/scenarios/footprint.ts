/**
 * Memory of the proxy, of raw HTTP/2 and of the reference: without clients, with idle streams, and
 * after a flood.
 *
 * @module
 */
import { Reference } from "../reference.ts";
import { besides } from "../report/comparison.ts";
import { figure, type ScenarioResult } from "../report/result.ts";
import { Floor, type Lane, pause, Rig } from "../rig.ts";
import { referenceNote } from "./reference_figures.ts";
import type { Effort, Scenario } from "./scenario.ts";

const STREAMS = 10_000;
const CONNECTIONS = 20;
const CLIENTS = [100, 500] as const;
const V8 = ["--v8-flags=--expose-gc"];
const SHAPE = { format: "json", perFrame: 20, symbols: 1_000 } as const;
const FLOOD_SHAPE = { ...SHAPE, perFrame: 50 };
const FLOOD_MS = 5_000;
/** Messages per write of the floor in a flood. */
const FLOOD_BATCH = 512;
/** Time after which memory of a start, and of streams that were opened, is sampled, in ms. */
const CALM_MS = 1_500;
const AFTER_FLOOD_MS = 60_000;

/** A process whose memory is measured. */
interface Subject extends AsyncDisposable {
  /** Prefix of its figures. */
  readonly prefix: string;
  readonly lane: Lane;
  startFlood(): Promise<unknown>;
  stopFlood(): Promise<unknown>;
  /** Waits until this many symbols are acknowledged, where there are any. */
  untilSubscribed?(symbols: number): Promise<void>;
}

type Start = (v8: readonly string[]) => Promise<Subject | undefined>;

const SUBJECTS: readonly Start[] = [
  async (v8) => {
    const rig = await Rig.start({ ...FLOOD_SHAPE, v8 });
    return {
      prefix: "",
      lane: rig.proxy,
      startFlood: () => rig.startFeed(0),
      stopFlood: () => rig.stopFeed(),
      untilSubscribed: (symbols) => rig.untilSubscribed(symbols),
      [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
    };
  },
  async (v8) => {
    const floor = await Floor.start(v8);
    return {
      prefix: "floor: ",
      lane: floor.lane,
      startFlood: () => floor.startFeed({ batch: FLOOD_BATCH, everyMs: 0 }),
      stopFlood: () => floor.stopFeed(),
      [Symbol.asyncDispose]: () => floor[Symbol.asyncDispose](),
    };
  },
  async () => {
    const reference = await Reference.start(FLOOD_SHAPE);
    return reference && {
      prefix: "Go: ",
      lane: reference.lane,
      startFlood: () => reference.startFeed(0),
      stopFlood: () => reference.stopFeed(),
      [Symbol.asyncDispose]: () => reference[Symbol.asyncDispose](),
    };
  },
];

/** Values of one repetition by the name of their figure. */
type Values = Record<string, { readonly value: number; readonly unit: string }>;

const mib = (bytes: number) => ({ value: bytes / 2 ** 20, unit: "MiB" });
const kib = (bytes: number) => ({ value: bytes / 1024, unit: "KiB" });

/** Values of a subject, and those that take a wait beside the other subjects. */
interface Measured {
  readonly values: Values;
  readonly later?: Promise<Values>;
}

/** Measures each subject in a process of its own, and makes figures of all repetitions. */
async function repeat(
  repetitions: number,
  measure: (subject: Subject) => Promise<Measured>,
  v8: readonly string[] = [],
): Promise<ScenarioResult["figures"]> {
  const seen = new Map<string, { unit: string; values: number[] }>();
  const add = (prefix: string, values: Values) => {
    for (const [name, { value, unit }] of Object.entries(values)) {
      const { values } = seen.get(prefix + name) ?? { values: [] };
      seen.set(prefix + name, { unit, values: [...values, value] });
    }
  };
  for (let i = 0; i < repetitions; i++) {
    await using subjects = new AsyncDisposableStack();
    const waiting: Promise<void>[] = [];
    for (const start of SUBJECTS) {
      const subject = subjects.use(await start(v8));
      if (!subject) continue;
      const { values, later } = await measure(subject);
      add(subject.prefix, values);
      if (later) waiting.push(later.then((values) => add(subject.prefix, values)));
    }
    await Promise.all(waiting);
  }
  return [...seen].map(([what, { unit, values }]) => figure(what, unit, values));
}

/** Opens idle streams with one symbol each, whose first one is number `first`. */
function open(
  lane: Lane,
  plan: { readonly connections: number; readonly each: number; readonly first: number },
): Promise<void> {
  return lane.open({
    market: "quiet",
    connections: plan.connections,
    streamsPerConnection: plan.each,
    symbolsPerStream: 1,
    firstSymbol: plan.first,
  });
}

/** Memory without clients, and with more and more idle ones. */
async function measureClients({ lane }: Subject): Promise<Measured> {
  const resident = async () => {
    await pause(CALM_MS);
    return mib((await lane.usage()).rss);
  };
  const values: Values = { "RSS without clients": await resident() };
  let opened = 0;
  for (const clients of CLIENTS) {
    await open(lane, { connections: clients - opened, each: 1, first: opened });
    opened = clients;
    values[`RSS with ${clients} clients`] = await resident();
  }
  return { values };
}

async function collected(lane: Lane) {
  for (let i = 0; i < 3; i++) {
    await lane.server.call("collect");
    await pause(200);
  }
  return await lane.usage();
}

/** Memory and time of many idle streams on few connections. */
async function measureStreams({ lane, untilSubscribed }: Subject): Promise<Measured> {
  await open(lane, { connections: 1, each: 1, first: STREAMS });
  const before = await collected(lane);
  const start = performance.now();
  await open(lane, { connections: CONNECTIONS, each: STREAMS / CONNECTIONS, first: 0 });
  const ms = performance.now() - start;
  await untilSubscribed?.(STREAMS + 1);
  const after = await collected(lane);
  const values = {
    "RSS per stream": kib((after.rss - before.rss) / STREAMS),
    "heap per stream": kib((after.heapUsed - before.heapUsed) / STREAMS),
    "RSS with them": mib(after.rss),
    "RSS before": mib(before.rss),
    "to open them all": { value: ms, unit: "ms" },
  };
  return { values };
}

/** Memory after a flood to one stream, and a minute later. */
async function measureFlood({ lane, startFlood, stopFlood }: Subject): Promise<Measured> {
  await lane.open({ market: "stock", connections: 1, streamsPerConnection: 1 });
  await pause(CALM_MS);
  const before = await lane.usage();
  await startFlood();
  await pause(FLOOD_MS);
  await stopFlood();
  await pause(CALM_MS);
  const after = await lane.usage();
  const aMinuteLater = async (): Promise<Values> => {
    await pause(AFTER_FLOOD_MS);
    const { rss, heapUsed } = await lane.usage();
    return { "RSS 60 s later": mib(rss), "heap 60 s later": mib(heapUsed) };
  };
  return {
    values: {
      "RSS before": mib(before.rss),
      "peak RSS": mib(after.peakRss),
      "RSS after it": mib(after.rss),
    },
    later: aMinuteLater(),
  };
}

/** Half of the repetitions of other scenarios: each starts processes of its own. */
const fewer = ({ repetitions }: Effort) => Math.ceil(repetitions / 2);

/** A scenario whose result is one table. */
function footprint(
  part: { readonly name: string; readonly about: string },
  measure: (effort: Effort) => Promise<ScenarioResult["figures"]>,
): Scenario {
  const { name, about } = part;
  return {
    name,
    async run(effort) {
      const figures = await measure(effort);
      const tables = [besides(`${name}: ${about}`, figures)];
      return [{ scenario: name, about, figures, notes: [await referenceNote()], tables }];
    },
  };
}

/** Clients, streams and a flood. */
export const footprints: readonly Scenario[] = [
  footprint({
    name: "footprint-clients",
    about: "idle clients with a connection and a symbol each",
  }, (effort) => repeat(fewer(effort), measureClients)),
  footprint({
    name: "footprint-streams",
    about: `${STREAMS} idle streams on ${CONNECTIONS} connections, each with a symbol of its own`,
  }, (effort) => repeat(fewer(effort), measureStreams, V8)),
  footprint({
    name: "footprint-flood",
    about: `one stream of all symbols, fed without pause for ${FLOOD_MS / 1000} s`,
  }, () => repeat(1, measureFlood)),
];
