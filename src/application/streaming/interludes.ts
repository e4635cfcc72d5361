/**
 * What a stream with options sends beside the messages of its queue: notices, last events of
 * contracts that enter a selection, and what was missed in outages.
 *
 * Each interlude has a position in the queue: it is taken after the messages that were published
 * before it. One whose items are being fetched holds back everything behind it.
 *
 * @module
 */
import type { EventQueue } from "../broadcast/event_queue.ts";
import type { QueueMemory } from "../broadcast/queue_memory.ts";
import type { StreamItem } from "./market_streams.ts";

/** Items that are sent before the live message at a position of the queue. */
export interface Interlude<T> {
  /** Events published to the queue before it. */
  readonly at: number;
  /** `undefined` while they are being fetched. */
  readonly items: readonly StreamItem<T>[] | undefined;
  /** Items that were taken. */
  readonly taken: number;
}

type Mutable<I> = { -readonly [K in keyof I]: I[K] };

/** What the interludes of a stream need. */
interface InterludesOptions<T> {
  /** The stream's queue; not called before the first interlude. */
  readonly queue: () => EventQueue<T>;
  /** Whether the queue has the order of the events; if not, interludes come first. */
  readonly isOrdered: boolean;
  readonly memory: QueueMemory;
}

/** The interludes of one stream, in order. */
export class Interludes<T> {
  readonly #options: InterludesOptions<T>;
  #waiting: Mutable<Interlude<T>>[] = [];
  #notices = 0;
  #firstEvents = 0;

  constructor(options: InterludesOptions<T>) {
    this.#options = options;
  }

  /** Notices that wait. */
  get notices(): number {
    return this.#notices;
  }

  /** Last events of selected contracts that wait. */
  get firstEvents(): number {
    return this.#firstEvents;
  }

  /** The last interlude, if it is at the present position of the queue. */
  get atPresent(): Interlude<T> | undefined {
    const last = this.#waiting.at(-1);
    return last?.at === this.#options.queue().published ? last : undefined;
  }

  /** Queued events that come before the next interlude; `Infinity` without one. */
  get ahead(): number {
    const [next] = this.#waiting;
    if (!next) return Infinity;
    if (!this.#options.isOrdered) return 0;
    const { published, queued } = this.#options.queue();
    return next.at - (published - queued);
  }

  /** Whether the next interlude has its items. */
  get isReady(): boolean {
    return this.#waiting[0]?.items !== undefined;
  }

  /** Adds items at the present position of the queue. */
  add(items: readonly StreamItem<T>[]): Interlude<T> {
    const interlude = this.hold();
    this.fill(interlude, items);
    return interlude;
  }

  /** Adds an interlude whose items follow. */
  hold(): Interlude<T> {
    const interlude = { at: this.#options.queue().published, items: undefined, taken: 0 };
    this.#waiting.push(interlude);
    return interlude;
  }

  /** Sets the items of an interlude, in place of earlier ones. */
  fill(interlude: Interlude<T>, items: readonly StreamItem<T>[]): void {
    this.#count(items, 1);
    for (const item of items) if (!("notice" in item)) this.#options.memory.addHolder(item);
    this.#release(interlude.items ?? []);
    (interlude as Mutable<Interlude<T>>).items = items;
  }

  /** Removes an interlude that waits. */
  remove(interlude: Interlude<T>): void {
    const at = this.#waiting.indexOf(interlude);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    this.#release(interlude.items?.slice(interlude.taken) ?? []);
  }

  /** Takes items of the next interlude; `undefined` while they are being fetched. */
  take(limit: number): readonly StreamItem<T>[] | undefined {
    const [next] = this.#waiting;
    if (!next?.items) return undefined;
    const some = next.items.slice(next.taken, next.taken + limit);
    next.taken += some.length;
    this.#release(some);
    if (next.taken === next.items.length) this.#waiting.shift();
    return some;
  }

  /** Releases what was not taken. */
  end(): void {
    for (const { items = [], taken } of this.#waiting) this.#release(items.slice(taken));
    this.#waiting = [];
  }

  #release(items: readonly StreamItem<T>[]): void {
    this.#count(items, -1);
    for (const item of items) if (!("notice" in item)) this.#options.memory.release(item);
  }

  #count(items: readonly StreamItem<T>[], by: 1 | -1): void {
    for (const item of items) {
      if ("notice" in item) this.#notices += by;
      else if (item.origin === "snapshot") this.#firstEvents += by;
    }
  }
}
