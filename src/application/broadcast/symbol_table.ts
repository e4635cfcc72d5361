/**
 * What a channel keeps per symbol: its streams, its sequence and its last event.
 *
 * Symbols without a stream are kept up to a number for all channels together, and the last events
 * of fewer of them. Beyond it the symbol that was added first is forgotten. From then on events of
 * symbols that appear have no sequence unless a stream filters by the symbol; then it continues
 * above those that were forgotten, so that no number is repeated.
 *
 * @module
 */
import type { Envelope } from "./envelope.ts";
import type { EventQueue } from "./event_queue.ts";

/** One symbol of a channel. */
export interface SymbolEntry<T> {
  readonly symbol: string;
  /** Queues of the streams that filter by the symbol. */
  queues: EventQueue<T>[];
  /** Events published in this process. */
  sequence: number;
  last: Envelope<T> | undefined;
  /**
   * Whether its events have a sequence. Not so for a symbol that appears after others were
   * forgotten, because its numbers would have a hole, unless a stream filters by it.
   */
  isNumbered: boolean;
  /** Sequence up to which a later event can be missing: upstream did not carry the symbol then. */
  oldUpTo: number;
}

/** Limits on symbols without a stream, in all channels together. */
const IDLE_LIMITS = {
  /** Each has about 110 bytes. */
  symbols: 150_000,
  /** Each has about 320 bytes. */
  lastEvents: 40_000,
};

/** The symbols without a stream of all channels, in the order in which they became idle. */
export class IdleSymbols {
  readonly #symbols: BoundedSet;
  readonly #lastEvents: BoundedSet;

  /** @param limits numbers, at least 1 */
  constructor({ symbols, lastEvents }: typeof IDLE_LIMITS = IDLE_LIMITS) {
    this.#symbols = new BoundedSet(symbols);
    this.#lastEvents = new BoundedSet(lastEvents);
  }

  /** Adds a symbol; `forget` is called when another one takes its place. */
  add(entry: SymbolEntry<unknown>, forget: () => void): void {
    if (entry.last) this.addLast(entry);
    this.#symbols.add(entry, () => {
      this.#lastEvents.delete(entry);
      forget();
    });
  }

  /** Adds the last event of a symbol, which is removed when another one takes its place. */
  addLast(entry: SymbolEntry<unknown>): void {
    this.#lastEvents.add(entry, () => entry.last = undefined);
  }

  /** Removes a symbol that has a stream again. */
  delete(entry: SymbolEntry<unknown>): void {
    this.#symbols.delete(entry);
    this.#lastEvents.delete(entry);
  }
}

/** Entries up to a number, in the order in which they were added. */
class BoundedSet {
  readonly #max: number;
  readonly #entries = new Map<object, () => void>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Adds an entry; `onRemove` is called when it is removed to make room. */
  add(entry: object, onRemove: () => void): void {
    this.#entries.set(entry, onRemove);
    if (this.#entries.size <= this.#max) return;
    for (const [oldest, remove] of this.#entries) {
      this.#entries.delete(oldest);
      return remove();
    }
  }

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
    const sequence = this.#forgotten;
    const entry = {
      symbol,
      queues: [],
      sequence,
      last: undefined,
      isNumbered: sequence === 0,
      oldUpTo: 0,
    };
    this.#entries.set(symbol, entry);
    this.#addIdle(entry);
    return entry;
  }

  /** Counts the first last event of a symbol, or the first after it was removed. */
  addLast(entry: SymbolEntry<T>): void {
    if (entry.queues.length === 0) this.#idle.addLast(entry as SymbolEntry<unknown>);
  }

  /** Adds a stream's queue to a symbol. */
  addQueue(symbol: string, queue: EventQueue<T>): void {
    const entry = this.#entries.get(symbol) ?? this.add(symbol);
    if (entry.queues.length > 0) {
      entry.queues.push(queue);
      return;
    }
    // An array literal has the length that is needed, the first push to an empty one takes 17.
    entry.queues = [queue];
    entry.isNumbered = true;
    this.#filtered++;
    this.#idle.delete(entry as SymbolEntry<unknown>);
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
    this.#idle.add(entry as SymbolEntry<unknown>, () => {
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
