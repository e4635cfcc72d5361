/**
 * One memory budget for what all client queues hold together.
 *
 * What counts, in bytes:
 *
 * - slots: 8 for each slot of each queue, used or not;
 * - envelopes: each event that at least one queue holds, once, however many
 *   queues share it ({@linkcode Envelope.holders});
 * - in flight: batches that readers have taken and not finished with.
 *
 * When slots and envelopes exceed the limit, unused slots are freed, and then the
 * longest queues are shortened to a common length, oldest events first, until a
 * 64th of the limit is free. Shortening visits all queues, but frees so much that
 * its cost per published event is constant; where it cannot free as much, it is
 * repeated after a 64th more is held, or a second later. A publisher without
 * pressure adds and compares.
 * What is in flight cannot be taken back: batches become smaller while much of
 * it is, so that it stays within a quarter of the limit, but for
 * {@linkcode SMALLEST_BATCH} events a reader.
 *
 * @module
 */
import type { Envelope } from "./envelope.ts";
import { SLOT_BYTES } from "./memory_needs.ts";
import type { SlotUsage } from "./ring.ts";

/** Most events in one batch, so that one write stays within sane memory. */
export const LARGEST_BATCH = 8_192;
/** Events that a batch may have however much is in flight. */
export const SMALLEST_BATCH = 16;

/** Bytes that a batch is assumed to need for each event before it is taken. */
const FLIGHT_BYTES = 400;
/** Part of the limit that may be in flight. */
const FLIGHT_SHARE = 1 / 4;
/** Part of the remaining room that one batch may use. */
const BATCH_SHARE = 1 / 16;
/** Part of the limit that shortening frees. */
const FREED_SHARE = 1 / 64;

/** Least part of all waiting events that one step of shortening drops. */
const LEAST_PART = 1 / 64;

/** A queue, as far as shortening it goes. */
export interface HoldingQueue {
  /** Events that wait to be taken. */
  readonly waiting: number;
  /** Frees slots that it does not use. */
  compact(): void;
  /** Drops the oldest events until `length` are left, and counts them as lost. */
  shorten(length: number): void;
  /** Drops the cached bytes of events that have waited since the last call. */
  forgetEncoded(): void;
}

/** What all queues hold, and its limit. */
export class QueueMemory implements SlotUsage {
  /** Bytes that all queues may hold together; `Infinity` without a budget. */
  readonly limit: number;
  /** Allocated slots of all queues; kept by their rings. */
  slots = 0;
  /** Bytes in flight up to which a batch may have its full length. */
  readonly #freeFlight: number;
  #envelopes = 0;
  #inFlight = 0;
  /** Bytes up to which shortening is known to free too little. */
  #futileUpTo = 0;
  readonly #queues = new Set<HoldingQueue>();

  /** @param limit bytes, above 0 */
  constructor(limit: number = Infinity) {
    this.limit = limit;
    this.#freeFlight = limit * FLIGHT_SHARE -
      LARGEST_BATCH * FLIGHT_BYTES / BATCH_SHARE;
  }

  /** Estimated bytes of everything that queues and readers hold. */
  get bytes(): number {
    return this.#queued + this.#inFlight;
  }

  /** Counts a queue in. */
  enter(queue: HoldingQueue): void {
    this.#queues.add(queue);
  }

  /** Counts a queue out; it has to hold nothing by then. */
  leave(queue: HoldingQueue): void {
    this.#queues.delete(queue);
  }

  /** Counts an event that at least one queue has just taken up. */
  hold(envelope: Envelope<unknown>): void {
    this.#envelopes += envelope.bytes;
    this.#fit();
  }

  /** A queue has let an event go. */
  release(envelope: Envelope<unknown>): void {
    if (--envelope.holders === 0) this.#envelopes -= envelope.bytes;
  }

  /** Events that the next batch may have. */
  get batchLimit(): number {
    if (this.#inFlight <= this.#freeFlight) return LARGEST_BATCH;
    const room = this.limit * FLIGHT_SHARE - this.#inFlight;
    const events = Math.floor(room * BATCH_SHARE / FLIGHT_BYTES);
    return Math.max(SMALLEST_BATCH, Math.min(LARGEST_BATCH, events));
  }

  /**
   * Moves a batch from a queue to its reader.
   *
   * @returns bytes in flight, for {@linkcode QueueMemory.land}
   */
  depart(batch: readonly Envelope<unknown>[]): number {
    let taken = 0;
    let released = 0;
    for (let i = 0; i < batch.length; i++) {
      const envelope = batch[i] as Envelope<unknown>;
      taken += envelope.bytes;
      if (--envelope.holders === 0) released += envelope.bytes;
    }
    this.#envelopes -= released;
    // Half as much again for what a batch is encoded and framed to.
    const bytes = taken + (taken >>> 1);
    this.#inFlight += bytes;
    this.#fit();
    return bytes;
  }

  /** A reader has finished with a batch. */
  land(bytes: number): void {
    this.#inFlight -= bytes;
  }

  /**
   * Drops cached bytes that only late readers can need. They are parts of
   * larger blocks, so that a few old ones could retain much more than they are.
   */
  sweep(): void {
    this.#futileUpTo = 0;
    for (const queue of this.#queues) queue.forgetEncoded();
  }

  get #queued(): number {
    return this.#envelopes + this.slots * SLOT_BYTES;
  }

  /** What queues may hold; more than a quarter is never reserved for batches. */
  get #queueLimit(): number {
    return this.limit - Math.min(this.#inFlight, this.limit * FLIGHT_SHARE);
  }

  #fit(): void {
    const queued = this.#queued;
    if (queued <= this.#queueLimit || queued <= this.#futileUpTo) return;
    const freed = this.limit * FREED_SHARE;
    const target = this.#queueLimit - freed;
    for (const queue of this.#queues) queue.compact();
    this.#shorten(target);
    this.#futileUpTo = this.#queued > target ? this.#queued + freed : 0;
  }

  /** Shortens the longest queues until they hold `target` bytes, if they can. */
  #shorten(target: number): void {
    const queues = [...this.#queues]
      .filter(({ waiting }) => waiting > 1)
      .sort((a, b) => b.waiting - a.waiting);
    while (this.#queued > target && queues.length > 0) {
      const part = Math.max(LEAST_PART, 1 - target / this.#queued);
      const length = commonLength(queues, part);
      for (const queue of queues) {
        if (queue.waiting <= length) break;
        queue.shorten(length);
      }
      if (length <= 1) break;
    }
  }
}

/**
 * The length to which the longest queues have to be shortened for a part of
 * all waiting events to go; at least 1.
 *
 * @param queues longest first
 * @param part of all events, above 0
 */
function commonLength(queues: readonly HoldingQueue[], part: number): number {
  let events = 0;
  for (const { waiting } of queues) events += waiting;
  const surplus = Math.max(1, events * part);
  let longest = 0;
  for (let count = 1; count <= queues.length; count++) {
    longest += queues[count - 1]?.waiting ?? 0;
    const length = Math.floor((longest - surplus) / count);
    if (length >= (queues[count]?.waiting ?? 0)) return Math.max(1, length);
  }
  return 1;
}
