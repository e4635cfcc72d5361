/**
 * Broadcasts the events of one data type to its subscribers.
 *
 * `publish` numbers an event, finds the subscribers of its keys and adds one shared envelope to the
 * queue of each. It never waits and never fails. A subscriber receives what is published after it
 * subscribed, in order, each event once.
 *
 * @module
 */
import type { EventSink } from "../ports/event_sink.ts";
import type { ChannelCounters } from "../status/counters.ts";
import type { Envelope } from "./envelope.ts";
import { QueueMemory } from "./queue_memory.ts";
import { Subscriber, type SubscriberOptions } from "./subscriber.ts";

/** The keys by which a channel finds the subscribers of an event. */
export interface ChannelKeys<T> {
  /** The symbol of an event. */
  readonly symbol: (event: T) => string;
  /**
   * A second key: the underlying of an option, the id of an order. Read only while a subscriber
   * filters by it.
   */
  readonly secondary?: (event: T) => string;
  /** Derives the second key from the symbol, if possible. */
  readonly secondaryOfSymbol?: (symbol: string) => string;
}

/** Limits and counters of a channel. */
interface ChannelOptions<T> {
  /** Capacity of each subscriber's queue in events, at least 1. */
  readonly capacity: number;
  readonly counters: ChannelCounters;
  /** Shared by the queues of all channels. @default unlimited */
  readonly memory?: QueueMemory | undefined;
  /** Estimated bytes of an event with its envelope, or of each where they differ. @default 0 */
  readonly eventBytes?: number | ((event: T) => number);
}

/** The keys that a subscriber filters by; if both are empty, every event matches. */
interface ChannelFilter {
  readonly symbols: ReadonlySet<string>;
  readonly secondary: ReadonlySet<string>;
}

/** Subscribers by key. */
type Index<T> = Map<string, Subscriber<T>[]>;

const NONE: readonly never[] = [];

/** Bounded broadcast of one data type. */
export class Channel<T> implements EventSink<T> {
  readonly #keys: ChannelKeys<T>;
  /** Options of the subscribers' queues. */
  readonly #queue: SubscriberOptions;
  readonly #eventBytes: number | ((event: T) => number);
  readonly #bySymbol: Index<T> = new Map();
  readonly #bySecondary: Index<T> = new Map();
  /** Subscribers without a filter. */
  readonly #unfiltered: Subscriber<T>[] = [];
  #sequence = 0;

  constructor(keys: ChannelKeys<T>, options: ChannelOptions<T>) {
    const { capacity, counters, memory = new QueueMemory(), eventBytes = 0 } = options;
    this.#keys = keys;
    this.#queue = { capacity, counters, memory };
    this.#eventBytes = eventBytes;
  }

  /** Number of symbols that subscribers filter by. */
  get symbols(): number {
    return this.#bySymbol.size;
  }

  /** Counts the given symbols that no subscriber filters by. */
  countUnsubscribed(symbols: Iterable<string>): number {
    let count = 0;
    for (const symbol of symbols) if (!this.#bySymbol.has(symbol)) count++;
    return count;
  }

  mayHaveSubscribers(symbol: string): boolean {
    if (this.#unfiltered.length > 0 || this.#bySymbol.has(symbol)) return true;
    if (this.#bySecondary.size === 0) return false;
    const { secondaryOfSymbol } = this.#keys;
    // A second key that does not follow from the symbol could match.
    return !secondaryOfSymbol || this.#bySecondary.has(secondaryOfSymbol(symbol));
  }

  /** Adds an event to the queue of each of its subscribers. */
  publish(event: T, receivedAt: number): void {
    const { symbol, secondary } = this.#keys;
    const bytes = this.#eventBytes;
    const envelope: Envelope<T> = {
      event,
      sequence: ++this.#sequence,
      receivedAt,
      encoded: undefined,
      holders: 0,
      bytes: typeof bytes === "number" ? bytes : bytes(event),
    };
    for (const each of this.#unfiltered) each.enqueue(envelope);
    for (const each of this.#bySymbol.get(symbol(event)) ?? NONE) each.enqueue(envelope);
    if (this.#bySecondary.size > 0 && secondary) {
      for (const each of this.#bySecondary.get(secondary(event)) ?? NONE) each.enqueue(envelope);
    }
    if (envelope.holders > 0) this.#queue.memory.hold(envelope);
  }

  /**
   * Adds a subscriber, effective immediately; `end` removes it.
   *
   * @param onEnd called once, after it was removed
   */
  subscribe(filter: ChannelFilter, onEnd?: () => void): Subscriber<T> {
    const { symbols, secondary } = filter;
    const isUnfiltered = symbols.size === 0 && secondary.size === 0;
    const subscriber: Subscriber<T> = new Subscriber<T>({
      ...this.#queue,
      onEnd: () => {
        if (isUnfiltered) removeFrom(this.#unfiltered, subscriber);
        removeKeys(this.#bySymbol, symbols, subscriber);
        removeKeys(this.#bySecondary, secondary, subscriber);
        onEnd?.();
      },
    });
    if (isUnfiltered) this.#unfiltered.push(subscriber);
    addKeys(this.#bySymbol, symbols, subscriber);
    addKeys(this.#bySecondary, secondary, subscriber);
    return subscriber;
  }
}

function addKeys<T>(index: Index<T>, keys: Iterable<string>, subscriber: Subscriber<T>): void {
  for (const key of keys) {
    const subscribers = index.get(key);
    if (subscribers) subscribers.push(subscriber);
    else index.set(key, [subscriber]);
  }
}

/** Removes a subscriber from the lists of the keys that it was added with. */
function removeKeys<T>(index: Index<T>, keys: Iterable<string>, subscriber: Subscriber<T>): void {
  for (const key of keys) {
    const subscribers = index.get(key);
    if (!subscribers) continue;
    removeFrom(subscribers, subscriber);
    if (subscribers.length === 0) index.delete(key);
  }
}

/** Removes one item by moving the last one to its position. */
function removeFrom<T>(items: T[], item: T): void {
  const at = items.indexOf(item);
  if (at < 0) return;
  const last = items.pop();
  if (last !== undefined && at < items.length) items[at] = last;
}
