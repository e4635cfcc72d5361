/**
 * How many edges a cluster needs, what hub and NATS need, and the bandwidth between its parts,
 * from measured costs. The tables of docs/cluster/README.md are made from it: a new measurement
 * changes {@linkcode INPUTS} only.
 *
 * @module
 */
import { SETTINGS } from "../../src/infrastructure/config/settings.ts";
import { table } from "./markdown.ts";

/** A measured cost or size. */
interface Input {
  readonly value: number;
  readonly unit: string;
  readonly what: string;
  /** Where it was measured. */
  readonly source: string;
}

/** When the costs were measured. */
export const MEASURED = "2026-11-27";

const SATURATION = "`cluster-saturation`";
const READING = "`cluster-reading`";

/** Messages of one frame of Alpaca in all measurements. */
const PER_FRAME = 8;

/** Measured costs and sizes, on one core of the machine that docs/benchmarks.md names. */
export const INPUTS = {
  maxBatches: {
    value: 5757,
    unit: "per second",
    what: "Batches that a hub publishes at most: frames that arrive meanwhile are in the next one",
    source: READING,
  },
  hubBatchMicros: {
    value: 73.3,
    unit: "CPU µs",
    what: "A batch at the hub, most of it for waking up",
    source: READING,
  },
  hubMicros: {
    value: 0.18,
    unit: "CPU µs",
    what: "A message at the hub, in addition",
    source: READING,
  },
  natsInMicros: {
    value: 73.3,
    unit: "CPU µs",
    what: "A batch that nats-server receives",
    source: READING,
  },
  natsOutMicros: {
    value: 11.7,
    unit: "CPU µs",
    what: "The same batch, sent to one edge",
    source: READING,
  },
  edgeBatchMicros: {
    value: 54.6,
    unit: "CPU µs",
    what: "A batch at an edge, most of it for waking up",
    source: READING,
  },
  readMicros: {
    value: 0.18,
    unit: "CPU µs",
    what: "A message at an edge, in addition, that no stream subscribes",
    source: READING,
  },
  decodeMicros: {
    value: 0.32,
    unit: "CPU µs",
    what: "The same, in addition, where a stream subscribes it: decoded and encoded once",
    source: "`cluster-choices`",
  },
  fewMicros: {
    value: 5.97,
    unit: "CPU µs",
    what: "A delivery to a client of few symbols, a write of its own, on a busy process",
    source: SATURATION,
  },
  everyMicros: {
    value: 2.22,
    unit: "CPU µs",
    what: "A delivery to a client of all symbols, in a write of 8 messages",
    source: "`cluster-1000-every`",
  },
  upstreamBytes: {
    value: 136,
    unit: "bytes",
    what: "A quote as Alpaca sends it in JSON, and as it crosses NATS",
    source: READING,
  },
  clientBytes: {
    value: 62,
    unit: "bytes",
    what: "A quote on the connection of a gRPC client",
    source: "[operations.md](../operations.md#network)",
  },
  streamKib: {
    value: 18,
    unit: "KiB",
    what: "Memory of an idle stream",
    source: "`footprint`",
  },
  edgeMib: {
    value: 156,
    unit: "MiB",
    what: "Memory of an edge with one stream",
    source: READING,
  },
} as const satisfies Readonly<Record<string, Input>>;

/** Share of a core that an edge should use at most. */
export const CPU_SHARE = 0.7;

/** Streams of one edge, by default. */
export const MAX_STREAMS = Number(SETTINGS.STREAM_PROXY_MAX_STREAMS.default);

/** What a cluster has to do. */
export interface Workload {
  readonly clients: number;
  /** Symbols that the clients subscribe together. */
  readonly symbols: number;
  /** Symbols of one client, any of these; all of them tick equally often. */
  readonly each: number;
  /** Messages per second from Alpaca, of all symbols. */
  readonly messages: number;
  /** `STREAM_PROXY_MAX_BATCH_DELAY_MS` of the edges. @default 0 */
  readonly heldMs?: number;
}

