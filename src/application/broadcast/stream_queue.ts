/**
 * What one stream has been given and has not yet taken.
 *
 * Guarantees: the publisher never waits; the oldest event makes room when the
 * queue is full and is counted; at every moment
 * `published = delivered + lost + waiting`. A reader is woken once and takes
 * everything that is ready as one batch, in a turn of its own: after whatever
 * published has published all of its turn. The queue ends when it is disposed;
 * what was waiting then is let go.
 *
 * @module
 */
import type { ChannelCounters } from "../status/counters.ts";
import type { Envelope } from "./envelope.ts";
import { Ring } from "./ring.ts";

/** Most events in one batch, so that one write stays within sane memory. */
const LARGEST_BATCH = 8_192;

const NOTHING: readonly never[] = [];
/** What follows it runs once whoever runs now has finished. */
const NEXT_TURN = Promise.resolve();

/** One stream's bounded queue. */
export class StreamQueue<T> {
  readonly #ring: Ring<Envelope<T>>;
  readonly #counters: ChannelCounters;
  #waiter: (() => void) | undefined;
  #newest = 0;
  #ended = false;
  #lost = 0;
  #delivered = 0;
  #published = 0;

  /** @param capacity how many events the stream may fall behind */
  constructor(capacity: number, counters: ChannelCounters) {
    this.#ring = new Ring(capacity);
    this.#counters = counters;
  }

  /** Events this stream lost because it fell behind. */
  get lost(): number {
    return this.#lost;
  }

  /** Events taken by the reader. */
  get delivered(): number {
    return this.#delivered;
  }

  /** Events offered to this stream. */
  get published(): number {
    return this.#published;
  }

  /** Events that wait to be taken. */
  get waiting(): number {
    return this.#ring.size;
  }

  /** Offers an event; one that matched through two keys is taken once. */
  push(envelope: Envelope<T>): void {
    if (this.#ended || envelope.sequence === this.#newest) return;
    this.#newest = envelope.sequence;
    this.#published++;
    this.#counters.offered++;
    if (this.#ring.push(envelope)) {
      this.#lost++;
      this.#counters.dropped++;
    }
    this.#wake();
  }

  /** Ends the stream and lets go of everything that waits. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#ring.clear();
    this.#wake();
  }

  /** Whether the queue was ended; nothing is ready then, nor will be. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Takes what is ready, oldest first; nothing when nothing is. */
  take(): readonly Envelope<T>[] {
    if (this.#ring.size === 0) return NOTHING;
    const batch = this.#ring.take(LARGEST_BATCH);
    this.#delivered += batch.length;
    this.#counters.sent += batch.length;
    return batch;
  }

  /**
   * Runs `wake` once, in a turn of its own, when something is ready or the
   * queue has ended. A queue has one reader: a later `wake` replaces one that
   * has not run.
   */
  whenReady(wake: () => void): void {
    this.#waiter = wake;
    if (this.#ring.size > 0 || this.#ended) this.#wake();
  }

  /** Batches until `signal` fires or the queue is ended. */
  async *batches(
    signal: AbortSignal,
  ): AsyncGenerator<readonly Envelope<T>[], void> {
    const onAbort = () => this.#wake();
    signal.addEventListener("abort", onAbort);
    try {
      while (!signal.aborted && !this.#ended) {
        if (this.#ring.size > 0) yield this.take();
        else await new Promise<void>((wake) => this.whenReady(wake));
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  #wake(): void {
    const wake = this.#waiter;
    if (wake === undefined) return;
    this.#waiter = undefined;
    NEXT_TURN.then(wake);
  }
}
