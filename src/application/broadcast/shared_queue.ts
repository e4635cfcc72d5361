/**
 * The queue of all streams that receive every event of a channel.
 *
 * The events are kept once; each stream has a position in them. So a published event costs the same
 * for one stream and for thousands, and a stream that is never read costs nothing per event. Each
 * stream has the capacity, the counts and the guarantees of a {@linkcode Subscriber}: its oldest
 * events are dropped and counted when it falls behind by more than the capacity, except that events
 * of one frame do not displace each other.
 *
 * Events are kept in linked segments. A segment is released when no stream is in it or before it.
 *
 * @module
 */
import type { ChannelCounters } from "../status/counters.ts";
import type { Envelope } from "./envelope.ts";
import { batchesOf, type EventQueue, type PendingBatch } from "./event_queue.ts";
import type { QueueMemory } from "./queue_memory.ts";

/** Events of a full segment. */
const SEGMENT = 256;

/** Consecutive events. */
interface Segment<T> {
  /** Position of the first event. */
  readonly first: number;
  /** Emptied when all streams have taken them. */
  events: Envelope<T>[];
  /** Position after the last event. */
  end: number;
  next: Segment<T> | undefined;
  /** Streams whose position is in it. */
  readers: number;
}

/** Options of a {@linkcode SharedQueue}. */
export interface SharedQueueOptions<T> {
  /** Events that a stream may fall behind by, at least 1. */
  readonly capacity: number;
  readonly counters: ChannelCounters;
  readonly memory: QueueMemory;
  /** Releases what an event that has waited can make again. @default its cached bytes */
  readonly releaseBytes?: ((envelope: Envelope<T>) => void) | undefined;
}

/** Options of a {@linkcode Position}. */
interface PositionOptions<T> extends SharedQueueOptions<T> {
  readonly onEnd: () => void;
  readonly isPart: boolean;
}

/** Keeps the events that streams without a filter have not taken yet. */
export class SharedQueue<T> {
  readonly #options: SharedQueueOptions<T>;
  readonly #positions = new Set<Position<T>>();
  #oldest: Segment<T> = emptySegment(0);
  #newest: Segment<T> = this.#oldest;
  /** Position before which events are dropped. */
  #floor = 0;
  /** When the frame of the newest event arrived, and how many events of it were added. */
  #frameAt = NaN;
  #ofFrame = 0;
  /** Streams that have taken everything. */
  #caughtUp = 0;
  #waiting: Position<T>[] = [];
  /** Positions at the last sweep, and at the one before it. */
  #sweptUpTo = 0;
  #releasedUpTo = 0;

  constructor(options: SharedQueueOptions<T>) {
    this.#options = options;
  }

  /** Number of streams. */
  get size(): number {
    return this.#positions.size;
  }

  /** Position after the newest event. */
  get end(): number {
    return this.#newest.end;
  }

  /** Position before which events are dropped. */
  get floor(): number {
    return this.#floor;
  }

