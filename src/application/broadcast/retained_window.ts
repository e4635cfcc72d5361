/**
 * The newest events of a channel, retained so that a stream can continue after a position, with the
 * gaps between them.
 *
 * Positions are contiguous, so an event is found by its position. The window is bounded in events
 * and, with all queues, in bytes.
 *
 * @module
 */
import { type Gap, mergeGaps } from "../../domain/market/notices.ts";
import type { Envelope } from "./envelope.ts";
import type { LimitedQueue, QueueMemory } from "./queue_memory.ts";

/** What was received since a moment; times are wall clock ms of the receipt. */
export interface ReceivedSince<T> {
  /** Newest first. */
  readonly events: readonly Envelope<T>[];
  /** When events began to be retained. */
  readonly retainedSince: number;
  /** When the newest event was received that is not retained any more; `-Infinity` for none. */
  readonly droppedUntil: number;
}

/** A gap that streams have been sent after a position. */
export interface RetainedGap {
  /** Position of the channel at the gap. */
  readonly sequence: number;
  readonly gap: Gap;
  /** All affected symbols; `undefined` for every symbol but those of `except`. */
  readonly symbols: ReadonlySet<string> | undefined;
  readonly except?: ReadonlySet<string> | undefined;
  /** Unreadable messages of each symbol. @default one each */
  readonly counts?: ReadonlyMap<string, number> | undefined;
}

/** Gaps that are retained; an older one limits how far a stream can continue. */
const MAX_GAPS = 1_000;

/** Retains the newest events of a channel. */
export class RetainedWindow<T> implements LimitedQueue {
  readonly #capacity: number;
  readonly #memory: QueueMemory;
  /** The event of position `p` is at `(p - first) % capacity`. */
  readonly #slots: (Envelope<T> | undefined)[] = [];
  readonly #first: number;
  #oldest: number;
  #newest: number;
  readonly #gaps: RetainedGap[] = [];
  /** Position after which all gaps are retained. */
  #gapsSince: number;
  readonly #startedAt: number;
  #droppedUntil = -Infinity;

  /**
   * @param capacity events, at least 1
   * @param start position of the channel and wall clock ms after which events are retained
   */
  constructor(
    capacity: number,
    start: { readonly sequence: number; readonly now: number },
    memory: QueueMemory,
  ) {
    const { sequence, now } = start;
    this.#startedAt = now;
    this.#capacity = capacity;
    this.#memory = memory;
    this.#first = this.#oldest = sequence + 1;
    this.#newest = this.#gapsSince = sequence;
    memory.addQueue(this);
  }

  get queued(): number {
    return this.#newest - this.#oldest + 1;
  }