/** What it needs. */
export interface Needs {
  /** Edges, without a spare one; `undefined` when reading alone is too much for each. */
  readonly edges: number | undefined;
  /** Whether the limit on streams decides, and not CPU. */
  readonly isByStreams: boolean;
  /** Messages per second that a client receives. */
  readonly perClient: number;
  /** Share of a core that each edge uses to read and decode. */
  readonly readShare: number;
  /** Share of a core that each edge uses for everything. */
  readonly edgeCores: number;
  readonly hubCores: number;
  readonly natsCores: number;
  /** Mbit/s from the hub to NATS, and from NATS to one edge. */
  readonly upstreamMbit: number;
  /** Mbit/s from NATS to all edges. */
  readonly natsMbit: number;
  /** Mbit/s from one edge to its clients. */
  readonly clientMbit: number;
  /** Thousandths of a core of hub, NATS and edges per client. */
  readonly millicores: number;
  /** KiB of the edges per client. */
  readonly kib: number;
}

/** Batches per second that carry `messages` per second. */
export function batchesOf(messages: number): number {
  return Math.min(messages / PER_FRAME, INPUTS.maxBatches.value);
}

/** CPU µs of a delivery in a write of `perWrite` messages, 1 to 8. */
export function deliveryMicros(perWrite: number): number {
  const { fewMicros, everyMicros } = INPUTS;
  const alone = (1 / perWrite - 1 / PER_FRAME) / (1 - 1 / PER_FRAME);
  return alone * fewMicros.value + (1 - alone) * everyMicros.value;
}

/** What one of `edges` edges does, in cores. */
export function edgeLoad(
  { clients, symbols, each, messages, heldMs = 0 }: Workload,
  edges: number,
): { readonly read: number; readonly deliver: number } {
  const share = each / symbols;
  const own = clients / edges;
  // Of the messages of the feed, those that at least one client of this edge subscribes.
  const wanted = 1 - (1 - share) ** own;
  const { edgeBatchMicros, readMicros, decodeMicros } = INPUTS;
  // A client with few symbols has one message of a frame at most. What is held adds up to more
  // than a frame, for which nothing was measured.
  const held = messages * share * heldMs / 1e3;
  const perWrite = Math.min(PER_FRAME, Math.max(1, PER_FRAME * share, held));
  return {
    read: (batchesOf(messages) * edgeBatchMicros.value +
      messages * (readMicros.value + wanted * decodeMicros.value)) / 1e6,
    deliver: own * messages * share * deliveryMicros(perWrite) / 1e6,
  };
}

/** Computes what a workload needs. */
export function needsOf(workload: Workload): Needs {
  const { clients, symbols, each, messages } = workload;
  const inputs = INPUTS;
  const fits = (edges: number) => {
    const { read, deliver } = edgeLoad(workload, edges);
    return read + deliver <= CPU_SHARE;
  };
  const byStreams = Math.ceil(clients / MAX_STREAMS);
  // One client on an edge is the least that it can have.
  const byCpu = fits(clients) ? firstThat(fits, clients) : undefined;
  const edges = byCpu === undefined ? undefined : Math.max(byCpu, byStreams);
  const count = edges ?? NaN;
  const { read, deliver } = edgeLoad(workload, count);
  const mbit = (perSecond: number, bytes: number) => perSecond * bytes * 8 / 1e6;
  const perClient = messages * each / symbols;
  const batches = batchesOf(messages);
  const hubCores = (batches * inputs.hubBatchMicros.value + messages * inputs.hubMicros.value) /
    1e6;
  const natsCores = batches *
    (inputs.natsInMicros.value + count * inputs.natsOutMicros.value) / 1e6;
  const upstreamMbit = mbit(messages, inputs.upstreamBytes.value);
  return {
    edges,
    isByStreams: byCpu !== undefined && byStreams > byCpu,
    perClient,
    readShare: read,
    edgeCores: read + deliver,
    hubCores,
    natsCores,
    upstreamMbit,
    natsMbit: upstreamMbit * count,
    clientMbit: mbit(clients / count * perClient, inputs.clientBytes.value),
    millicores: 1e3 * (hubCores + natsCores + count * (read + deliver)) / clients,
    kib: inputs.streamKib.value + 1_024 * inputs.edgeMib.value * count / clients,
  };
}

