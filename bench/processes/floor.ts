/**
 * The limits of this machine: raw `node:http2` that writes pre-encoded bytes, and
 * bare decoders.
 *
 * @module
 */
import { decode, ExtensionCodec } from "@msgpack/msgpack";
import { createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { createEncoders } from "../../src/infrastructure/grpc/encoding/channel_encoders.ts";
import { answerCommands } from "../control.ts";
import { type FeedFormat, FramePool } from "../feed/frame_pool.ts";
import { stockSymbol } from "../feed/symbols.ts";
import type { ProcessUse } from "../process_use.ts";

const streams = new Set<ServerHttp2Stream>();
let run = 0;
let writes = 0;
let written = 0;
let skipped = 0;
let frames = 0;

const server = createServer({ maxSessionMemory: 1_000_000 });
server.on("session", (session) => session.on("error", () => {}));
server.on("stream", (incoming) => {
  // The type of the event does not say that these are server streams.
  const stream = incoming as ServerHttp2Stream;
  stream.respond({ ":status": 200, "content-type": "application/grpc" });
  stream.on("error", () => {});
  stream.on("close", () => streams.delete(stream));
  streams.add(stream);
});

/** `count` gRPC messages as the proxy would frame them, back to back. */
function framedQuotes(count: number): Uint8Array<ArrayBuffer> {
  const encode = createEncoders().stockQuotes;
  const parts: number[] = [];
  for (let i = 0; i < count; i++) {
    const body = encode({
      symbol: stockSymbol(i),
      timestamp: { seconds: 1_770_000_000, nanos: 123_456_789 },
      bidExchange: "Q",
      bidPrice: 100 + i / 100,
      bidSize: 3,
      askExchange: "P",
      askPrice: 100.02 + i / 100,
      askSize: 4,
      conditions: ["R"],
      tape: "C",
    });
    parts.push(0, 0, 0, body.length >> 8, body.length & 0xff, ...body);
  }
  return new Uint8Array(parts);
}

/** Step between streams, a prime, so that neighbours are not written in order. */
const STRIDE = 7_919;

/**
 * Writes a batch to the next `atOnce` streams every `everyMs`; skips streams that
 * are full.
 */
async function writePaced(
  { bytes, batch, everyMs, atOnce }: {
    readonly bytes: Uint8Array;
    readonly batch: number;
    readonly everyMs: number;
    readonly atOnce: number;
  },
  id: number,
): Promise<void> {
  const all = [...streams];
  let turn = 0;
  let due = performance.now();
  while (id === run) {
    const now = performance.now();
    for (; due <= now; due += everyMs) {
      for (let i = 0; i < atOnce; i++, turn++) {
        const stream = all[(turn * STRIDE) % all.length];
        if (stream === undefined) return;
        write(stream, bytes, batch);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, Math.min(1, due - now)));
  }
}

/** What the frames of an upstream have made due. */
const fed = { batch: 1, messages: 0, writes: 0 };
const prepared = new Map<number, Uint8Array>();

/**
 * Reads an upstream with the proxy's WebSocket client; decodes nothing, and writes to every stream
 * for its frames, `fed.batch` messages at a time on average.
 */
async function follow(url: string, perFrame: number): Promise<void> {
  const { WebSocket } = await import("ws");
  const upstream = new WebSocket(url, { perMessageDeflate: false });
  upstream.on("error", () => {});
  let replies = 0;
  upstream.on("message", () => {
    if (++replies === 1) upstream.send('{"action":"auth","key":"k","secret":"s"}');
    else if (replies === 2) upstream.send('{"action":"subscribe","quotes":["*"]}');
    else if (replies > 3) {
      frames++;
      writeFor(perFrame);
    }
  });
}

/** Writes the batches that are due with `messages` more. */
function writeFor(messages: number): void {
  fed.messages += messages;
  fed.writes += messages / fed.batch;
  for (; fed.writes >= 1; fed.writes--) {
    const count = Math.ceil(fed.messages / Math.floor(fed.writes));
    const bytes = prepared.get(count) ?? framedQuotes(count);
    prepared.set(count, bytes);
    fed.messages -= count;
    for (const stream of streams) write(stream, bytes, count);
  }
}

/** Writes to a stream unless it is full. */
function write(stream: ServerHttp2Stream, bytes: Uint8Array, batch: number): void {
  if (stream.writableNeedDrain) skipped++;
  else {
    stream.write(bytes);
    writes++;
    written += batch;
  }
}

/** Writes batches to every stream without pause, each after the previous one. */
async function writeUnpaced(
  { bytes, batch }: { readonly bytes: Uint8Array; readonly batch: number },
  id: number,
): Promise<void> {
  await Promise.all([...streams].map(async (stream) => {
    while (id === run) {
      writes++;
      written += batch;
      await new Promise((resolve) => stream.write(bytes, resolve));
    }
  }));
}

const nanosecondTimes = new ExtensionCodec();
nanosecondTimes.register({
  type: -1,
  encode: () => null,
  decode(data) {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const high = view.getUint32(0);
    const seconds = (high & 0b11) * 2 ** 32 + view.getUint32(4);
    return { seconds, nanos: high >>> 2 };
  },
});

/** Decodes the frames of a pool for `ms` and discards the result. */
function decodeFor(
  shape: { format: FeedFormat; perFrame: number; symbols: number; ms: number },
): { messages: number; cpuMicros: number; ms: number } {
  const pool = new FramePool(shape);
  const text = new TextDecoder();
  const frames = Array.from({ length: pool.length }, (_, i) => pool.payload(i));
  const decodeFrame = shape.format === "json"
    ? ((texts) => (i: number) => JSON.parse(texts[i] ?? ""))(
      frames.map((frame) => text.decode(frame)),
    )
    : (i: number) => decode(frames[i] ?? [], { extensionCodec: nanosecondTimes });
  const spin = (ms: number) => {
    let messages = 0;
    const start = performance.now();
    while (performance.now() - start < ms) {
      for (let i = 0; i < pool.length; i++) {
        messages += (decodeFrame(i) as unknown[]).length;
      }
    }
    return messages;
  };
  spin(shape.ms / 4);
  const before = process.cpuUsage();
  const start = performance.now();
  const messages = spin(shape.ms);
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  return { messages, cpuMicros: user + system, ms };
}

await answerCommands({
  async listen(): Promise<{ port: number }> {
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    return { port: (server.address() as AddressInfo).port };
  },
  /**
   * @param pace.everyMs between two batches of a stream; 0 means no pause
   * @param pace.atOnce streams that are written to each time; all by default
   */
  start(pace: { batch: number; everyMs: number; atOnce?: number }): void {
    const { everyMs, atOnce = streams.size } = pace;
    const batch = Math.round(pace.batch);
    const bytes = framedQuotes(batch);
    const id = ++run;
    if (everyMs > 0) writePaced({ bytes, batch, everyMs, atOnce }, id);
    else writeUnpaced({ bytes, batch }, id);
  },
  stop: () => void run++,
  follow: ({ url, perFrame }: { url: string; perFrame: number }) => follow(url, perFrame),
  /** @param batch messages per write for the frames of the upstream, on average */
  batches({ batch }: { batch: number }): void {
    Object.assign(fed, { batch, messages: 0, writes: 0 });
  },
  skipped: () => skipped,
  use(): ProcessUse {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed, external } = Deno.memoryUsage();
    return {
      cpuMicros: user + system,
      rss,
      peakRss: rss,
      heapUsed,
      external,
      writes,
      written,
      frames,
      at: performance.now(),
    };
  },
  decode: decodeFor,
  /** Collects garbage where the process was started with `--expose-gc`. */
  collect(): void {
    (globalThis as { gc?: () => void }).gc?.();
  },
});