  /** Retains the next event, in place of the oldest one if the window is full. */
  add(envelope: Envelope<T>): void {
    if (this.queued === this.#capacity) this.#drop();
    envelope.holders++;
    this.#newest = envelope.sequence;
    this.#slots[(envelope.sequence - this.#first) % this.#capacity] = envelope;
  }

  /** Retains a gap at the present position; consecutive unreadable messages are one gap. */
  addGap(added: RetainedGap): void {
    const last = this.#gaps.at(-1);
    const isSame = last?.sequence === added.sequence && last.gap.reason === "unreadable" &&
      added.gap.reason === "unreadable";
    if (isSame) this.#gaps[this.#gaps.length - 1] = merged(last, added);
    else this.#gaps.push(added);
    if (this.#gaps.length <= MAX_GAPS) return;
    const dropped = this.#gaps.shift();
    if (dropped) this.#gapsSince = dropped.sequence + 1;
  }

  /** Whether all events after a position are retained, with the gaps between them. */
  reaches(sequence: number): boolean {
    return this.#oldest <= sequence + 1 && this.hasGapsSince(sequence);
  }

  /** Whether all gaps after a position are retained, if not the events. */
  hasGapsSince(sequence: number): boolean {
    return this.#gapsSince <= sequence && sequence <= this.#newest;
  }

  /** Events and gaps after a position, in order. */
  *after(sequence: number): Generator<Envelope<T> | RetainedGap, void> {
    let next = 0;
    while (next < this.#gaps.length && (this.#gaps[next] as RetainedGap).sequence < sequence) {
      next++;
    }
    for (let at = Math.max(sequence + 1, this.#oldest); at <= this.#newest; at++) {
      for (; next < this.#gaps.length; next++) {
        const gap = this.#gaps[next] as RetainedGap;
        if (gap.sequence >= at) break;
        yield gap;
      }
      yield this.#slots[(at - this.#first) % this.#capacity] as Envelope<T>;
    }
    yield* this.#gaps.slice(next);
  }

  /** The position of the newest event for which `isWanted` holds. */
  find(isWanted: (event: T) => boolean): number | undefined {
    for (let at = this.#newest; at >= this.#oldest; at--) {
      const envelope = this.#slots[(at - this.#first) % this.#capacity];
      if (envelope && isWanted(envelope.event)) return at;
    }
    return undefined;
  }

  /** Events that were received at or after `since`, in wall clock ms. */
  receivedSince(since: number): ReceivedSince<T> {
    const events: Envelope<T>[] = [];
    for (let at = this.#newest; at >= this.#oldest; at--) {
      const envelope = this.#slots[(at - this.#first) % this.#capacity] as Envelope<T>;
      if (envelope.receivedAt < since) break;
      events.push(envelope);
    }
    return { events, retainedSince: this.#startedAt, droppedUntil: this.#droppedUntil };
  }

  /** Gaps after a position, in order. */
  gapsAfter(sequence: number): readonly RetainedGap[] {
    return this.#gaps.filter((gap) => gap.sequence >= sequence);
  }

  shorten(length: number): void {
    while (this.queued > length) this.#drop();
  }

  /** Releases the oldest events until one was received at or after a moment. */
  releaseBefore(receivedAt: number): void {
    while (this.queued > 0) {
      const oldest = this.#slots[(this.#oldest - this.#first) % this.#capacity];
      if (oldest && oldest.receivedAt >= receivedAt) return;
      this.#drop();
    }
  }

  releaseEncoded(): void {
    // The queues of streams release what they have not sent for long.
  }

  /** Releases everything. */
  end(): void {
    this.shorten(0);
    this.#memory.removeQueue(this);
  }

  #drop(): void {
    const at = (this.#oldest - this.#first) % this.#capacity;
    const envelope = this.#slots[at] as Envelope<T>;
    this.#slots[at] = undefined;
    this.#oldest++;
    this.#droppedUntil = envelope.receivedAt;
    this.#memory.release(envelope);
    let gap = this.#gaps[0];
    for (; gap && gap.sequence + 1 < this.#oldest; gap = this.#gaps[0]) {
      this.#gaps.shift();
      this.#gapsSince = Math.max(this.#gapsSince, gap.sequence + 1);
    }
  }
}

/** Symbols of the largest gap of unreadable messages that lists them. */
const MAX_MERGED = 1_000;

function merged(some: RetainedGap, others: RetainedGap): RetainedGap {
  const gap = mergeGaps(some.gap, others.gap);
  const counts = some.symbols && others.symbols && sum(countsOf(some), countsOf(others));
  if (!counts || counts.size > MAX_MERGED) {
    return { ...some, gap: { ...gap, count: 0 }, symbols: undefined, counts: undefined };
  }
  return { ...some, gap, symbols: new Set(counts.keys()), counts };
}

function countsOf({ counts, symbols }: RetainedGap): ReadonlyMap<string, number> {
  return counts ?? new Map(Array.from(symbols ?? [], (symbol) => [symbol, 1]));
}

function sum(
  some: ReadonlyMap<string, number>,
  others: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const all = new Map(some);
  for (const [symbol, count] of others) all.set(symbol, (all.get(symbol) ?? 0) + count);
  return all;
}
