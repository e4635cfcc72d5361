/**
 * What a channel keeps per symbol: its streams, its sequence and its last event.
 *
 * Entries without a stream are kept up to a number for all channels together; then the one that was
 * added first is forgotten. If the symbol appears again, its sequence continues above those that
 * were forgotten, so that it never repeats a number.
 *
 * @module
 */
import type { Envelope } from "./envelope.ts";
import type { EventQueue } from "./event_queue.ts";

/** One symbol of a channel. */
export interface SymbolEntry<T> {
  readonly symbol: string;
  /** Queues of the streams that filter by the symbol. */
  readonly queues: EventQueue<T>[];
  /** Events published in this process. */
  sequence: number;
  last: Envelope<T> | undefined;
}

/** Most entries without a stream, in all channels together; each has about 600 bytes. */
const MAX_IDLE_SYMBOLS = 40_000;

/** The entries without a stream of all channels, in the order in which they became idle. */
export class IdleSymbols {
  readonly #max: number;
  readonly #entries = new Map<object, () => void>();

  /** @param max entries, at least 1 */
  constructor(max: number = MAX_IDLE_SYMBOLS) {
    this.#max = max;
  }

  /** Adds an entry; `forget` is called when another one takes its place. */
  add(entry: object, forget: () => void): void {
    this.#entries.set(entry, forget);
    if (this.#entries.size <= this.#max) return;
    for (const [oldest, forgetOldest] of this.#entries) {
      this.#entries.delete(oldest);
      forgetOldest();
      return;
    }
  }

  /** Removes an entry that has a stream again. */
  delete(entry: object): void {
    this.#entries.delete(entry);
  }
}

/** The symbols of one channel. */
export class SymbolTable<T> {
  readonly #entries = new Map<string, SymbolEntry<T>>();
  readonly #idle: IdleSymbols;
  /** Highest sequence of the entries that were forgotten. */
  #forgotten = 0;
  #filtered = 0;

  constructor(idle: IdleSymbols) {
    this.#idle = idle;
  }

  /** Number of symbols that streams filter by. */
  get filtered(): number {
    return this.#filtered;
  }

  /** The entry of a symbol that has been published or that a stream filters by. */
  get(symbol: string): SymbolEntry<T> | undefined {
    return this.#entries.get(symbol);
  }

  /** All entries. */
  values(): Iterable<SymbolEntry<T>> {
    return this.#entries.values();
  }

  /** Adds an entry for a symbol that has none. */
  add(symbol: string): SymbolEntry<T> {
    const entry = { symbol, queues: [], sequence: this.#forgotten, last: undefined };
    this.#entries.set(symbol, entry);
    this.#addIdle(entry);
    return entry;
  }

  /** Adds a stream's queue to a symbol. */
  addQueue(symbol: string, queue: EventQueue<T>): void {
    const entry = this.#entries.get(symbol) ?? this.add(symbol);
    if (entry.queues.push(queue) > 1) return;
    this.#filtered++;
    this.#idle.delete(entry);
  }

  /** Removes a stream's queue from a symbol. */
  removeQueue(symbol: string, queue: EventQueue<T>): void {
    const entry = this.#entries.get(symbol);
    if (!entry) return;
    removeFrom(entry.queues, queue);
    if (entry.queues.length > 0) return;
    this.#filtered--;
    this.#addIdle(entry);
  }

  #addIdle(entry: SymbolEntry<T>): void {
    this.#idle.add(entry, () => {
      this.#entries.delete(entry.symbol);
      this.#forgotten = Math.max(this.#forgotten, entry.sequence);
    });
  }
}

/** Removes one item by moving the last one to its position. */
export function removeFrom<T>(items: T[], item: T): void {
  const at = items.indexOf(item);
  if (at < 0) return;
  const last = items.pop();
  if (last !== undefined && at < items.length) items[at] = last;
}
