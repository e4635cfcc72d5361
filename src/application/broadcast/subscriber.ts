/**
 * One subscriber's bounded queue of a channel.
 *
 * The publisher never waits. The oldest event is dropped and counted when the queue is full, or
 * when it is among the longest queues while all of them exceed their memory
 * ({@linkcode QueueMemory}). Invariant: `published = sent + dropped + queued`. A waiting reader is
 * woken once, in a microtask, after everything that is published in the same turn. A queue that has
 * ended holds nothing.
 *
 * Events of one frame do not displace each other, because no reader runs while a frame is
 * published: a queue holds at most its capacity, or one frame that is larger, which the next one
 * shortens.
 *
 * Events are kept in segments: adding copies nothing, the slots of dropped events are freed, and a
 * batch of one segment is that segment itself.
 *
 * @module
 */
import type { ChannelCounters } from "../status/counters.ts";
import type { Envelope } from "./envelope.ts";
import { batchesOf, type EventQueue, type PendingBatch, type QueueEvents } from "./event_queue.ts";
import type { QueueMemory } from "./queue_memory.ts";

/** Events of a full segment. */
const SEGMENT = 512;

/** An empty batch or segment; never written to. */
const NONE: never[] = [];

/** Options of a {@linkcode Subscriber}. */
export interface SubscriberOptions<T> extends QueueEvents<T> {
  /** Events, a whole number of at least 1; exceeded only by one frame that is larger. */
  readonly capacity: number;
  readonly counters: ChannelCounters;
  /** Shared with the other queues. */
  readonly memory: QueueMemory;
}

/** A subscriber's bounded queue with one reader. */
export class Subscriber<T> implements EventQueue<T>, PendingBatch<Envelope<T>>, Disposable {
  readonly conflated = 0;
  readonly #capacity: number;
  readonly #counters: ChannelCounters;
  readonly #memory: QueueMemory;
  readonly #events: QueueEvents<T>;
  /** The segment of the oldest event; those that were removed are undefined. */
  #oldest: (Envelope<T> | undefined)[] = NONE;
  /** Position of the oldest event in its segment. */
  #head = 0;
  /** Full segments between the oldest and the newest one. */
  readonly #between: (Envelope<T> | undefined)[][] = [];
  /** The segment that is filled. */
  #newest: (Envelope<T> | undefined)[] = NONE;
  #queued = 0;
  #published = 0;
  #sent = 0;
  #dropped = 0;
  #lastSequence = 0;
  /** When the frame of the newest event arrived, and how many events of it were added. */
  #frameAt = NaN;
  #ofFrame = 0;
  /** Whether the queue has ended or has overflowed: no further event is added. */
  #closed = false;
  #ended = false;
  /** Resumes the reader that waits for events. */
  #wakeReader: (() => void) | undefined;
  /** Bytes of the batch that the reader has taken last. */
  #inFlight = 0;
  /** Events published before the last sweep, and before the one before it. */
  #sweptUpTo = 0;
  #releasedUpTo = 0;

