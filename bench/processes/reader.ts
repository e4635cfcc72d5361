/**
 * The clients: opens connections and streams, counts messages, measures latency.
 *
 * @module
 */
import { build, type Histogram } from "hdr-histogram-js";
import { answerCommands } from "../control.ts";
import { optionSymbol, quietSymbol, stockSymbol } from "../feed/symbols.ts";
import { requestMessage } from "../http2/frames.ts";
import { ReaderConnection } from "../http2/reader_connection.ts";
import type { Latency, ReaderPlan, ReaderReport } from "../reader_plan.ts";
import { microsSince } from "../wall_clock.ts";

const SERVICE = "/cream.v1.StreamProxyService";
/** Largest recorded latency in µs: an hour. */
const MAX_MICROS = 3_600_000_000;

const connections: ReaderConnection[] = [];
let latencies = newHistogram();
let timing = false;

function newHistogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: MAX_MICROS,
    numberOfSignificantValueDigits: 3,
  });
}

function onStamp(seconds: number, nanos: number): void {
  if (!timing) return;
  const micros = microsSince(seconds, nanos, performance.now());
  latencies.recordValue(Math.max(1, Math.round(micros)));
}

const NAMES = { stock: stockSymbol, option: optionSymbol, quiet: quietSymbol };
const METHODS = {
  stock: "StreamQuotes",
  option: "StreamOptionQuotes",
  quiet: "StreamQuotes",
};

/** Symbols of stream `index`; an empty list means all. */
function symbolsOf(plan: ReaderPlan, index: number): string[] {
  const { symbolsPerStream = 0, firstSymbol = 0 } = plan;
  const first = firstSymbol + index * symbolsPerStream;
  return Array.from(
    { length: symbolsPerStream },
    (_, i) => NAMES[plan.market](first + i),
  );
}

/** Opens more streams; resolves when all are accepted. */
async function open(plan: ReaderPlan): Promise<void> {
  const opened: ReaderConnection[] = [];
  let index = 0;
  for (let i = 0; i < plan.connections; i++) {
    const connection = await ReaderConnection.open(plan, onStamp);
    connections.push(connection);
    opened.push(connection);
    for (let j = 0; j < plan.streamsPerConnection; j++) {
      connection.openStream({
        path: `${SERVICE}/${METHODS[plan.market]}`,
        message: requestMessage(symbolsOf(plan, index), plan.meta ?? false),
        read: plan.read ?? true,
      });
      index++;
    }
  }
  const wanted = plan.connections * plan.streamsPerConnection;
  const accepted = () => sum(opened.map((connection) => connection.accepted));
  const deadline = performance.now() + 60_000;
  while (accepted() < wanted) {
    if (performance.now() > deadline) {
      throw new Error(`Only ${accepted()} of ${wanted} streams accepted`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function latency(): Latency {
  const at = (percentile: number) => latencies.getValueAtPercentile(percentile);
  return {
    samples: latencies.totalCount,
    p50: at(50),
    p99: at(99),
    p999: at(99.9),
    max: latencies.maxValue,
  };
}

await answerCommands({
  open,
  report: (): ReaderReport => ({
    messages: sum(connections.map(({ messages }) => messages)),
    frames: 0,
    bytes: sum(connections.map(({ bytes }) => bytes)),
    ended: sum(connections.map(({ ended }) => ended)),
    at: performance.now(),
  }),
  /** Returns the latencies since the last call and starts a new histogram. */
  latencies(): Latency {
    const seen = latency();
    latencies = newHistogram();
    timing = true;
    return seen;
  },
  close(): void {
    for (const connection of connections.splice(0)) connection.close();
  },
});
