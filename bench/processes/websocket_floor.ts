/**
 * The limits of the WebSocket library: a server that only writes frames made before the run, or
 * forwards those of an upstream as they are.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { encode } from "@msgpack/msgpack";
// @ts-types="@types/ws"
import { WebSocket, WebSocketServer } from "ws";
import { answerCommands } from "../control.ts";
import { type FeedFormat, FramePool } from "../feed/frame_pool.ts";
import type { ProcessUse } from "../process_use.ts";

const BUSY_BYTES = 1 << 20;

const clients = new Set<WebSocket>();
let run = 0;
let writes = 0;
let written = 0;
let frames = 0;
let format: FeedFormat = "json";

function control(message: Readonly<Record<string, unknown>>): string | Uint8Array {
  return format === "json" ? JSON.stringify([message]) : encode([message]);
}

async function listen(chosen: FeedFormat): Promise<number> {
  format = chosen;
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  server.on("connection", (client) => {
    let commands = 0;
    client.on("error", () => {});
    client.on("close", () => clients.delete(client));
    client.on("message", () => {
      if (++commands === 1) client.send(control({ T: "success", msg: "authenticated" }));
      else {
        client.send(control({ T: "subscription", quotes: ["*"] }));
        clients.add(client);
      }
    });
    client.send(control({ T: "success", msg: "connected" }));
  });
  await new Promise((done) => server.on("listening", done));
  return (server.address() as AddressInfo).port;
}

/** Forwards every frame of an upstream to every client, unread. */
function relay(url: string): void {
  const upstream = new WebSocket(url, { perMessageDeflate: false });
  let replies = 0;
  upstream.on("message", (frame: Buffer, binary) => {
    if (++replies === 1) upstream.send('{"action":"auth","key":"k","secret":"s"}');
    else if (replies === 2) upstream.send('{"action":"subscribe","quotes":["*"]}');
    else if (replies > 3) {
      frames++;
      for (const client of clients) {
        if (client.bufferedAmount > BUSY_BYTES) continue;
        client.send(frame, { binary });
        writes++;
      }
    }
  });
}

/** Writes a batch to every client each `everyMs`; skips clients that are full. */
async function writePaced(batch: number, everyMs: number, id: number): Promise<void> {
  const pool = new FramePool({ format, perFrame: batch, symbols: 1_000 });
  const binary = format === "msgpack";
  const frames = Array.from({ length: pool.length }, (_, i) => Buffer.from(pool.payload(i)));
  let due = performance.now();
  for (let next = 0; id === run;) {
    const now = performance.now();
    for (; due <= now; due += everyMs, next++) {
      const frame = frames[next % frames.length] ?? Buffer.alloc(0);
      for (const client of clients) {
        if (client.bufferedAmount > BUSY_BYTES) continue;
        client.send(frame, { binary });
        writes++;
        written += batch;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, Math.min(1, due - now)));
  }
}

await answerCommands({
  listen: async ({ format }: { format: FeedFormat }) => ({ port: await listen(format) }),
  start({ batch, everyMs }: { batch: number; everyMs: number }): void {
    writePaced(Math.round(batch), everyMs, ++run);
  },
  relay: ({ url }: { url: string }) => relay(url),
  stop: () => void run++,
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
});
