/**
 * Measures whether several serving threads would help: one thread decodes frames
 * and posts the bytes of each batch to serving threads, which write them to raw
 * HTTP/2 streams. This is an upper bound for such a design.
 *
 * ```sh
 * deno run -A bench/experiments/serving_workers.ts
 * ```
 *
 * Not part of the proxy: a worker's module needs `--allow-read`, and one port
 * for several threads needs `--unstable-net`; the proxy has neither.
 *
 * @module
 */
import process from "node:process";
import { Remote } from "../control.ts";
import { FramePool } from "../feed/frame_pool.ts";
import type { ReaderReport } from "../reader_plan.ts";
import type { FromWorker } from "./serving_worker.ts";

const PER_FRAME = 50;
const FRAMES = 4;
const BATCH = PER_FRAME * FRAMES;
/** A framed quote of the usual size. */
const MESSAGE_BYTES = 62;
const WINDOW_MS = 4_000;

const pool = new FramePool({
  format: "json",
  perFrame: PER_FRAME,
  symbols: 1_000,
});
const texts = Array.from(
  { length: pool.length },
  (_, i) => new TextDecoder().decode(pool.payload(i)),
);

/** Frames of `BATCH` messages, as a reader counts them. */
function framed(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(BATCH * MESSAGE_BYTES);
  for (let at = 4; at < bytes.length; at += MESSAGE_BYTES) {
    bytes[at] = MESSAGE_BYTES - 5;
  }
  return bytes;
}

class ServingWorker implements Disposable {
  readonly #worker: Worker;
  #message = Promise.withResolvers<FromWorker>();

  constructor() {
    const url = new URL("./serving_worker.ts", import.meta.url);
    this.#worker = new Worker(url, { type: "module" });
    this.#worker.onmessage = ({ data }) => this.#message.resolve(data);
  }

  async nextMessage(): Promise<FromWorker> {
    const message = await this.#message.promise;
    this.#message = Promise.withResolvers();
    return message;
  }

  /** Resolves once all streams have taken the bytes. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#worker.postMessage(bytes);
    await this.nextMessage();
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

async function measure(threads: number, clients: number): Promise<string> {
  using stack = new DisposableStack();
  const workers = Array.from(
    { length: threads },
    () => stack.use(new ServingWorker()),
  );
  await using reader = new Remote("reader.ts", {
    flags: ["--allow-net=127.0.0.1"],
  });
  for (const worker of workers) {
    const message = await worker.nextMessage();
    if (!("port" in message)) {
      throw new Error("A worker did not report its port");
    }
    await reader.call("open", {
      market: "stock",
      connections: clients / threads,
      streamsPerConnection: 1,
      port: message.port,
    });
  }
  const bytes = framed();
  const got = await reader.call<ReaderReport>("report");
  const cpu = process.cpuUsage();
  const end = performance.now() + WINDOW_MS;
  // The next batch is decoded while the last one is being written.
  let written: Promise<unknown> = Promise.resolve();
  for (let at = 0; performance.now() < end; at += FRAMES) {
    for (let i = 0; i < FRAMES; i++) JSON.parse(texts[(at + i) % 100] ?? "");
    await written;
    written = Promise.all(workers.map((worker) => worker.write(bytes)));
  }
  await written;
  const { user, system } = process.cpuUsage(cpu);
  const gotten = await reader.call<ReaderReport>("report");
  const messages = gotten.messages - got.messages;
  const perSecond = 1000 * messages / (gotten.at - got.at);
  return `${threads} serving threads, ${clients} clients: ` +
    `${Math.round(perSecond / 1000)} k messages/s, ` +
    `${((user + system) / messages).toFixed(2)} µs CPU per message`;
}

for (const clients of [2, 20, 100]) {
  for (const threads of [1, 2]) {
    const line = await measure(threads, clients);
    Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
  }
}