/** The least number up to `most` for which a condition holds that then holds for all above. */
function firstThat(holds: (value: number) => boolean, most: number): number {
  let least = 1;
  while (least < most) {
    const middle = Math.floor((least + most) / 2);
    if (holds(middle)) most = middle;
    else least = middle + 1;
  }
  return least;
}

const WORKLOADS: readonly Workload[] = [
  { clients: 100, symbols: 100, each: 100, messages: 2_000 },
  { clients: 1_000, symbols: 100, each: 100, messages: 2_000 },
  { clients: 1_000, symbols: 5_000, each: 50, messages: 20_000 },
  { clients: 10_000, symbols: 10_000, each: 10, messages: 50_000 },
  { clients: 10_000, symbols: 10_000, each: 100, messages: 50_000 },
  { clients: 10_000, symbols: 10_000, each: 100, messages: 50_000, heldMs: 100 },
  { clients: 10_000, symbols: 100, each: 100, messages: 2_000 },
  { clients: 100_000, symbols: 10_000, each: 10, messages: 50_000 },
  { clients: 100_000, symbols: 10_000, each: 10, messages: 50_000, heldMs: 100 },
  { clients: 100_000, symbols: 10_000, each: 10, messages: 200_000, heldMs: 100 },
  { clients: 100_000, symbols: 10_000, each: 100, messages: 50_000, heldMs: 100 },
];

const number = (value: number) => value.toLocaleString("en-US", { maximumFractionDigits: 2 });

/** The table of the inputs. */
export function capacityInputs(): string {
  return table(
    ["Input", "Value", "What", `Source, ${MEASURED}`],
    Object.entries(INPUTS).map(([name, { value, unit, what, source }]) => [
      `\`${name}\``,
      `${number(value)} ${unit}`,
      what,
      source,
    ]),
  );
}

/** The table of workloads and what they need. */
export function capacityTable(): string {
  const whole = (value: number) => number(Math.round(value));
  return table(
    [
      "Clients",
      "Symbols each, of all",
      "From Alpaca/s",
      "Each receives/s",
      "Edges",
      "Clients per edge",
      "Edge: reading, all, cores",
      "Hub, NATS, cores",
      "Mbit/s to an edge",
      "From NATS",
      "Edge to clients",
      "Per client: millicores, KiB",
    ],
    WORKLOADS.map((workload) => {
      const { clients, symbols, each, messages, heldMs } = workload;
      const needs = needsOf(workload);
      const { edges, isByStreams, perClient, hubCores, natsCores } = needs;
      const asked = [
        number(clients),
        `${number(each)} of ${number(symbols)}`,
        number(messages),
        `${number(perClient)}${heldMs ? `, held ${heldMs} ms` : ""}`,
      ];
      if (edges === undefined) {
        return [...asked, "not possible", ...Array.from({ length: 7 }, () => "")];
      }
      return [
        ...asked,
        `${number(edges)}${isByStreams ? " (streams)" : ""}`,
        whole(clients / edges),
        `${needs.readShare.toFixed(2)}, ${needs.edgeCores.toFixed(2)}`,
        `${hubCores.toFixed(2)}, ${natsCores.toFixed(2)}`,
        whole(needs.upstreamMbit),
        whole(needs.natsMbit),
        whole(needs.clientMbit),
        `${number(needs.millicores)}, ${whole(needs.kib)}`,
      ];
    }),
  );
}