  /** @throws RangeError when the capacity is not an integer of at least 1 */
  constructor({ capacity, counters, memory, ...events }: SubscriberOptions<T>) {
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new RangeError(`Queue capacity must be a whole number above 0, not ${capacity}`);
    }
    this.#capacity = capacity;
    this.#counters = counters;
    this.#memory = memory;
    this.#events = events;
    memory.addQueue(this);
  }

  get published(): number {
    return this.#published;
  }

  get sent(): number {
    return this.#sent;
  }

  get dropped(): number {
    return this.#dropped;
  }

  get queued(): number {
    return this.#queued;
  }

  get oldest(): Envelope<T> | undefined {
    return this.#queued > 0 ? this.#oldest[this.#head] : undefined;
  }

  get isReady(): boolean {
    return this.#queued > 0;
  }

  get isEnded(): boolean {
    return this.#ended;
  }

  get fill(): number {
    return this.#queued / this.#capacity;
  }

  enqueue(envelope: Envelope<T>): void {
    if (this.#closed || envelope.sequence === this.#lastSequence) return;
    if (envelope.receivedAt !== this.#frameAt) {
      this.#frameAt = envelope.receivedAt;
      this.#ofFrame = 0;
    }
    // The events of this frame are the newest, so all others are dropped before them.
    while (this.#queued >= this.#capacity && this.#queued > this.#ofFrame) {
      if (this.#events.onOverflow) return this.#overflow();
      this.#drop();
    }
    this.#lastSequence = envelope.sequence;
    this.#published++;
    this.#counters.published++;
    envelope.holders++;
    this.#ofFrame++;
    if (this.#queued++ === 0) this.#oldest = this.#newest = [envelope];
    else if (this.#newest.length < SEGMENT) this.#newest.push(envelope);
    else {
      if (this.#newest !== this.#oldest) this.#between.push(this.#newest);
      this.#newest = [envelope];
    }
    if (this.#wakeReader !== undefined) this.#wake();
  }

  batches(signal: AbortSignal): AsyncGenerator<PendingBatch<Envelope<T>>, void> {
    return batchesOf(this, signal);
  }

  onReady(wake: () => void): void {
    this.#wakeReader = wake;
  }

  take(limit: number = Infinity): readonly Envelope<T>[] {
    this.releaseInFlight();
    const count = Math.min(limit, this.#queued, this.#memory.batchLimit);
    if (count === 0) return NONE;
    let batch = this.#newest as Envelope<T>[];
    if (count === this.#queued && count === batch.length) this.#moveHead(count);
    else {
      batch = new Array(count);
      for (let taken = 0; taken < count;) {
        const oldest = this.#oldest;
        const end = Math.min(oldest.length, this.#head + count - taken);
        for (let at = this.#head; at < end; at++) {
          batch[taken++] = oldest[at] as Envelope<T>;
          oldest[at] = undefined;
        }
        this.#moveHead(end);
      }
    }
    this.#inFlight = this.#memory.addInFlight(batch);
    this.#sent += count;
    this.#counters.sent += count;
    this.#counters.onSent?.(batch[0] as Envelope<T>);
    return batch;
  }

  /** Drops and counts the oldest events until `length` are left; ends a queue without drops. */
  shorten(length: number): void {
    if (this.#queued > length && this.#events.onOverflow) this.#overflow();
    while (this.#queued > length) this.#drop();
  }

  /**
   * Releases the cached bytes of events that were queued at the last call; they are encoded again
   * when they are taken.
   */
  releaseEncoded(): void {
    const oldest = this.#published - this.#queued;
    for (let at = Math.max(oldest, this.#releasedUpTo); at < this.#sweptUpTo; at++) {
      const position = this.#head + at - oldest;
      const segment = position < SEGMENT
        ? this.#oldest
        : this.#between[Math.floor(position / SEGMENT) - 1] ?? this.#newest;
      const envelope = segment[position % SEGMENT];
      if (envelope) this.releaseBytes(envelope);
    }
    this.#releasedUpTo = this.#sweptUpTo;
    this.#sweptUpTo = this.#published;
  }

  /** Releases what an event that has waited holds and can be made again. */
  protected releaseBytes(envelope: Envelope<T>): void {
    // Empty bytes mark an event that cannot be encoded; the mark is kept.
    if (envelope.encoded?.length) envelope.encoded = envelope.encodedWithMeta = undefined;
  }

  /** Counts events out that the reader has taken and not sent. */
  protected uncountSent(count: number): void {
    this.#sent -= count;
    this.#counters.sent -= count;
  }

  /** Counts events as dropped that are not in the queue. */
  protected countDropped(count: number): void {
    this.#dropped += count;
    this.#counters.dropped += count;
  }

  /** Counts events as published that were not added. */
  protected countPublished(count: number): void {
    this.#published += count;
    this.#counters.published += count;
  }

  /** Ends the queue, removes its events and wakes the reader; idempotent. */
  end(): void {
    if (this.#ended) return;
    this.#ended = this.#closed = true;
    while (this.#queued > 0) this.#memory.release(this.#shift());
    this.releaseInFlight();
    this.#memory.removeQueue(this);
    this.#events.onEnd?.();
    this.#wake();
  }

  [Symbol.dispose](): void {
    this.end();
  }

  /** Drops and counts the oldest event of a queue that is not empty. */
  #drop(): void {
    const envelope = this.#shift();
    this.#memory.release(envelope);
    this.#dropped++;
    this.#counters.dropped++;
    this.#events.onDrop?.(envelope);
  }

  #overflow(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events.onOverflow?.();
    this.#wake();
  }

  /** Removes the oldest event of a queue that is not empty. */
  #shift(): Envelope<T> {
    const envelope = this.#oldest[this.#head] as Envelope<T>;
    this.#oldest[this.#head] = undefined;
    this.#moveHead(this.#head + 1);
    return envelope;
  }

  /** Moves the head to a later position, at most to the end of its segment. */
  #moveHead(to: number): void {
    this.#queued -= to - this.#head;
    this.#head = to;
    if (to < this.#oldest.length) return;
    this.#head = 0;
    if (this.#queued === 0) this.#oldest = this.#newest = NONE;
    else this.#oldest = this.#between.shift() ?? this.#newest;
  }

  releaseInFlight(): void {
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

/** A queue that takes only some of the events that match its keys. */
class SelectiveSubscriber<T> extends Subscriber<T> {
  readonly #accepts: (event: T) => boolean;

  constructor(options: SubscriberOptions<T>, accepts: (event: T) => boolean) {
    super(options);
    this.#accepts = accepts;
  }

  override enqueue(envelope: Envelope<T>): void {
    if (this.#accepts(envelope.event)) super.enqueue(envelope);
  }
}

/** Makes the queue of a stream; a class of its own, so that others have no check per event. */
export function subscriberOf<T>(
  options: SubscriberOptions<T>,
  { accepts }: { readonly accepts?: ((event: T) => boolean) | undefined },
): Subscriber<T> {
  return accepts ? new SelectiveSubscriber(options, accepts) : new Subscriber(options);
}
