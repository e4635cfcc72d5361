/**
 * Broadcasts the events of one data type to its subscribers.
 *
 * `publish` numbers an event, finds the subscribers of its keys and adds one
 * shared envelope to the queue of each. It never waits and never fails. A
 * subscriber receives what is published after it subscribed, in order, each event
 * once.
 *
 * @module
 */
import type { EventSink } from "../ports/event_sink.ts";
import type { ChannelCounters } from "../status/counters.ts";
import type { Envelope } from "./envelope.ts";
import { QueueMemory } from "./queue_memory.ts";
import { Subscriber } from "./subscriber.ts";

/** The keys by which a channel finds the subscribers of an event. */
export interface ChannelKeys<T> {
  /** The symbol of an event. */
  readonly symbol: (event: T) => string;
  /**
   * A second key: the underlying of an option, the id of an order. Read only
   * while a subscriber filters by it.
   */
  readonly secondary?: (event: T) => string;
  /** Derives the second key from the symbol, if possible. */
  readonly secondaryOfSymbol?: (symbol: string) => string;
}

/** Limits and counters of a channel. */
export interface ChannelOptions<T> {
  /** Capacity of each subscriber's queue in events, at least 1; exact. */
  readonly capacity: number;
  readonly counters: ChannelCounters;
  /** Shared by the queues of all channels. @default unlimited */
  readonly memory?: QueueMemory;
  /** Estimated bytes of an event with its envelope. @default 0 */
  readonly eventBytes?: number;
  /** Bytes of one event, where sizes differ much. @default eventBytes of each */
  readonly measure?: (event: T) => number;
}

/** The keys that a subscriber filters by; if both are empty, every event matches. */
export interface ChannelFilter {
  readonly symbols: ReadonlySet<string>;
  readonly secondary: ReadonlySet<string>;
}

/** Subscribers by key. A lookup costs the same for any number of subscribers. */
type Index<T> = Map<string, Subscriber<T>[]>;

/** Bounded broadcast of one data type. */
export class Channel<T> implements EventSink<T> {
  readonly #keys: ChannelKeys<T>;
  readonly #capacity: number;
  readonly #counters: ChannelCounters;
  readonly #memory: QueueMemory;
  readonly #eventBytes: number;
  readonly #measure: ((event: T) => number) | undefined;
  readonly #bySymbol: Index<T> = new Map();
  readonly #bySecondary: Index<T> = new Map();
  /** Subscribers without a filter. */
  readonly #unfiltered: Subscriber<T>[] = [];
  #sequence = 0;
  #subscribers = 0;

  constructor(keys: ChannelKeys<T>, options: ChannelOptions<T>) {
    this.#keys = keys;
    this.#capacity = options.capacity;
    this.#counters = options.counters;
    this.#memory = options.memory ?? new QueueMemory();
    this.#eventBytes = options.eventBytes ?? 0;
    this.#measure = options.measure;
  }

  /** Number of subscribers. */
  get subscribers(): number {
    return this.#subscribers;
  }

  /** Number of keys, of both kinds, that subscribers filter by. */
  get keys(): number {
    return this.#bySymbol.size + this.#bySecondary.size;
  }

  /** Number of symbols that subscribers filter by. */
  get symbols(): number {
    return this.#bySymbol.size;
  }

  /** Counts the given symbols that no subscriber filters by. */
  countNew(symbols: Iterable<string>): number {
    let count = 0;
    for (const symbol of symbols) if (!this.#bySymbol.has(symbol)) count++;
    return count;
  }

  /** Whether an event of this symbol can have a subscriber. */
  wants(symbol: string): boolean {
    if (this.#unfiltered.length > 0 || this.#bySymbol.has(symbol)) return true;
    if (this.#bySecondary.size === 0) return false;
    const { secondaryOfSymbol } = this.#keys;
    // A second key that does not follow from the symbol could match.
    return !secondaryOfSymbol ||
      this.#bySecondary.has(secondaryOfSymbol(symbol));
  }

  /** Adds an event to the queue of each of its subscribers. */
  publish(event: T, receivedAt: number): void {
    const envelope: Envelope<T> = {
      event,
      sequence: ++this.#sequence,
      receivedAt,
      encoded: undefined,
      holders: 0,
      bytes: this.#measure ? this.#measure(event) : this.#eventBytes,
    };
    pushAll(this.#unfiltered, envelope);
    pushAll(this.#bySymbol.get(this.#keys.symbol(event)), envelope);
    if (this.#bySecondary.size > 0 && this.#keys.secondary) {
      pushAll(this.#bySecondary.get(this.#keys.secondary(event)), envelope);
    }
    if (envelope.holders > 0) this.#memory.hold(envelope);
  }

  /** Adds a subscriber, effective immediately; `end` removes it. */
  subscribe(filter: ChannelFilter): Subscriber<T> {
    const { symbols, secondary } = filter;
    const isUnfiltered = symbols.size === 0 && secondary.size === 0;
    const subscriber: Subscriber<T> = new Subscriber<T>({
      capacity: this.#capacity,
      counters: this.#counters,
      memory: this.#memory,
      onEnd: () => {
        if (isUnfiltered) removeFrom(this.#unfiltered, subscriber);
        removeKeys(this.#bySymbol, symbols, subscriber);
        removeKeys(this.#bySecondary, secondary, subscriber);
        this.#subscribers--;
      },
    });
    if (isUnfiltered) this.#unfiltered.push(subscriber);
    addKeys(this.#bySymbol, symbols, subscriber);
    addKeys(this.#bySecondary, secondary, subscriber);
    this.#subscribers++;
    return subscriber;
  }
}

function pushAll<T>(
  subscribers: readonly Subscriber<T>[] | undefined,
  envelope: Envelope<T>,
): void {
  if (subscribers === undefined) return;
  for (let i = 0; i < subscribers.length; i++) subscribers[i]?.push(envelope);
}

function addKeys<T>(
  index: Index<T>,
  keys: Iterable<string>,
  subscriber: Subscriber<T>,
): void {
  for (const key of keys) {
    const subscribers = index.get(key);
    if (subscribers) subscribers.push(subscriber);
    else index.set(key, [subscriber]);
  }
}

/** Removes a subscriber from the lists of the keys that it was added with. */
function removeKeys<T>(
  index: Index<T>,
  keys: Iterable<string>,
  subscriber: Subscriber<T>,
): void {
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
