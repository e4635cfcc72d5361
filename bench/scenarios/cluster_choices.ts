/**
 * What else could cross NATS, measured: a message of NATS for each message of the feed in place of
 * batches of frames; messages that the hub has encoded in place of Alpaca's frames; and a subject
 * per group of symbols (shard) in place of one per feed.
 *
 * @module
 */
import { loadavg } from "node:os";
import { inputsTable } from "../cluster/model_inputs.ts";
import { natsMissing, NatsProcess } from "../cluster/nats_process.ts";
import { Remote } from "../control.ts";
import type { PoolShape } from "../feed/frame_pool.ts";
import type { Step, StepCost } from "../processes/edge_steps.ts";
import type { PeerUse, Transport } from "../processes/nats_peer.ts";
import { figure, type ScenarioResult } from "../report/result.ts";
import { short, spreadOf } from "../report/spread.ts";
import { pause } from "../rig.ts";
import { leftOut } from "./cluster_fan_out.ts";
import type { Effort, Scenario } from "./scenario.ts";

const SETTLE_MS = 1_000;
const PER_FRAME = 8;

/** One window of a transport, per message of the feed. */
interface Carried {
  readonly perSecond: number;
  readonly sender: number;
  readonly nats: number;
  readonly receiver: number;
  /** Bytes of messages to NATS. */
  readonly bytes: number;
}

const TRANSPORTS: Readonly<Record<Transport, string>> = {
  message: "One message of NATS per message, a subject per symbol",
  frame: `One message of NATS per frame of ${PER_FRAME}`,
  batch: "Batches of 64 KiB",
};

async function carry(transport: Transport, effort: Effort): Promise<Carried[]> {
  await using nats = await NatsProcess.start();
  const flags = ["--allow-net=127.0.0.1", "--allow-env"];
  await using receiver = new Remote("nats_peer.ts", { flags });
  await using sender = new Remote("nats_peer.ts", { flags });
  await receiver.call("receive", { url: nats.url });
  await sender.call("start", { url: nats.url, transport });
  await pause(2 * SETTLE_MS);
  const sample = () =>
    Promise.all([sender.call<PeerUse>("use"), nats.use(), receiver.call<PeerUse>("use")]);
  const windows: Carried[] = [];
  for (let i = 0; i < effort.repetitions; i++) {
    const [from, server, to] = await sample();
    await pause(effort.windowMs);
    const [fromEnd, serverEnd, toEnd] = await sample();
    const sent = Math.max(1, fromEnd.messages - from.messages);
    const received = Math.max(1, toEnd.messages - to.messages);
    windows.push({
      perSecond: received / ((toEnd.at - to.at) / 1000),
      sender: (fromEnd.cpuMicros - from.cpuMicros) / sent,
      nats: (serverEnd.cpuMicros - server.cpuMicros) / received,
      receiver: (toEnd.cpuMicros - to.cpuMicros) / received,
      bytes: (fromEnd.bytes - from.bytes) / sent,
    });
  }
  await sender.call("stop");
  return windows;
}

const STEPS: readonly Step[] = ["skip", "decode", "encode", "forward", "split"];
const SHAPES: readonly PoolShape[] = [
  { format: "json", perFrame: 8, symbols: 5_000 },
  { format: "json", perFrame: 50, symbols: 5_000 },
  { format: "msgpack", perFrame: 50, symbols: 5_000 },
];

type StepCosts = Readonly<Record<Step, StepCost>>;

async function stepsOf(shape: PoolShape, { repetitions, windowMs }: Effort): Promise<StepCosts> {
  const costs: [Step, StepCost][] = [];
  for (const step of STEPS) {
    const found: StepCost[] = [];
    // A process of its own: the compiler specializes code for what one process does.
    await using steps = new Remote("edge_steps.ts", { flags: ["--allow-env"] });
    for (let i = 0; i < repetitions; i++) {
      found.push(await steps.call("measure", { step, shape, ms: windowMs / 2 }));
    }
    const micros = spreadOf(found.map((each) => each.micros)).median;
    costs.push([step, { micros, bytes: found[0]?.bytes ?? 0 }]);
  }
  return Object.fromEntries(costs) as StepCosts;
}

const SHARDS = 16;
const BATCH_BYTES = 64 * 1_024;
const SYMBOLS_OF_EDGE = [1, 5, 10, 20, 50, 100];
/** Messages per second of the feed for which the effect of shards is computed. */
const RATE = 300_000;

/** Share of the shards in which at least one of some symbols is. */
export function shareOfShards(symbols: number, shards: number): number {
  return 1 - (1 - 1 / shards) ** symbols;
}

/**
 * What shards save and cost, at {@linkcode RATE} messages of options per second in full batches,
 * where they cost least.
 */
