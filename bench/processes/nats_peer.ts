/**
 * One end of a connection over NATS: publishes messages of a feed as fast as the other end takes
 * them, or counts them.
 *
 * The receiver publishes how much it has received; the sender waits when too much is on the way,
 * so that nothing is dropped and the slowest part sets the pace.
 *
 * @module
 */
import process from "node:process";
import { systemClock } from "../../src/infrastructure/clock/system_clock.ts";
import { connect } from "../../src/infrastructure/nats/connect.ts";
import {
  BATCH_HEADER_BYTES,
  decodeBatch,
  encodeBatch,
  ENTRY_HEADER_BYTES,
  type EntryContent,
} from "../../src/infrastructure/nats/frame_batch.ts";
import { answerCommands } from "../control.ts";
import { FramePool } from "../feed/frame_pool.ts";
import { stockSymbol } from "../feed/symbols.ts";

/** How messages are sent: each in a message of its own, or as batches of frames of eight. */
export type Transport = "message" | "frame" | "batch";

/** Totals of one end. */
export interface PeerUse {
  readonly cpuMicros: number;
  /** Messages of the feed. */
  readonly messages: number;
  readonly bytes: number;
  readonly at: number;
}

const PER_FRAME = 8;
const SYMBOLS = 1_000;
const MAX_BATCH_BYTES = 64 * 1_024;
/** Bytes on the way at most, and after how many of them the receiver says so. */
const WINDOW_BYTES = 4 * 1_048_576;
const CREDIT_BYTES = WINDOW_BYTES / 16;
/** Messages of NATS that are published in one turn of the event loop. */
const PER_TURN = 64;

let messages = 0;
let bytes = 0;
let open: ReturnType<typeof connect> | undefined;
let isRunning = false;

function connection(url: string) {
  return open ??= connect({ servers: [url.replace(/^\w+:\/\//, "")], resolve: false });
}

/** What is published: payloads with their subjects, again and again. */
function payloadsOf(transport: Transport) {
  const perFrame = transport === "message" ? 1 : PER_FRAME;
  const pool = new FramePool({ format: "json", perFrame, symbols: SYMBOLS });
  const frames = Array.from({ length: pool.length }, (_, i) => pool.payload(i));
  if (transport === "message") {
    return frames.map((frame, i) => ({
      subject: `bench.feed.${stockSymbol(i % SYMBOLS)}`,
      // A batch with one entry, or the receiver would have no number to detect a loss with.
      batches: () => encodeBatch(1n, i + 1, [entryOf(frame)]),
      messages: 1,
    }));
  }
  const perBatch = transport === "frame" ? 1 : Math.floor(
    (MAX_BATCH_BYTES - BATCH_HEADER_BYTES) /
      ((frames[0]?.length ?? 0) + ENTRY_HEADER_BYTES),
  );
  return Array.from({ length: Math.floor(frames.length / perBatch) }, (_, i) => ({
    subject: "bench.feed.sip",
    batches: () =>
      encodeBatch(1n, i + 1, frames.slice(i * perBatch, (i + 1) * perBatch).map(entryOf)),
    messages: perBatch * PER_FRAME,
  }));
}

function entryOf(payload: Uint8Array): EntryContent {
  return { kind: "frame", receivedAt: systemClock.now(), payload };
}

async function send(url: string, transport: Transport): Promise<void> {
  const nats = await connection(url);
  const payloads = payloadsOf(transport);
  let taken = bytes;
  let wake = Promise.withResolvers<void>();
  const credits = nats.subscribe("bench.credit", {
    callback: () => {
      taken += CREDIT_BYTES;
      wake.resolve();
    },
  });
  await nats.flush();
  for (let at = 0; isRunning;) {
    for (let i = 0; i < PER_TURN && bytes - taken < WINDOW_BYTES; i++) {
      const { subject, batches, messages: count } = payloads[at % payloads.length] ??
        { subject: "", batches: () => new Uint8Array(0), messages: 0 };
      at++;
      const data = batches();
      nats.publish(subject, data);
      bytes += data.length;
      messages += count;
    }
    if (bytes - taken >= WINDOW_BYTES) {
      wake = Promise.withResolvers();
      await Promise.race([wake.promise, new Promise((resolve) => setTimeout(resolve, 500))]);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  credits.unsubscribe();
}

await answerCommands({
  /** Publishes until `stop`. */
  start({ url, transport }: { url: string; transport: Transport }): void {
    isRunning = true;
    void send(url, transport);
  },
  stop(): void {
    isRunning = false;
  },
  /** Counts what arrives. */
  async receive({ url }: { url: string }): Promise<void> {
    const nats = await connection(url);
    let credit = 0;
    nats.subscribe("bench.feed.>", {
      callback: (_, { subject, data }) => {
        bytes += data.length;
        const { entries } = decodeBatch(data);
        messages += entries.length * (subject === "bench.feed.sip" ? PER_FRAME : 1);
        for (credit += data.length; credit >= CREDIT_BYTES; credit -= CREDIT_BYTES) {
          nats.publish("bench.credit");
        }
      },
    });
    await nats.flush();
  },
  use(): PeerUse {
    const { user, system } = process.cpuUsage();
    return { cpuMicros: user + system, messages, bytes, at: performance.now() };
  },
});
