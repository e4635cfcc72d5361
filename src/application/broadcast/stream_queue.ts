/**
 * What one stream has been given and has not yet taken.
 *
 * Guarantees: the publisher never waits; the oldest event makes room when the
 * queue is full, or when it is among the longest while all queues together
 * exceed their memory ({@linkcode QueueMemory}), and is counted; at every
 * moment `published = delivered + lost + waiting`. A reader is woken once and
 * takes everything that is ready as one batch, in a turn of its own, after all
 * that is published in the present turn. A queue that has ended holds nothing.
 *
 * @module
 */
import type { ChannelCounters } from "../status/counters.ts";
import type { Envelope } from "./envelope.ts";
import { type HoldingQueue, QueueMemory } from "./queue_memory.ts";
import { Ring } from "./ring.ts";

const NOTHING: readonly never[] = [];
/** What follows it runs once whoever runs now has finished. */
const NEXT_TURN = Promise.resolve();

/** One stream's bounded queue. */
export class StreamQueue<T> implements HoldingQueue {
  readonly #ring: Ring<Envelope<T>>;
  readonly #counters: ChannelCounters;
  readonly #memory: QueueMemory;
  #waiter: (() => void) | undefined;
  #newest = 0;
  #ended = false;
  #lost = 0;
  #delivered = 0;
  #published = 0;
  /** Bytes of the batch that the reader has taken last. */
  #inFlight = 0;
  /** Events published before the last sweep, and before the one before it. */
  #sweptUpTo = 0;
  #forgottenUpTo = 0;

  /**
   * @param capacity how many events the stream may fall behind
   * @param memory shared with the other queues; unlimited by default
   */
  constructor(
    capacity: number,
    counters: ChannelCounters,
    memory: QueueMemory = new QueueMemory(),
  ) {
    this.#ring = new Ring(capacity, memory);
    this.#counters = counters;
    this.#memory = memory;
    memory.enter(this);
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
    envelope.holders++;
    const dropped = this.#ring.push(envelope);
    if (dropped !== undefined) {
      this.#memory.release(dropped);
      this.#lost++;
      this.#counters.dropped++;
    }
    this.#wake();
  }

  /** Drops the oldest events until `length` are left, and counts them as lost. */
  shorten(length: number): void {
    while (this.#ring.size > length) {
      const dropped = this.#ring.shift();
      if (dropped) this.#memory.release(dropped);
      this.#lost++;
      this.#counters.dropped++;
    }
  }

  /** Frees slots that a longer queue once needed. */
  compact(): void {
    this.#ring.compact();
  }

  /**
   * Drops the cached bytes of events that have waited since the last call; a
   * reader that comes for them has them made again.
   */
  forgetEncoded(): void {
    const oldest = this.#published - this.#ring.size;
    const from = Math.max(oldest, this.#forgottenUpTo);
    if (from < this.#sweptUpTo) {
      this.#ring.visit(from - oldest, this.#sweptUpTo - oldest, forgetEncoded);
    }
    this.#forgottenUpTo = this.#sweptUpTo;
    this.#sweptUpTo = this.#published;
  }

  /** Ends the stream and drops everything that waits. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#ring.visit(0, this.#ring.size, (each) => this.#memory.release(each));
    this.#ring.clear();
    this.#land();
    this.#memory.leave(this);
    this.#wake();
  }

  /** Whether the queue was ended; nothing is ready then, nor will be. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Takes what is ready, oldest first; nothing when nothing is. The reader has
   * finished with the batch that it took before.
   *
   * @param limit events, at least 1
   */
  take(limit: number = Infinity): readonly Envelope<T>[] {
    this.#land();
    if (this.#ring.size === 0) return NOTHING;
    const batch = this.#ring.take(
      Math.min(limit, this.#memory.batchLimit),
    );
    this.#inFlight = this.#memory.depart(batch);
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

  #land(): void {
    if (this.#inFlight === 0) return;
    this.#memory.land(this.#inFlight);
    this.#inFlight = 0;
  }

  #wake(): void {
    const wake = this.#waiter;
    if (wake === undefined) return;
    this.#waiter = undefined;
    NEXT_TURN.then(wake);
  }
}

/** Empty bytes say that the event cannot be encoded; that is remembered. */
function forgetEncoded(envelope: Envelope<unknown>): void {
  if (envelope.encoded?.length) envelope.encoded = undefined;
}
