/**
 * Sends frames at a rate, or as fast as the peer reads.
 *
 * A frame carries the time at which it is sent. A frame that is more than a few
 * milliseconds late, because the peer did not read earlier ones, carries its
 * scheduled time, so that latencies include the wait (no coordinated omission).
 *
 * @module
 */
import { momentAt } from "../wall_clock.ts";
import type { FramePool } from "./frame_pool.ts";

/** Destination of frames. */
interface FrameSink {
  write(bytes: Uint8Array): Promise<void>;
}

/** Interval of clock readings, in ms. */
const REST_MS = 0.25;
/** A frame later than this is stamped with its intended time, in ms. */
const LATE_MS = 3;
/** Frames per write without a rate. */
const FRAMES_AT_ONCE = 32;

const never = new Int32Array(new SharedArrayBuffer(4));

/** Totals of a pacer. */
export interface PacerReport {
  /** Quotes that were handed to the kernel. */
  readonly sent: number;
  /** Largest delay of a frame after its scheduled time, in ms. */
  readonly latestMs: number;
}

/** Sends the frames of a pool repeatedly. */
export class Pacer {
  readonly #pool: FramePool;
  readonly #sink: FrameSink;
  #at = 0;
  #sent = 0;
  #latest = 0;
  #run = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(pool: FramePool, sink: FrameSink) {
    this.#pool = pool;
    this.#sink = sink;
  }

  /** Totals since the pacer was created. */
  get report(): PacerReport {
    return { sent: this.#sent, latestMs: this.#latest };
  }

  /**
   * Starts to send; a run that is under way ends first.
   *
   * @param rate quotes per second; 0 means as many as the peer takes
   */
  async start(rate: number): Promise<void> {
    await this.stop();
    this.#latest = 0;
    const run = ++this.#run;
    const running = rate > 0 ? this.#paced(rate, run) : this.#flood(run);
    // A closed connection ends the run, not the process.
    this.#running = running.catch(() => {});
  }

  /** Stops; resolves when no more frames will be sent. */
  async stop(): Promise<void> {
    this.#run++;
    await this.#running;
  }

  /** Sends `quotes` quotes immediately, in addition to the paced ones. */
  async burst(quotes: number): Promise<void> {
    const frames = Math.ceil(quotes / this.#pool.shape.perFrame);
    const intended = performance.now();
    for (let left = frames; left > 0;) {
      left -= await this.#send(Math.min(left, FRAMES_AT_ONCE), intended);
    }
  }

  async #flood(run: number): Promise<void> {
    while (run === this.#run) {
      await this.#send(FRAMES_AT_ONCE, performance.now());
      await turn();
    }
  }

  async #paced(rate: number, run: number): Promise<void> {
    const interval = 1000 * this.#pool.shape.perFrame / rate;
    let due = performance.now();
    while (run === this.#run) {
      const now = performance.now();
      if (now < due) {
        // Timers are accurate to two milliseconds here; this wait to 0.1.
        Atomics.wait(never, 0, 0, Math.min(REST_MS, due - now));
        await turn();
        continue;
      }
      const late = now - due;
      if (late > this.#latest) this.#latest = late;
      const sent = await this.#send(1, late > LATE_MS ? due : now);
      due += sent * interval;
    }
  }

  /** Sends up to `count` frames and returns their number. */
  async #send(count: number, at: number): Promise<number> {
    const pool = this.#pool;
    const from = this.#at;
    const to = Math.min(from + count, pool.length);
    this.#at = to === pool.length ? 0 : to;
    pool.stamp(from, to, momentAt(at));
    await this.#sink.write(pool.slice(from, to));
    this.#sent += (to - from) * pool.shape.perFrame;
    return to - from;
  }
}

/** Yields to sockets and commands. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
