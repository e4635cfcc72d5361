/**
 * One data type's way from the feed to the streams that want it.
 *
 * `publish` stamps a sequence, finds the interested streams by the event's
 * keys and offers the one shared envelope to each. It never waits and never
 * fails, whatever the streams do. A stream sees what is published after it was
 * opened, in order, each event once.
 *
 * @module
 */
import type { EventSink } from "../ports/event_sink.ts";
import type { ChannelCounters } from "../status/counters.ts";
import type { Envelope } from "./envelope.ts";
import { QueueMemory } from "./queue_memory.ts";
import { pushAll, StreamIndex, takeOut } from "./stream_index.ts";
import { StreamQueue } from "./stream_queue.ts";

/** How a channel finds the streams that want an event. */
export interface ChannelKeys<T> {
  /** The symbol of an event. */
  readonly symbol: (event: T) => string;
  /**
   * A second key: the underlying of an option (from its symbol), the id of an
   * order. Only looked at while a stream filters by it.
   */
  readonly secondary?: (event: T) => string;
  /** Whether the second key can be told from the symbol alone. */
  readonly secondaryOfSymbol?: (symbol: string) => string;
}

/** What a channel is limited by. */
export interface ChannelOptions<T> {
  /** How many events each stream may fall behind; exact, and at least 1. */
  readonly capacity: number;
  readonly counters: ChannelCounters;
  /** Shared by the queues of all channels. @default unlimited */
  readonly memory?: QueueMemory;
  /** Estimated bytes of an event with its envelope. @default 0 */
  readonly eventBytes?: number;
  /** Bytes of one event where they differ much. @default eventBytes of each */
  readonly measure?: (event: T) => number;
}

/** What a stream wants of a channel; both lists empty means everything. */
export interface ChannelFilter {
  readonly symbols: ReadonlySet<string>;
  readonly secondary: ReadonlySet<string>;
}

/** A stream's place in a channel; disposing takes it out at once. */
export interface ChannelReader<T> extends Disposable {
  readonly queue: StreamQueue<T>;
}

/** Bounded fan-out of one data type. */
export class Channel<T> implements EventSink<T> {
  readonly #keys: ChannelKeys<T>;
  readonly #capacity: number;
  readonly #counters: ChannelCounters;
  readonly #memory: QueueMemory;
  readonly #eventBytes: number;
  readonly #measure: ((event: T) => number) | undefined;
  readonly #bySymbol = new StreamIndex<T>();
  readonly #bySecondary = new StreamIndex<T>();
  readonly #everything: StreamQueue<T>[] = [];
  #sequence = 0;
  #readers = 0;

  constructor(keys: ChannelKeys<T>, options: ChannelOptions<T>) {
    this.#keys = keys;
    this.#capacity = options.capacity;
    this.#counters = options.counters;
    this.#memory = options.memory ?? new QueueMemory();
    this.#eventBytes = options.eventBytes ?? 0;
    this.#measure = options.measure;
  }

  /** Open readers. */
  get readers(): number {
    return this.#readers;
  }

  /** Keys that some reader is entered under. */
  get keys(): number {
    return this.#bySymbol.size + this.#bySecondary.size;
  }

  /** Symbols that some reader is entered under. */
  get symbols(): number {
    return this.#bySymbol.size;
  }

  /** How many of these symbols no reader is entered under. */
  countNew(symbols: Iterable<string>): number {
    let count = 0;
    for (const symbol of symbols) if (!this.#bySymbol.has(symbol)) count++;
    return count;
  }

  /** Whether an event of this symbol would reach anybody. */
  wants(symbol: string): boolean {
    if (this.#everything.length > 0 || this.#bySymbol.has(symbol)) return true;
    if (this.#bySecondary.size === 0) return false;
    const { secondaryOfSymbol } = this.#keys;
    // A key that the symbol does not tell could still match.
    return !secondaryOfSymbol ||
      this.#bySecondary.has(secondaryOfSymbol(symbol));
  }

  /** Offers an event to every stream that wants it. */
  publish(event: T, receivedAt: number): void {
    const envelope: Envelope<T> = {
      event,
      sequence: ++this.#sequence,
      receivedAt,
      encoded: undefined,
      holders: 0,
      bytes: this.#measure ? this.#measure(event) : this.#eventBytes,
    };
    pushAll(this.#everything, envelope);
    this.#bySymbol.push(this.#keys.symbol(event), envelope);
    if (this.#bySecondary.size > 0 && this.#keys.secondary) {
      this.#bySecondary.push(this.#keys.secondary(event), envelope);
    }
    if (envelope.holders > 0) this.#memory.hold(envelope);
  }

  /** Enters a reader, effective at once. */
  subscribe(filter: ChannelFilter): ChannelReader<T> {
    const queue = new StreamQueue<T>(
      this.#capacity,
      this.#counters,
      this.#memory,
    );
    const everything = filter.symbols.size === 0 && filter.secondary.size === 0;
    if (everything) this.#everything.push(queue);
    this.#bySymbol.add(queue, filter.symbols);
    this.#bySecondary.add(queue, filter.secondary);
    this.#readers++;
    let open = true;
    return {
      queue,
      [Symbol.dispose]: () => {
        if (!open) return;
        open = false;
        queue.end();
        if (everything) takeOut(this.#everything, queue);
        this.#bySymbol.remove(queue, filter.symbols);
        this.#bySecondary.remove(queue, filter.secondary);
        this.#readers--;
      },
    };
  }
}