function shardRows(
  { skip, split }: StepCosts,
  { sender, nats, receiver }: Pick<Carried, "sender" | "nats" | "receiver">,
): string[][] {
  const perBatch = BATCH_BYTES / skip.bytes;
  return SYMBOLS_OF_EDGE.map((symbols) => {
    const share = shareOfShards(symbols, SHARDS);
    const batches = RATE / perBatch;
    // Each batch is as many messages of NATS as there are shards.
    const more = batches * (SHARDS * share - 1) * PER_FRAME * (receiver + nats);
    const saved = RATE * (1 - share) * skip.micros - more;
    const hub = RATE * split.micros + batches * (SHARDS - 1) * PER_FRAME * sender;
    const mbit = RATE * (1 - share) * skip.bytes * 8 / 1e6;
    return [
      String(symbols),
      `${Math.round(100 * share)} %`,
      // Not −0.00.
      String(Math.round(saved / 1e4) / 100 + 0),
      String(Math.round(mbit)),
      saved > 0 ? String(Math.ceil(hub / saved)) : "never",
    ];
  });
}

async function compare(effort: Effort): Promise<ScenarioResult> {
  const scenario = "cluster-choices";
  const missing = await natsMissing();
  if (missing) return leftOut(scenario, missing);
  const carried: { name: string; windows: Carried[] }[] = [];
  let frame: Carried | undefined;
  for (const [transport, name] of Object.entries(TRANSPORTS)) {
    const windows = await carry(transport as Transport, effort);
    carried.push({ name, windows });
    if (transport === "frame") frame = medians(windows);
  }
  const steps: { shape: PoolShape; costs: StepCosts }[] = [];
  for (const shape of SHAPES) steps.push({ shape, costs: await stepsOf(shape, effort) });
  const options = steps.at(-1);
  return {
    scenario,
    about: "what could cross NATS in place of batches of Alpaca's frames on one subject",
    figures: [
      ...carried.flatMap(({ name, windows }) => [
        figure(`${name}: received`, "messages/s", windows.map(({ perSecond }) => perSecond)),
        figure("sender", "µs", windows.map(({ sender }) => sender)),
        figure("nats-server", "µs", windows.map(({ nats }) => nats)),
        figure("receiver", "µs", windows.map(({ receiver }) => receiver)),
        figure("bytes", "", windows.map(({ bytes }) => bytes)),
      ]),
      ...steps.flatMap(({ shape: { format, perFrame }, costs }) =>
        STEPS.map((step) =>
          figure(`${format}, frames of ${perFrame}: ${step}`, "µs", [costs[step].micros])
        )
      ),
      figure("load average of the machine", "", [loadavg()[0] ?? 0]),
    ],
    tables: [
      {
        title: "Messages of NATS, per message of the feed",
        head: [
          "What is a message of NATS",
          "Messages/s",
          "MB/s",
          "Sender, CPU µs",
          "nats-server, CPU µs",
          "Receiver, CPU µs",
          "Bytes",
        ],
        rows: carried.map(({ name, windows }) => {
          const { perSecond, sender, nats, receiver, bytes } = medians(windows);
          return [
            name,
            short(perSecond),
            short(perSecond * bytes / 1e6),
            short(sender),
            short(nats),
            short(receiver),
            short(bytes),
          ];
        }),
      },
      {
        title: "Steps at an edge and a hub, CPU µs per message",
        head: [
          "Feed",
          "Frames of",
          "Skip",
          "Decode",
          "Decode and encode",
          "Forward encoded bytes",
          "Hub: split in shards",
          "Bytes of a frame",
          "Bytes encoded",
        ],
        rows: steps.map(({ shape, costs }) => [
          shape.format === "json" ? "Stocks, JSON" : "Options, MessagePack",
          String(shape.perFrame),
          ...(["skip", "decode", "encode", "forward", "split"] as const).map((step) =>
            short(costs[step].micros)
          ),
          short(costs.skip.bytes),
          short(costs.forward.bytes),
        ]),
      },
      {
        title: `${SHARDS} shards at ${RATE / 1000} k messages/s of options`,
        head: [
          "Symbols of an edge",
          "Shards that it needs",
          "Cores saved per edge, with its part of NATS",
          "Mbit/s saved per edge",
          "Edges from which the hub's work is less than what they save",
        ],
        rows: options && frame ? shardRows(options.costs, frame) : [],
      },
      ...steps.slice(0, 1).map(({ costs: { encode, skip } }) =>
        inputsTable({ decodeMicros: encode.micros - skip.micros })
      ),
    ],
  };
}

function medians(windows: readonly Carried[]): Carried {
  const of = (value: (window: Carried) => number) => spreadOf(windows.map(value)).median;
  return {
    perSecond: of(({ perSecond }) => perSecond),
    sender: of(({ sender }) => sender),
    nats: of(({ nats }) => nats),
    receiver: of(({ receiver }) => receiver),
    bytes: of(({ bytes }) => bytes),
  };
}

/** The comparison. */
export const clusterChoices: Scenario = {
  name: "cluster-choices",
  run: async (effort) => [await compare(effort)],
};
