/**
 * Single steps of the work of hubs and edges, alone in a process.
 *
 * @module
 */
import process from "node:process";
import type { EventSink } from "../../src/application/ports/event_sink.ts";
import type { OptionQuote } from "../../src/domain/market/option_events.ts";
import type { StockQuote } from "../../src/domain/market/stock_events.ts";
import { optionFormat, stockFormat } from "../../src/infrastructure/alpaca/market.ts";
import type { StockSinks } from "../../src/infrastructure/alpaca/messages.ts";
import { createEncoders } from "../../src/infrastructure/grpc/encoding/channel_encoders.ts";
import { answerCommands } from "../control.ts";
import { FramePool, type PoolShape } from "../feed/frame_pool.ts";

/**
 * What is measured:
 *
 * - `skip`: read a frame of which no message is subscribed
 * - `decode`: read a frame of which all are
 * - `encode`: `decode`, and make the bytes for gRPC clients
 * - `split`: find the messages of a frame and copy each into the batch of its shard, as a hub would
 * - `forward`: find the messages of a batch with symbols by number and protobuf bytes, and whether
 *   each is subscribed, as an edge would whose hub encodes
 */
export type Step = "skip" | "decode" | "encode" | "split" | "forward";

/** What a step costs. */
export interface StepCost {
  /** CPU µs per message. */
  readonly micros: number;
  /** Bytes of a message that the step reads. */
  readonly bytes: number;
}

/** Calls between two looks at the clock. */
const CALLS = 64;
const SHARDS = 16;
/** Bytes of a message's symbol number and length in front of its protobuf bytes. */
const INDEX_BYTES = 6;

function sinkOf<T>(isWanted: boolean, publish: (event: T) => void = () => {}): EventSink<T> {
  return { mayHaveSubscribers: () => isWanted, publish, unreadable: () => {} };
}

function decoderOf<T>(format: PoolShape["format"], sink: EventSink<T>) {
  const any = sink as EventSink<never>;
  if (format === "msgpack") return optionFormat({ quotes: any, trades: any }).fast;
  const stocks: StockSinks = {
    quotes: any,
    trades: any,
    bars: any,
    updatedBars: any,
    dailyBars: any,
    statuses: any,
    bands: any,
    corrections: any,
    imbalances: any,
  };
  return stockFormat(stocks).fast;
}

/** Work on frame number `at`. */
type Work = (at: number) => void;

function stepOf(step: Step, shape: PoolShape): { readonly work: Work; readonly bytes: number } {
  const pool = new FramePool(shape);
  const frames = Array.from({ length: pool.length }, (_, i) => pool.payload(i));
  const frameAt = (at: number) => frames[at % frames.length] as Uint8Array;
  const bytes = frameAt(0).length / shape.perFrame;
  if (step === "skip" || step === "decode") {
    const decoder = decoderOf(shape.format, sinkOf(step === "decode"));
    return { work: (at) => void decoder.decodeFrame(frameAt(at))?.clear(), bytes };
  }
  const encoders = createEncoders();
  const encode = (event: unknown) =>
    shape.format === "json"
      ? encoders.stockQuotes(event as StockQuote)
      : encoders.optionQuotes(event as OptionQuote);
  const decoder = decoderOf(shape.format, sinkOf(true));
  if (step === "encode") {
    const work: Work = (at) => {
      const batch = decoder.decodeFrame(frameAt(at));
      for (const event of batch?.events ?? []) encode(event);
      batch?.clear();
    };
    return { work, bytes };
  }
  if (step === "split") return { work: splitter(shape, frameAt), bytes };
  const encoded = frames.map((frame) => {
    const batch = decoder.decodeFrame(frame);
    const messages = (batch?.events ?? []).map(encode);
    batch?.clear();
    return indexed(messages, shape.symbols);
  });
  const isWanted = new Uint8Array(shape.symbols).fill(1);
  let found = 0;
  const work: Work = (at) => {
    const batch = encoded[at % encoded.length] as Uint8Array;
    const view = new DataView(batch.buffer);
    for (let from = 0; from < batch.length;) {
      const start = from + INDEX_BYTES;
      const end = start + view.getUint16(from + 4, true);
      if (isWanted[view.getUint32(from, true)]) found += batch.subarray(start, end).length;
      from = end;
    }
  };
  return { work, bytes: (encoded[0]?.length ?? 0) / shape.perFrame };
}

/** A batch of messages, each with a number of its symbol. */
function indexed(messages: readonly Uint8Array[], symbols: number): Uint8Array {
  const size = messages.reduce((sum, { length }) => sum + INDEX_BYTES + length, 0);
  const batch = new Uint8Array(size);
  const view = new DataView(batch.buffer);
  let at = 0;
  for (const [i, message] of messages.entries()) {
    view.setUint32(at, i % symbols, true);
    view.setUint16(at + 4, message.length, true);
    batch.set(message, at + INDEX_BYTES);
    at += INDEX_BYTES + message.length;
  }
  return batch;
}

function splitter({ format, perFrame }: PoolShape, frameAt: (at: number) => Uint8Array): Work {
  const decoder = decoderOf(format, sinkOf(false));
  const shardOf = new Map<string, number>();
  const shards = Array.from({ length: SHARDS }, () => new Uint8Array(1 << 18));
  const filled = new Uint32Array(SHARDS);
  return (at) => {
    const frame = frameAt(at);
    filled.fill(0);
    const batch = decoder.decodeFrame(frame, true);
    for (let i = 0; batch && i < perFrame; i++) {
      const { starts, ends, symbols } = batch.places;
      const symbol = symbols[i] ?? "";
      let shard = shardOf.get(symbol);
      if (shard === undefined) shardOf.set(symbol, shard = hash(symbol) % SHARDS);
      const message = frame.subarray(starts[i], ends[i]);
      shards[shard]?.set(message, filled[shard]);
      filled[shard] = (filled[shard] ?? 0) + message.length;
    }
    batch?.clear();
  };
}

function hash(text: string): number {
  let value = 2_166_136_261;
  for (let i = 0; i < text.length; i++) {
    value = Math.imul(value ^ text.charCodeAt(i), 16_777_619) >>> 0;
  }
  return value;
}

function run(work: Work, ms: number): number {
  let frames = 0;
  for (const end = performance.now() + ms; performance.now() < end;) {
    for (let i = 0; i < CALLS; i++) work(frames++);
  }
  return frames;
}

await answerCommands({
  measure({ step, shape, ms }: { step: Step; shape: PoolShape; ms: number }): StepCost {
    const { work, bytes } = stepOf(step, shape);
    run(work, ms);
    const before = process.cpuUsage();
    const frames = run(work, ms);
    const { user, system } = process.cpuUsage(before);
    return { micros: (user + system) / (frames * shape.perFrame), bytes };
  },
});