  /**
   * Adds a stream, which receives what is published from now on.
   *
   * @param options.isPart whether it is a part of a queue, which the memory shortens instead
   */
  add(onEnd: () => void, { isPart = false } = {}): Position<T> {
    const position = new Position<T>(this, { ...this.#options, onEnd, isPart }, this.#newest);
    this.#positions.add(position);
    this.#newest.readers++;
    this.#caughtUp++;
    return position;
  }

  /** Adds an event for all streams. */
  publish(envelope: Envelope<T>): void {
    const streams = this.#positions.size;
    if (streams === 0) return;
    const { capacity, counters } = this.#options;
    counters.published += streams;
    envelope.holders++;
    if (envelope.receivedAt !== this.#frameAt) {
      this.#frameAt = envelope.receivedAt;
      this.#ofFrame = 0;
    }
    this.#ofFrame++;
    this.#caughtUp = 0;
    if (this.#newest.events.length === SEGMENT) this.#addSegment();
    this.#newest.events.push(envelope);
    const end = ++this.#newest.end;
    const floor = end - Math.max(capacity, this.#ofFrame);
    if (floor > this.#floor) this.#floor = floor;
    if (this.#waiting.length > 0) this.#wakeAll();
  }

  /** Wakes a stream at the next event. */
  wait(position: Position<T>): void {
    this.#waiting.push(position);
  }

  /** A stream has moved from one segment to another. */
  move(from: Segment<T>, to: Segment<T>): void {
    to.readers++;
    this.#leave(from);
  }

  /** A stream has taken everything. */
  catchUp(): void {
    this.#caughtUp++;
    this.#releaseTaken();
  }

  /** Removes a stream. */
  delete(position: Position<T>, segment: Segment<T>, isCaughtUp: boolean): void {
    this.#positions.delete(position);
    this.#waiting = this.#waiting.filter((other) => other !== position);
    if (isCaughtUp) this.#caughtUp--;
    this.#leave(segment);
    if (this.#positions.size > 0) return this.#releaseTaken();
    for (let at: Segment<T> | undefined = this.#oldest; at; at = at.next) this.#release(at);
    this.#oldest = this.#newest = emptySegment(this.#newest.end);
  }

  /**
   * Releases the cached bytes of events that were kept at the last two sweeps. Every stream calls
   * it once per sweep; only the call of the first one has an effect.
   */
  sweep(position: Position<T>): void {
    if (position !== this.#positions.values().next().value) return;
    const release = this.#options.releaseBytes ?? releaseEncoded;
    for (let at: Segment<T> | undefined = this.#oldest; at; at = at.next) {
      if (at.end <= this.#releasedUpTo) continue;
      if (at.first >= this.#sweptUpTo) break;
      for (const envelope of at.events.slice(0, this.#sweptUpTo - at.first)) {
        release(envelope);
      }
    }
    this.#releasedUpTo = this.#sweptUpTo;
    this.#sweptUpTo = this.end;
  }

  /** Starts a segment, after moving all streams to what is not dropped. */
  #addSegment(): void {
    const next = emptySegment<T>(this.#newest.end);
    this.#newest.next = next;
    this.#newest = next;
    if (this.#oldest.end > this.#floor) return;
    for (const position of this.#positions) position.settle();
    this.#releaseOldest();
  }

  /** Releases the newest segment if all streams have taken its events. */
  #releaseTaken(): void {
    if (this.#caughtUp < this.#positions.size || this.#newest.events.length === 0) return;
    this.#release(this.#newest);
    this.#addSegment();
  }

  #leave(segment: Segment<T>): void {
    segment.readers--;
    if (segment === this.#oldest) this.#releaseOldest();
  }

  #releaseOldest(): void {
    while (this.#oldest.readers === 0 && this.#oldest.next) {
      this.#release(this.#oldest);
      this.#oldest = this.#oldest.next;
    }
  }

  #release(segment: Segment<T>): void {
    for (const envelope of segment.events) this.#options.memory.release(envelope);
    segment.events = [];
  }

  #wakeAll(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const position of waiting) position.wake();
  }
}

function releaseEncoded(envelope: Envelope<unknown>): void {
  // Empty bytes mark an event that cannot be encoded; the mark is kept.
  if (envelope.encoded?.length) envelope.encoded = envelope.encodedWithMeta = undefined;
}

function emptySegment<T>(first: number): Segment<T> {
  return { first, events: [], end: first, next: undefined, readers: 0 };
}

/** One stream's position in a {@linkcode SharedQueue}. */
export class Position<T> implements EventQueue<T>, PendingBatch<Envelope<T>>, Disposable {
  readonly conflated = 0;
  readonly #queue: SharedQueue<T>;
  readonly #options: PositionOptions<T>;
  readonly #start: number;
  #segment: Segment<T>;
  /** Position of the next event. */
  #next: number;
  #dropped = 0;
  #sent = 0;
  #inFlight = 0;
  /** The end of the queue when this stream ended. */
  #endedAt: number | undefined;
  #wakeReader: (() => void) | undefined;
  #isWaiting = false;

  constructor(
    queue: SharedQueue<T>,
    options: PositionOptions<T>,
    segment: Segment<T>,
  ) {
    this.#queue = queue;
    this.#options = options;
    this.#segment = segment;
    this.#start = this.#next = queue.end;
    if (!options.isPart) options.memory.addQueue(this);
  }

  get published(): number {
    return (this.#endedAt ?? this.#queue.end) - this.#start;
  }

  get sent(): number {
    return this.#sent;
  }

  get dropped(): number {
    this.settle();
    return this.#dropped;
  }

  get queued(): number {
    this.settle();
    return this.isEnded ? 0 : this.#queue.end - this.#next;
  }

  get fill(): number {
    return this.queued / this.#options.capacity;
  }

  get oldest(): Envelope<T> | undefined {
    if (this.queued === 0) return undefined;
    const segment = this.#enter();
    return segment.events[this.#next - segment.first];
  }

  get isReady(): boolean {
    return this.queued > 0;
  }

  get isEnded(): boolean {
    return this.#endedAt !== undefined;
  }

  /** Not called: the shared queue adds each event for all streams. */
  enqueue(): void {}

  onReady(wake: () => void): void {
    this.#wakeReader = wake;
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#queue.wait(this);
  }

  /** Resumes the reader that waits for events. */
  wake(): void {
    const wake = this.#wakeReader;
    this.#isWaiting = false;
    this.#wakeReader = undefined;
    wake?.();
  }

  batches(signal: AbortSignal): AsyncGenerator<PendingBatch<Envelope<T>>, void> {
    return batchesOf(this, signal);
  }

  take(limit: number = Infinity): readonly Envelope<T>[] {
    this.releaseInFlight();
    const { memory, counters } = this.#options;
    let count = Math.min(limit, this.queued, memory.batchLimit);
    if (count === 0) return [];
    let batch: Envelope<T>[] | undefined;
    while (count > 0) {
      const segment = this.#enter();
      const from = this.#next - segment.first;
      const part = segment.events.slice(from, from + count);
      if (batch) batch.push(...part);
      else batch = part;
      count -= part.length;
      this.#next += part.length;
    }
    const taken = batch ?? [];
    this.#inFlight = memory.addInFlightShared(taken);
    this.#sent += taken.length;
    counters.sent += taken.length;
    counters.onSent?.(taken[0] as Envelope<T>);
    if (this.#next === this.#queue.end) this.#queue.catchUp();
    return taken;
  }

  /** The queued events, oldest first; they stay in the queue. */
  *pending(): Generator<Envelope<T>, void> {
    let left = this.queued;
    if (left === 0) return;
    let segment: Segment<T> | undefined = this.#enter();
    for (let from = this.#next - segment.first; segment && left > 0; from = 0) {
      const part: readonly Envelope<T>[] = segment.events.slice(from);
      yield* part;
      left -= part.length;
      segment = segment.next;
    }
  }

  shorten(length: number): void {
    this.#dropTo(this.#queue.end - length);
  }

  releaseEncoded(): void {
    this.#queue.sweep(this);
  }

  releaseInFlight(): void {
    if (this.#inFlight === 0) return;
    this.#options.memory.removeInFlight(this.#inFlight);
    this.#inFlight = 0;
  }

  /** Drops and counts what the capacity does not hold. */
  settle(): void {
    if (this.#next < this.#queue.floor) this.#dropTo(this.#queue.floor);
  }

  end(): void {
    if (this.isEnded) return;
    const isCaughtUp = this.queued === 0;
    this.#endedAt = this.#queue.end;
    this.releaseInFlight();
    this.#queue.delete(this, this.#segment, isCaughtUp);
    this.#options.memory.removeQueue(this);
    this.#options.onEnd();
    this.wake();
  }

  [Symbol.dispose](): void {
    this.end();
  }

  #dropTo(position: number): void {
    const dropped = position - this.#next;
    if (this.isEnded || dropped <= 0) return;
    this.#dropped += dropped;
    this.#options.counters.dropped += dropped;
    this.#next = position;
    this.#enter();
    if (this.#next === this.#queue.end) this.#queue.catchUp();
  }

  /** Moves to the segment of the next event, and returns it. */
  #enter(): Segment<T> {
    const from = this.#segment;
    let segment = from;
    while (this.#next >= segment.end && segment.next) segment = segment.next;
    if (segment !== from) {
      this.#segment = segment;
      this.#queue.move(from, segment);
    }
    return segment;
  }
}
