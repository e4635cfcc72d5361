/**
 * Sends frames at a rate, or as fast as the peer takes them.
 *
 * A frame carries the time at which it is sent; one that is late by more than
 * a few milliseconds, because the peer did not take earlier ones, carries the
 * time at which it should have been sent, so that waiting is never left out of
 * a latency (no "coordinated omission").
 *
 * @module
 */
import { momentAt } from "../wall_clock.ts";
import type { FramePool } from "./frame_pool.ts";

/** Where frames go. */
export interface FrameSink {
  write(bytes: Uint8Array): Promise<void>;
}

/** Between two looks at the clock, in ms. */
const REST_MS = 0.25;
/** A frame later than this is stamped with its intended time, in ms. */
const LATE_MS = 3;
/** Frames of one write when nothing is paced. */
const FRAMES_AT_ONCE = 32;

const never = new Int32Array(new SharedArrayBuffer(4));

/** What a pacer has done. */
export interface PacerReport {
  /** Quotes that were handed to the kernel. */
  readonly sent: number;
  /** Longest time that a frame was sent after its turn, in ms. */
  readonly latestMs: number;
}

/** Sends the frames of a pool round and round. */
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

  /** What has been sent since the pacer was made. */
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
    // A peer that has gone ends the run, not the process.
    this.#running = running.catch(() => {});
  }

  /** Stops; resolves once nothing more will be sent. */
  async stop(): Promise<void> {
    this.#run++;
    await this.#running;
  }

  /** Sends `quotes` quotes at once, beside whatever is paced. */
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
        // Timers are good to two milliseconds here; this is good to 0.1.
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

  /** Sends up to `count` frames and returns how many. */
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

/** Lets sockets and commands have their turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
