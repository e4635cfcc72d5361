/**
 * One subscriber's bounded queue of a channel.
 *
 * The publisher never waits. The oldest event is dropped and counted when the
 * queue is full, or when it is among the longest queues while all of them exceed
 * their memory ({@linkcode QueueMemory}). Invariant: `published = delivered + lost
 * + waiting`. A waiting reader is woken once, in a microtask, after everything
 * that is published in the same turn. A queue that has ended holds nothing.
 *
 * @module
 */
import type { ChannelCounters } from "../status/counters.ts";
import type { Envelope } from "./envelope.ts";
import { type LimitedQueue, QueueMemory } from "./queue_memory.ts";
import { Ring } from "./ring.ts";

const NONE: readonly never[] = [];

/** Events that are ready. They stay in the queue until they are taken. */
export interface PendingBatch<T> {
  /**
   * Takes the events that are ready, oldest first. To be called when they can be
   * written, so that the batch has everything that was published until then; empty
   * if the queue has ended meanwhile.
   *
   * @param limit events, at least 1
   */
  take(limit?: number): readonly Envelope<T>[];
}

/** Options of a {@linkcode Subscriber}. */
export interface SubscriberOptions {
  /** Events, at least 1. */
  readonly capacity: number;
  readonly counters: ChannelCounters;
  /** Shared with the other queues. @default unlimited */
  readonly memory?: QueueMemory;
  /** Called once when the queue ends. */
  readonly onEnd?: () => void;
}

/** A subscriber's bounded queue with one reader. */
export class Subscriber<T> implements LimitedQueue, PendingBatch<T> {
  readonly #ring: Ring<Envelope<T>>;
  readonly #counters: ChannelCounters;
  readonly #memory: QueueMemory;
  readonly #onEnd: (() => void) | undefined;
  /** Resumes the reader that waits for events. */
  #wakeReader: (() => void) | undefined;
  #newest = 0;
  #ended = false;
  #lost = 0;
  #delivered = 0;
  #published = 0;
  /** Bytes of the batch that the reader has taken last. */
  #inFlight = 0;
  /** Events published before the last sweep, and before the one before it. */
  #sweptUpTo = 0;
  #releasedUpTo = 0;

  constructor(options: SubscriberOptions) {
    const { capacity, counters, memory = new QueueMemory(), onEnd } = options;
    this.#ring = new Ring(capacity, memory);
    this.#counters = counters;
    this.#memory = memory;
    this.#onEnd = onEnd;
    memory.addQueue(this);
  }

  /** Events dropped because the reader fell behind. */
  get lost(): number {
    return this.#lost;
  }

  /** Events taken by the reader. */
  get delivered(): number {
    return this.#delivered;
  }

  /** Events added to the queue. */
  get published(): number {
    return this.#published;
  }

  /** Events in the queue. */
  get waiting(): number {
    return this.#ring.size;
  }

  /** Adds an event; one that matched two keys is added once. */
  push(envelope: Envelope<T>): void {
    if (this.#ended || envelope.sequence === this.#newest) return;
    this.#newest = envelope.sequence;
    this.#published++;
    this.#counters.published++;
    envelope.holders++;
    const dropped = this.#ring.push(envelope);
    if (dropped !== undefined) {
      this.#memory.release(dropped);
      this.#lost++;
      this.#counters.dropped++;
    }
    if (this.#wakeReader !== undefined) this.#wake();
  }

  /**
   * Iterates over batches until `signal` fires or the queue ends; waits while the
   * queue is empty. Asking for the next batch means that the last one was sent.
   */
  async *batches(signal: AbortSignal): AsyncGenerator<PendingBatch<T>, void> {
    const onAbort = () => this.#wake();
    signal.addEventListener("abort", onAbort);
    try {
      while (!signal.aborted && !this.#ended) {
        if (this.#ring.size > 0) {
          yield this;
          this.#releaseInFlight();
        } else {
          await new Promise<void>((wake) => this.#wakeReader = wake);
        }
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  take(limit: number = Infinity): readonly Envelope<T>[] {
    this.#releaseInFlight();
    if (this.#ring.size === 0) return NONE;
    const batch = this.#ring.take(Math.min(limit, this.#memory.batchLimit));
    this.#inFlight = this.#memory.addInFlight(batch);
    this.#delivered += batch.length;
    this.#counters.sent += batch.length;
    return batch;
  }

  /** Drops and counts the oldest events until `length` are left. */
  shorten(length: number): void {
    while (this.#ring.size > length) {
      const dropped = this.#ring.shift();
      if (dropped) this.#memory.release(dropped);
      this.#lost++;
      this.#counters.dropped++;
    }
  }

  /** Frees slots that a longer queue needed. */
  compact(): void {
    this.#ring.compact();
  }

  /**
   * Releases the cached bytes of events that have waited since the last call; they
   * are encoded again when they are taken.
   */
  releaseEncoded(): void {
    const oldest = this.#published - this.#ring.size;
    const from = Math.max(oldest, this.#releasedUpTo);
    if (from < this.#sweptUpTo) {
      this.#ring.visit(from - oldest, this.#sweptUpTo - oldest, releaseEncoded);
    }
    this.#releasedUpTo = this.#sweptUpTo;
    this.#sweptUpTo = this.#published;
  }

  /** Ends the queue, drops its events and wakes the reader; idempotent. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#ring.visit(0, this.#ring.size, (each) => this.#memory.release(each));
    this.#ring.clear();
    this.#releaseInFlight();
    this.#memory.removeQueue(this);
    this.#onEnd?.();
    this.#wake();
  }

  [Symbol.dispose](): void {
    this.end();
  }

  /** Counts the last batch out: it was sent. */
  #releaseInFlight(): void {
    if (this.#inFlight === 0) return;
    this.#memory.removeInFlight(this.#inFlight);
    this.#inFlight = 0;
  }

  #wake(): void {
    const wake = this.#wakeReader;
    this.#wakeReader = undefined;
    wake?.();
  }
}

/** Empty bytes mark an event that cannot be encoded; the mark is kept. */
function releaseEncoded(envelope: Envelope<unknown>): void {
  if (envelope.encoded?.length) envelope.encoded = undefined;
}
