/**
 * Limits the memory of all subscriber queues together.
 *
 * Counted, in bytes:
 *
 * - queued: each event that at least one queue holds, once for all queues that share it
 *   ({@linkcode Envelope.holders}), and a slot in each of them;
 * - in flight: batches that readers have taken and not sent yet.
 *
 * When the queued bytes exceed the limit, the longest queues are shortened to a common length,
 * oldest events first, until a 64th of the limit is free. Shortening visits all queues, but frees
 * so much that its cost per published event is constant; where it cannot free as much, it is
 * repeated after a 64th more is held, or a second later. Below the limit, a publisher only adds and
 * compares.
 *
 * Batches in flight cannot be dropped. The more is in flight, the smaller are new batches, so that
 * all of them use at most a quarter of the limit, plus {@linkcode SMALLEST_BATCH} events per
 * reader.
 *
 * @module
 */
import type { Envelope } from "./envelope.ts";
import { SLOT_BYTES } from "./memory_needs.ts";

/** Largest batch in events, to limit the memory of one write. */
export const LARGEST_BATCH = 8_192;
/** Smallest limit of a batch in events. */
export const SMALLEST_BATCH = 16;

/** Assumed bytes per event of a batch that is not taken yet. */
const FLIGHT_BYTES = 400;
/** Part of the limit that may be in flight. */
const FLIGHT_SHARE = 1 / 4;
/** Part of the remaining flight memory that one batch may use. */
const BATCH_SHARE = 1 / 16;
/** Part of the limit that the openings of streams may use. */
const OPENING_SHARE = 1 / 8;
/** Bytes per event of an opening: its slot, and a copy while it is sent. */
const OPENING_SLOT_BYTES = 16;
/** Part of the limit that shortening frees. */
const FREED_SHARE = 1 / 64;
/** Smallest part of all queued events that one step of shortening drops. */
const LEAST_PART = 1 / 64;

/** A queue that can be shortened. */
export interface LimitedQueue {
  /** Events that wait to be taken. */
  readonly queued: number;
  /** Drops and counts the oldest events until `length` are left. */
  shorten(length: number): void;
  /** Releases the cached bytes of events that were queued at the last call. */
  releaseEncoded(): void;
}

/** Counts the memory of all queues and enforces its limit. */
export class QueueMemory {
  /** Bytes of all queues together; `Infinity` for no limit. */
  readonly limit: number;
  /** Queued bytes that are allowed with any number of bytes in flight. */
  readonly #leastQueueLimit: number;
  #queued = 0;
  #inFlight = 0;
  /** Below this number of queued bytes, shortening is known to free too little. */
  #futileUpTo = 0;
  readonly #queues = new Set<LimitedQueue>();
  /** Slots of the openings of streams. */
  readonly #openings = new Map<object, number>();
  #openingSlots = 0;

  /** @param limit bytes, above 0 */
  constructor(limit: number = Infinity) {
    this.limit = limit;
    this.#leastQueueLimit = limit * (1 - FLIGHT_SHARE);
  }

  /** Estimated bytes of everything that queues and readers hold. */
  get bytes(): number {
    return this.#queued + this.#inFlight;
  }

  /** Adds a queue, which can be shortened from now on. */
  addQueue(queue: LimitedQueue): void {
    this.#queues.add(queue);
  }

  /** Removes a queue, which has to be empty. */
  removeQueue(queue: LimitedQueue): void {
    this.#queues.delete(queue);
  }

