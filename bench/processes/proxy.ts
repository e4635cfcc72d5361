/**
 * The proxy as it is started in production, in any role, with a control line for what the
 * bench needs to know of the process.
 *
 * @module
 */
import process from "node:process";
import { Subscriber } from "../../src/application/broadcast/subscriber.ts";
import { FrameDecoder } from "../../src/infrastructure/alpaca/decode.ts";
import { parseConfig } from "../../src/infrastructure/config/parse_config.ts";
import { Http2Call } from "../../src/infrastructure/grpc/http2_call.ts";
import { startRole } from "../../src/composition/roles.ts";
import { answerCommands } from "../control.ts";
import type { ProcessUse, ProxyStart } from "../process_use.ts";

const SAMPLE_MS = 50;

let peakRss = 0;
let writes = 0;
let written = 0;
let frames = 0;

setInterval(() => {
  peakRss = Math.max(peakRss, Deno.memoryUsage().rss);
}, SAMPLE_MS);

/** Counts batches, and the messages in them. */
function countWrites(): void {
  const { write } = Http2Call.prototype;
  Http2Call.prototype.write = function (messages, onWritten) {
    writes++;
    written += messages.length;
    write.call(this, messages, onWritten);
  };
}

/** Counts what comes in. */
function countFrames(): void {
  const { receive } = FrameDecoder.prototype;
  FrameDecoder.prototype.receive = function (...args) {
    frames++;
    receive.apply(this, args);
  };
}

/**
 * Writes message by message, and encodes each for every client: a stream takes one
 * copy of an envelope at a time.
 */
function disableBatching(): void {
  const { take } = Subscriber.prototype;
  Subscriber.prototype.take = function (this: Subscriber<unknown>) {
    return take.call(this, 1).map((envelope) => ({
      ...envelope,
      symbolSequence: 1,
      origin: "live" as const,
      encoded: undefined,
      encodedWithMeta: undefined,
      holders: 0,
      bytes: 0,
    }));
  };
}

async function start(options: ProxyStart) {
  countWrites();
  countFrames();
  if (options.naive) disableBatching();
  const config = parseConfig(options.env);
  const { ports } = await startRole(config, {});
  return ports;
}

await answerCommands({
  start,
  use(): ProcessUse {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed, external } = Deno.memoryUsage();
    peakRss = Math.max(peakRss, rss);
    return {
      cpuMicros: user + system,
      rss,
      peakRss,
      heapUsed,
      external,
      writes,
      written,
      frames,
      at: performance.now(),
    };
  },
  /** Collects garbage where the process was started with `--expose-gc`. */
  collect(): void {
    (globalThis as { gc?: () => void }).gc?.();
  },
});
