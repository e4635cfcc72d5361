/**
 * How many edges a cluster needs, and the bandwidth between its parts, from measured
 * costs. The tables of docs/cluster/README.md are made from it: a new measurement changes
 * {@linkcode INPUTS} only.
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

const BENCH = "[benchmarks.md](../benchmarks.md)";
const NOTES = "[performance-notes.md](../performance-notes.md)";

/** Measured costs and sizes, on one core of the machine that the sources name. */
export const INPUTS = {
  readMicros: {
    value: 0.18,
    unit: "CPU µs",
    what: "A message that arrives at an edge and no stream subscribes",
    source: NOTES,
  },
  decodeMicros: {
    value: 0.29,
    unit: "CPU µs",
    what: "The same, in addition, where a stream subscribes it",
    source: NOTES,
  },
  deliverMicros: {
    value: 3.55,
    unit: "CPU µs",
    what: "A delivery to one of 100 gRPC streams with 800 messages/s each",
    source: BENCH,
  },
  upstreamBytes: {
    value: 130,
    unit: "bytes",
    what: "A quote as Alpaca sends it in JSON, and as it crosses NATS",
    source: "Alpaca's documentation",
  },
  clientBytes: {
    value: 62,
    unit: "bytes",
    what: "A quote on the connection of a gRPC client",
    source: "[operations.md](../operations.md#network)",
  },
  streamKib: {
    value: 24,
    unit: "KiB",
    what: "Memory of an idle stream",
    source: BENCH,
  },
} as const satisfies Readonly<Record<string, Input>>;

/** Share of a core that an edge should use at most. */
export const CPU_SHARE = 0.7;

/** Streams of one edge, by default. */
export const MAX_STREAMS = Number(SETTINGS.STREAM_PROXY_MAX_STREAMS.default);

/** What a cluster has to do. */
export interface Workload {
  readonly clients: number;
  /** Messages per second that a client receives. */
  readonly perClient: number;
  /** Messages per second from Alpaca, of all symbols that any client subscribes. */
  readonly messages: number;
}

/** What it needs. */
export interface Needs {
  /** Edges, without a spare one; `undefined` when reading alone is too much for each. */
  readonly edges: number | undefined;
  /** Whether the limit on streams decides, and not CPU. */
  readonly isByStreams: boolean;
  /** Share of a core that each edge uses to read and decode, however few clients it has. */
  readonly readShare: number;
  /** Mbit/s from NATS to one edge, and to all. */
  readonly perEdgeMbit: number;
  readonly natsMbit: number;
  /** Mbit/s from one edge to its clients. */
  readonly clientMbit: number;
}

/** Computes what a workload needs. */
export function needsOf({ clients, perClient, messages }: Workload): Needs {
  const { readMicros, decodeMicros, deliverMicros, upstreamBytes, clientBytes } = INPUTS;
  const readShare = messages * (readMicros.value + decodeMicros.value) / 1e6;
  const deliveries = clients * perClient;
  const perEdge = (CPU_SHARE - readShare) * 1e6 / deliverMicros.value;
  const byCpu = Math.ceil(deliveries / perEdge);
  const byStreams = Math.ceil(clients / MAX_STREAMS);
  const edges = perEdge > 0 ? Math.max(byCpu, byStreams) : undefined;
  const mbit = (perSecond: number, bytes: number) => perSecond * bytes * 8 / 1e6;
  return {
    edges,
    isByStreams: byStreams > byCpu,
    readShare,
    perEdgeMbit: mbit(messages, upstreamBytes.value),
    natsMbit: mbit(messages, upstreamBytes.value) * (edges ?? NaN),
    clientMbit: mbit(deliveries, clientBytes.value) / (edges ?? NaN),
  };
}

const WORKLOADS: readonly Workload[] = [
  { clients: 100, perClient: 500, messages: 20_000 },
  { clients: 1_000, perClient: 100, messages: 20_000 },
  { clients: 1_000, perClient: 1_000, messages: 50_000 },
  { clients: 10_000, perClient: 50, messages: 50_000 },
  { clients: 10_000, perClient: 500, messages: 100_000 },
  { clients: 100_000, perClient: 10, messages: 100_000 },
  { clients: 100_000, perClient: 100, messages: 200_000 },
];

const number = (value: number) => value.toLocaleString("en-US", { maximumFractionDigits: 2 });

/** The table of the inputs. */
export function capacityInputs(): string {
  return table(
    ["Input", "Value", "What", "Source"],
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
      "Messages/s each",
      "From Alpaca/s",
      "Edges",
      "Reading, share of a core",
      "NATS to an edge, Mbit/s",
      "NATS to all, Mbit/s",
      "Edge to clients, Mbit/s",
    ],
    WORKLOADS.map((workload) => {
      const { edges, isByStreams, readShare, perEdgeMbit, natsMbit, clientMbit } = needsOf(
        workload,
      );
      return [
        number(workload.clients),
        number(workload.perClient),
        number(workload.messages),
        edges === undefined ? "not possible" : `${number(edges)}${isByStreams ? " (streams)" : ""}`,
        readShare.toFixed(2),
        whole(perEdgeMbit),
        edges === undefined ? "" : whole(natsMbit),
        edges === undefined ? "" : whole(clientMbit),
      ];
    }),
  );
}