  /** Counts an event that was just added to its holders. */
  hold(envelope: Envelope<unknown>): void {
    this.#queued += envelope.bytes + envelope.holders * SLOT_BYTES;
    if (this.#queued > this.#leastQueueLimit) this.#enforceLimit();
  }

  /**
   * Adds the slots of what a stream sends before its first live event.
   *
   * @returns false, without an effect, if all openings together exceed their part of the limit
   */
  addOpening(opening: object, slots: number): boolean {
    const all = this.#openingSlots + slots;
    const isFirst = this.#openingSlots === 0;
    if (!isFirst && all * OPENING_SLOT_BYTES > this.limit * OPENING_SHARE) return false;
    this.#openings.set(opening, slots);
    this.#openingSlots = all;
    return true;
  }

  /** Removes an opening; idempotent. */
  removeOpening(opening: object): void {
    this.#openingSlots -= this.#openings.get(opening) ?? 0;
    this.#openings.delete(opening);
  }

  /** Counts one more holder of an event that may be held already. */
  addHolder(envelope: Envelope<unknown>): void {
    this.#queued += envelope.holders++ === 0 ? envelope.bytes + SLOT_BYTES : SLOT_BYTES;
  }

  /** Counts an event that one queue has dropped. */
  release(envelope: Envelope<unknown>): void {
    this.#queued -= --envelope.holders === 0 ? envelope.bytes + SLOT_BYTES : SLOT_BYTES;
  }

  /** Adds bytes that a queue needs beside its events, or removes them if below 0. */
  adjust(bytes: number): void {
    this.#queued += bytes;
  }

  /** Limit of the next batch in events. */
  get batchLimit(): number {
    const room = this.limit * FLIGHT_SHARE - this.#inFlight;
    const events = Math.floor(room * BATCH_SHARE / FLIGHT_BYTES);
    return Math.max(SMALLEST_BATCH, Math.min(LARGEST_BATCH, events));
  }

  /**
   * Moves a batch from its queue to the memory in flight.
   *
   * @returns bytes for {@linkcode QueueMemory.removeInFlight}
   */
  addInFlight(batch: readonly Envelope<unknown>[]): number {
    let taken = 0;
    for (let i = 0; i < batch.length; i++) {
      const envelope = batch[i] as Envelope<unknown>;
      taken += envelope.bytes;
      this.#queued -= --envelope.holders === 0 ? envelope.bytes + SLOT_BYTES : SLOT_BYTES;
    }
    return this.#addInFlight(taken);
  }

  /** Adds a batch to the memory in flight that its queue keeps for other streams. */
  addInFlightShared(batch: readonly Envelope<unknown>[]): number {
    let taken = 0;
    for (let i = 0; i < batch.length; i++) taken += (batch[i] as Envelope<unknown>).bytes;
    return this.#addInFlight(taken);
  }

  /** Counts a batch out that was sent. */
  removeInFlight(bytes: number): void {
    this.#inFlight -= bytes;
  }

  /**
   * Releases cached bytes that only slow readers can need. They are slices of larger blocks, so
   * that a few old ones can retain much more than their size.
   */
  sweep(): void {
    this.#futileUpTo = 0;
    for (const queue of this.#queues) queue.releaseEncoded();
  }

  /** Bytes for queues: the limit less what is in flight, at least three quarters. */
  get #queueLimit(): number {
    return this.limit - Math.min(this.#inFlight, this.limit * FLIGHT_SHARE);
  }

  #addInFlight(taken: number): number {
    // Half as much again for the encoded and framed bytes.
    const bytes = taken + (taken >>> 1);
    this.#inFlight += bytes;
    if (this.#queued > this.#leastQueueLimit) this.#enforceLimit();
    return bytes;
  }

  #enforceLimit(): void {
    if (this.#queued <= this.#queueLimit || this.#queued <= this.#futileUpTo) return;
    const freed = this.limit * FREED_SHARE;
    const target = this.#queueLimit - freed;
    this.#shorten(target);
    this.#futileUpTo = this.#queued > target ? this.#queued + freed : 0;
  }

  /** Shortens the longest queues until all hold `target` bytes, if possible. */
  #shorten(target: number): void {
    const queues = [...this.#queues]
      .filter(({ queued }) => queued > 1)
      .sort((a, b) => b.queued - a.queued);
    while (this.#queued > target && queues.length > 0) {
      const part = Math.max(LEAST_PART, 1 - target / this.#queued);
      const length = commonLength(queues, part);
      for (const queue of queues) {
        if (queue.queued <= length) break;
        queue.shorten(length);
      }
      if (length <= 1) break;
    }
  }
}

/**
 * Returns the length, at least 1, to which the longest queues have to be shortened to drop a part
 * of all queued events.
 *
 * @param queues longest first
 * @param part of all events, above 0
 */
function commonLength(queues: readonly LimitedQueue[], part: number): number {
  let events = 0;
  for (const { queued } of queues) events += queued;
  const surplus = Math.max(1, events * part);
  let longest = 0;
  for (let count = 1; count <= queues.length; count++) {
    longest += queues[count - 1]?.queued ?? 0;
    const length = Math.floor((longest - surplus) / count);
    if (length >= (queues[count]?.queued ?? 0)) return Math.max(1, length);
  }
  return 1;
}
