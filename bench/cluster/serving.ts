/**
 * What serves clients: one process, or a hub, nats-server and edges; and what it uses.
 *
 * @module
 */
import type { Remote } from "../control.ts";
import type { ProcessUse } from "../process_use.ts";
import type { Latency, ReaderPlan, ReaderReport } from "../reader_plan.ts";
import { pause } from "../rig.ts";
import type { NatsProcess, NatsUse } from "./nats_process.ts";

/** One process of the bench that serves, and its port for gRPC. */
export interface Server {
  readonly process: Remote;
  readonly port: number;
}

/** What one process did, per second. */
export interface Part {
  readonly cpuMicros: number;
  /** Messages written to streams. */
  readonly written: number;
  readonly writes: number;
  /** Frames received. */
  readonly frames: number;
  /** Resident memory at the end, bytes. */
  readonly rss: number;
}

/** What nats-server did, per second. */
export interface NatsPart {
  readonly cpuMicros: number;
  readonly inBytes: number;
  readonly outBytes: number;
  readonly inMessages: number;
  readonly outMessages: number;
  readonly rss: number;
}

/** What all processes did between two samples. */
export interface ServingWindow {
  readonly hub?: Part | undefined;
  readonly nats?: NatsPart | undefined;
  /** The edges, or the single process. */
  readonly edges: readonly Part[];
  /** Messages that the reader received, per second. */
  readonly delivered: number;
  readonly latency: Latency;
}

/** The processes behind one feed. */
export interface Serving {
  readonly reader: Remote;
  readonly hub?: Remote | undefined;
  readonly nats?: NatsProcess | undefined;
  readonly edges: readonly Server[];
}

interface Sample {
  readonly reader: ReaderReport;
  readonly nats: NatsUse | undefined;
  readonly hub: ProcessUse | undefined;
  readonly edges: readonly ProcessUse[];
}

/** Closes all streams and opens others, an equal share of connections on each edge. */
export async function openStreams(
  { reader, edges }: Serving,
  { connections, symbolsPerStream = 0, market = "stock", firstSymbol = 0 }:
    & Pick<ReaderPlan, "connections">
    & Partial<Pick<ReaderPlan, "symbolsPerStream" | "firstSymbol" | "market">>,
): Promise<void> {
  await reader.call("close");
  let opened = 0;
  for (const [i, { port }] of edges.entries()) {
    const end = Math.round(connections * (i + 1) / edges.length);
    await reader.call("open", {
      market,
      port,
      connections: end - opened,
      streamsPerConnection: 1,
      symbolsPerStream,
      firstSymbol: firstSymbol + opened * symbolsPerStream,
    });
    opened = end;
  }
}

/** Measures for `ms`. @throws Error when a stream ends */
export async function measureServing(serving: Serving, ms: number): Promise<ServingWindow> {
  const before = await sampleOf(serving);
  await serving.reader.call<Latency>("latencies");
  await pause(ms);
  const latency = await serving.reader.call<Latency>("latencies");
  const after = await sampleOf(serving);
  if (after.reader.ended > 0) throw new Error(`${after.reader.ended} streams have ended`);
  return {
    hub: before.hub && after.hub && partOf(before.hub, after.hub),
    nats: before.nats && after.nats && natsPartOf(before.nats, after.nats),
    edges: after.edges.flatMap((end, i) => {
      const start = before.edges[i];
      return start ? [partOf(start, end)] : [];
    }),
    delivered: (after.reader.messages - before.reader.messages) /
      ((after.reader.at - before.reader.at) / 1000),
    latency,
  };
}

async function sampleOf({ reader, hub, nats, edges }: Serving): Promise<Sample> {
  const [report, natsUse, hubUse, ...edgeUses] = await Promise.all([
    reader.call<ReaderReport>("report"),
    nats?.use(),
    hub?.call<ProcessUse>("use"),
    ...edges.map(({ process }) => process.call<ProcessUse>("use")),
  ]);
  return { reader: report, nats: natsUse, hub: hubUse, edges: edgeUses };
}

function partOf(start: ProcessUse, end: ProcessUse): Part {
  const seconds = (end.at - start.at) / 1000;
  return {
    cpuMicros: (end.cpuMicros - start.cpuMicros) / seconds,
    written: (end.written - start.written) / seconds,
    writes: (end.writes - start.writes) / seconds,
    frames: (end.frames - start.frames) / seconds,
    rss: end.rss,
  };
}

function natsPartOf(start: NatsUse, end: NatsUse): NatsPart {
  const seconds = (end.at - start.at) / 1000;
  return {
    cpuMicros: (end.cpuMicros - start.cpuMicros) / seconds,
    inBytes: (end.inBytes - start.inBytes) / seconds,
    outBytes: (end.outBytes - start.outBytes) / seconds,
    inMessages: (end.inMessages - start.inMessages) / seconds,
    outMessages: (end.outMessages - start.outMessages) / seconds,
    rss: end.rss,
  };
}

/** Messages that all edges wrote, per second. */
export function written({ edges }: ServingWindow): number {
  return Math.max(1, sum(edges.map((edge) => edge.written)));
}

/** CPU µs of one part, or of the edges together, per delivered message. */
export function cpuOf(window: ServingWindow, part: "hub" | "nats" | "edges"): number {
  const micros = part === "edges"
    ? sum(window.edges.map(({ cpuMicros }) => cpuMicros))
    : window[part]?.cpuMicros ?? 0;
  return micros / written(window);
}

/** CPU µs of all processes per delivered message. */
export function cpuOfAll(window: ServingWindow): number {
  return cpuOf(window, "hub") + cpuOf(window, "nats") + cpuOf(window, "edges");
}

/** Share of a core of the busiest edge. */
export function busiestEdge({ edges }: ServingWindow): number {
  return Math.max(...edges.map(({ cpuMicros }) => cpuMicros)) / 1e6;
}

/** Messages per write to a stream. */
export function perWrite(window: ServingWindow): number {
  return written(window) / Math.max(1, sum(window.edges.map(({ writes }) => writes)));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
