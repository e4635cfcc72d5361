/**
 * Broadcasts the events of one data type to its streams.
 *
 * `publish` numbers an event, finds the streams of its keys and adds one shared envelope to the
 * queue of each. It never waits and never fails. A stream receives what is published after it
 * subscribed, in order, each event once.
 *
 * For streams with options the channel keeps more, from the first such stream until a time after
 * the last one: the last event of each symbol and the newest events ({@linkcode RetainedWindow}).
 * While events are retained, those of all symbols that upstream carries are published, also when no
 * stream is open at the moment.
 *
 * @module
 */
import type { Gap, GapReason, Origin } from "../../domain/market/notices.ts";
import { WILDCARD } from "../../domain/subscription/pairs.ts";
import type { EventSink } from "../ports/event_sink.ts";
import type { ChannelCounters } from "../status/counters.ts";
import {
  type ChannelFilter,
  ChannelGaps,
  type ChannelObserver,
  type KeyFilter,
} from "./channel_gaps.ts";
import type { Envelope } from "./envelope.ts";
import type { EventQueue, QueueEvents } from "./event_queue.ts";
import { QueueMemory } from "./queue_memory.ts";
import { type ReceivedSince, RetainedWindow } from "./retained_window.ts";
import { type Position, SharedQueue } from "./shared_queue.ts";
import { type Subscriber, subscriberOf, type SubscriberOptions } from "./subscriber.ts";
import { IdleSymbols, removeFrom, type SymbolEntry, SymbolTable } from "./symbol_table.ts";

/** The keys by which a channel finds the streams of an event. */
export interface ChannelKeys<T> {
  /** The symbol of an event. */
  readonly symbol: (event: T) => string;
  /**
   * A second key, or several: the underlying of an option, the id of an order, the symbols of an
   * article. Read only while a stream filters by it.
   */
  readonly secondary?: (event: T) => string | readonly string[];
  /** Derives the second key from the symbol, if possible. */
  readonly secondaryOfSymbol?: (symbol: string) => string;
}

/** Limits and counters of a channel. */
interface ChannelOptions<T> {
  /** Capacity of each stream's queue in events, at least 1. */
  readonly capacity: number;
  readonly counters: ChannelCounters;
  /** Shared by the queues of all channels. @default unlimited */
  readonly memory?: QueueMemory | undefined;
  /** Estimated bytes of an event with its envelope, or of each where they differ. @default 0 */
  readonly eventBytes?: number | ((event: T) => number);
  /** Most retained events; 0 for none. @default the capacity */
  readonly retained?: number | undefined;
  /** Shared by all channels. @default own */
  readonly idleSymbols?: IdleSymbols | undefined;
  /**
   * Whether the last event of a symbol can be requested elsewhere. Such events are kept only from
   * the first stream with options on: garbage collection of kept events costs a fifth of the
   * throughput. @default false
   */
  readonly isLastAvailable?: boolean | undefined;
  /** Bytes of the last events of all symbols together. @default bounded by their number */
  readonly lastBytes?: number | undefined;
}

/** Makes the queue of a stream. */
type CreateQueue<T, Q extends EventQueue<T>> = (options: SubscriberOptions<T>) => Q;

const NONE: readonly never[] = [];

/** Bounded broadcast of one data type. */
export class Channel<T> implements EventSink<T> {
  readonly #keys: ChannelKeys<T>;
  /** Options of the streams' queues. */
  readonly #queue: SubscriberOptions<T>;
  readonly #eventBytes: number | ((event: T) => number);
  readonly #retainedCapacity: number;
  readonly #symbols: SymbolTable<T>;
  readonly #bySecondary = new Map<string, EventQueue<T>[]>();
  /** Queues of streams without a filter. */
  readonly #unfiltered: EventQueue<T>[] = [];
  /** Streams without a filter and without options. */
  readonly #shared: SharedQueue<T>;
  /** Queues of streams with a filter and without options. */
  readonly #plain = new WeakSet<EventQueue<T>>();
  /** Those of them that receive derived events too. */
  readonly #reconciled = new WeakSet<EventQueue<T>>();
  readonly #gaps: ChannelGaps;
  readonly #isLastAvailable: boolean;
  #keepsLast: boolean;
  readonly #lastBytes: number | undefined;
  /** Bytes of last events, the oldest first; only with a limit. */
  readonly #lastEntries = new Map<SymbolEntry<T>, number>();
  #lastTotal = 0;
  #retained: RetainedWindow<T> | undefined;
  #sequence = 0;
  /** Events that only streams without options received. */
  #unnumbered = 0;

  constructor(keys: ChannelKeys<T>, options: ChannelOptions<T>) {
    const { capacity, counters, memory = new QueueMemory(), eventBytes = 0 } = options;
    this.#keys = keys;
    this.#queue = { capacity, counters, memory };
    this.#shared = new SharedQueue<T>(this.#queue);
    this.#eventBytes = eventBytes;
    this.#retainedCapacity = options.retained ?? capacity;
    this.#symbols = new SymbolTable(options.idleSymbols ?? new IdleSymbols());
    this.#gaps = new ChannelGaps({
      sequence: () => this.#sequence,
      secondaryOfSymbol: keys.secondaryOfSymbol,
      retain: (gap) => this.#retained?.addGap(gap),
    });
    this.#isLastAvailable = options.isLastAvailable ?? false;
    this.#lastBytes = options.lastBytes;
    this.#keepsLast = !this.#isLastAvailable;
  }

  /** Position of the newest event; 0 before the first. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Events of a symbol in this process; `undefined` while no stream receives them. */
  messagesOf(symbol: string): number | undefined {
    if (!this.mayHaveSubscribers(symbol)) return undefined;
    return this.#symbols.get(symbol)?.sequence ?? 0;
  }

  /** Number of symbols that streams filter by. */
  get symbols(): number {
    return this.#symbols.filtered;
  }

  /** Counts the given symbols that no stream filters by. */
  countUnsubscribed(symbols: Iterable<string>): number {
    let count = 0;
    for (const symbol of symbols) if (!this.#symbols.get(symbol)?.queues.length) count++;
    return count;
  }

  mayHaveSubscribers(symbol: string): boolean {
    if (this.#unfiltered.length > 0 || this.#shared.size > 0) return true;
    const entry = this.#symbols.get(symbol);
    if (entry !== undefined && entry.queues.length > 0) return true;
    if (this.#retained !== undefined && this.#gaps.isCarried(symbol)) return true;
    if (this.#bySecondary.size === 0) return false;
    const { secondaryOfSymbol } = this.#keys;
    // A second key that does not follow from the symbol could match.
    return !secondaryOfSymbol || this.#bySecondary.has(secondaryOfSymbol(symbol));
  }

  /** Adds an event to the queue of each of its streams; returns what they share of it. */
  publish(event: T, receivedAt: number): Envelope<T> {
    const { symbol: symbolOf, secondary } = this.#keys;
    const symbol = symbolOf(event);
    const entry = this.#symbols.get(symbol) ?? this.#symbols.add(symbol);
    const bytes = this.#eventBytes;
    const symbolSequence = ++entry.sequence;
    const envelope: Envelope<T> = {
      event,
      sequence: ++this.#sequence,
      symbolSequence: entry.isNumbered ? symbolSequence : 0,
      receivedAt,
      origin: "live",
      encoded: undefined,
      encodedWithMeta: undefined,
      holders: 0,
      bytes: typeof bytes === "number" ? bytes : bytes(event),
    };
    if (this.#keepsLast) {
      if (entry.last === undefined) this.#symbols.addLast(entry);
      entry.last = envelope;
      if (this.#lastBytes !== undefined) this.#boundLast(this.#lastBytes, entry);
    }
    this.#shared.publish(envelope);
    for (const each of this.#unfiltered) each.enqueue(envelope);
    for (const each of entry.queues) each.enqueue(envelope);
    if (this.#bySecondary.size > 0 && secondary) {
      const key = secondary(event);
      if (typeof key !== "string") this.#enqueueByKeys(key, envelope);
      else for (const each of this.#bySecondary.get(key) ?? NONE) each.enqueue(envelope);
    }
    if (this.#retained !== undefined) this.#retained.add(envelope);
    if (envelope.holders > 0) this.#queue.memory.hold(envelope);
    return envelope;
  }

  #enqueueByKeys(keys: readonly string[], envelope: Envelope<T>): void {
    for (const key of keys) {
      for (const each of this.#bySecondary.get(key) ?? NONE) each.enqueue(envelope);
    }
  }

  /** Adds an event to the queue of one stream only, which may be shared with others. */
  enqueueOnly(queue: EventQueue<T>, envelope: Envelope<T>): void {
    // The queue counts itself as a holder, of which the memory must know.
    const { holders } = envelope;
    queue.enqueue(envelope);
    if (envelope.holders === holders) return;
    envelope.holders--;
    this.#queue.memory.addHolder(envelope);
  }

  /**
   * Adds an event to the queues of its streams with options, as the next event of the channel; a
   * derived one also to those of other streams that request them.
   */
  publishWithOptions(
    event: T,
    { receivedAt, origin }: { readonly receivedAt: number; readonly origin: Origin },
  ): Envelope<T> {
    const symbol = this.#keys.symbol(event);
    const entry = this.#symbols.get(symbol) ?? this.#symbols.add(symbol);
    const envelope = this.#envelope(event, receivedAt, {
      sequence: ++this.#sequence,
      symbolSequence: ++entry.sequence,
      origin,
    });
    if (entry.last === undefined) this.#symbols.addLast(entry);
    entry.last = envelope;
    if (this.#lastBytes !== undefined) this.#boundLast(this.#lastBytes, entry);
    for (const each of this.#matching(event, entry)) {
      const isReceived = !this.#plain.has(each) ||
        (origin === "reconciled" && this.#reconciled.has(each));
      if (isReceived) each.enqueue(envelope);
    }
    if (this.#retained !== undefined) this.#retained.add(envelope);
    if (envelope.holders > 0) this.#queue.memory.hold(envelope);
    return envelope;
  }

  /** Adds an event to the queues of its streams without options only; no position changes. */
  publishPlain(event: T, receivedAt: number): void {
    // A queue takes an event with another sequence as its last one for another event.
    const sequence = -(++this.#unnumbered);
    const envelope = this.#envelope(event, receivedAt, {
      sequence,
      symbolSequence: 0,
      origin: "live",
    });
    this.#shared.publish(envelope);
    for (const each of this.#matching(event, this.#symbols.get(this.#keys.symbol(event)))) {
      if (this.#plain.has(each)) each.enqueue(envelope);
    }
    if (envelope.holders > 0) this.#queue.memory.hold(envelope);
  }

  /**
   * Adds a stream that drops its oldest events when it is slow, effective immediately; `end`
   * removes it.
   *
   * @param onEnd called once, after it was removed
   */
  subscribe(filter: ChannelFilter, onEnd: () => void = () => {}): Subscriber<T> | Position<T> {
    const { symbols, secondary, accepts, reconciled } = filter;
    const isUnfiltered = symbols.size === 0 && secondary.size === 0 && !accepts;
    if (isUnfiltered && !reconciled) return this.#shared.add(onEnd);
    const create = (options: SubscriberOptions<T>) => subscriberOf(options, filter);
    const queue = this.subscribeQueue(filter, { onEnd }, create);
    this.#plain.add(queue);
    if (reconciled) this.#reconciled.add(queue);
    return queue;
  }

  /** Adds a stream with the queue that `create` makes. */
  subscribeQueue<Q extends EventQueue<T>>(
    filter: ChannelFilter,
    events: QueueEvents<T>,
    create: CreateQueue<T, Q>,
  ): Q {
    const { symbols, secondary } = filter;
    const isUnfiltered = symbols.size === 0 && secondary.size === 0;
    const queue: Q = create({
      ...this.#queue,
      ...events,
      onEnd: () => {
        if (isUnfiltered) removeFrom(this.#unfiltered, queue);
        for (const symbol of symbols) this.#symbols.removeQueue(symbol, queue);
        for (const key of secondary) this.#removeSecondary(key, queue);
        events.onEnd?.();
      },
    });
    if (isUnfiltered) this.#unfiltered.push(queue);
    for (const symbol of symbols) this.#symbols.addQueue(symbol, queue);
    for (const key of secondary) {
      this.#gaps.noteSecondary(key, (each) => this.#bySecondary.has(each));
      const queues = this.#bySecondary.get(key);
      if (queues) queues.push(queue);
      else this.#bySecondary.set(key, [queue]);
    }
    return queue;
  }

  /** Sends gaps to a stream with options from now on; returns a function that stops it. */
  observe(observer: ChannelObserver): () => void {
    this.#keepsLast = true;
    return this.#gaps.observe(observer);
  }

  /** Starts to retain events, from the wall clock time `now` on; idempotent. */
  startRetaining(now: number): void {
    if (this.#retained || this.#retainedCapacity === 0) return;
    const start = { sequence: this.#sequence, now };
    this.#retained = new RetainedWindow<T>(this.#retainedCapacity, start, this.#queue.memory);
  }

  /** Releases the retained events that were received before a moment, in wall clock ms. */
  releaseBefore(receivedAt: number): void {
    this.#retained?.releaseBefore(receivedAt);
  }

  /** Releases the retained events, and the last ones that can be requested elsewhere. */
  stopRetaining(): void {
    this.#retained?.end();
    this.#retained = undefined;
    if (!this.#isLastAvailable || !this.#keepsLast) return;
    this.#keepsLast = false;
    for (const entry of this.#symbols.values()) entry.last = undefined;
  }

  /** Whether streams with options are open. */
  get hasObservers(): boolean {
    return this.#gaps.hasObservers;
  }

  /** Whether events are retained. */
  get isRetaining(): boolean {
    return this.#retained !== undefined;
  }

  /** The second key of a symbol, if it follows from it. */
  secondaryOf(symbol: string): string | undefined {
    return this.#keys.secondaryOfSymbol?.(symbol);
  }

  /** The symbol of an event. */
  symbolOf(event: T): string {
    return this.#keys.symbol(event);
  }

  /** Whether a filter matches a symbol, itself or by the key that follows from it. */
  matches(filter: KeyFilter, symbol: string): boolean {
    return this.#gaps.matches(filter, symbol);
  }

  /** The last event of each symbol that a filter matches, oldest first. */
  lastEvents(filter: ChannelFilter): readonly Envelope<T>[] {
    const last: Envelope<T>[] = [];
    const entries = filter.symbols.size > 0 && filter.secondary.size === 0
      ? this.#entriesOf(filter.symbols)
      : this.#symbols.values();
    for (const { last: envelope } of entries) {
      if (envelope && this.matchesEvent(filter, envelope.event)) last.push(envelope);
    }
    return last.sort((a, b) => a.sequence - b.sequence || a.receivedAt - b.receivedAt);
  }

  /** Calls `read` with each symbol that streams filter by or that was published. */
  forEachSymbol(read: (entry: SymbolEntry<T>) => void): void {
    for (const entry of this.#symbols.values()) read(entry);
  }

  /** What the channel keeps of a symbol. */
  symbol(symbol: string): SymbolEntry<T> | undefined {
    return this.#symbols.get(symbol);
  }

  /** Whether no later event of its symbol can be missing. */
  isCurrent({ event, symbolSequence }: Envelope<T>): boolean {
    const symbol = this.#keys.symbol(event);
    const oldUpTo = this.#symbols.get(symbol)?.oldUpTo ?? Infinity;
    return symbolSequence > oldUpTo && this.#gaps.isCarried(symbol);
  }

  /** Whether upstream carries a symbol now. */
  isCarried(symbol: string): boolean {
    return this.#gaps.isCarried(symbol);
  }

  /**
   * What a stream has missed after a position: events and gaps, in order.
   *
   * @param onlyLast only the last event of each symbol, also of those without a newer one
   * @returns `undefined` unless everything that is missing is known
   */
  missedSince(
    sequence: number,
    filter: ChannelFilter,
    onlyLast: boolean,
  ): readonly (Envelope<T> | Gap)[] | undefined {
    const retained = this.#retained;
    if (!retained || sequence > this.#sequence) return undefined;
    const isWhole = onlyLast ? retained.hasGapsSince(sequence) : retained.reaches(sequence);
    if (!isWhole || !this.#gaps.isCoveredSince(sequence, filter)) return undefined;
    if (filter.selected?.isKnownSince(sequence) === false) return undefined;
    const missed: (Envelope<T> | Gap)[] = [];
    const { past, at } = filterAt(filter);
    for (const item of onlyLast ? retained.gapsAfter(sequence) : retained.after(sequence)) {
      at.sequence = item.sequence;
      if ("gap" in item) missed.push(...this.#gaps.restrict(item.gap, item, past));
      else if (this.matchesEvent(past, item.event)) missed.push(item);
    }
    if (onlyLast) missed.push(...this.lastEvents(filter));
    return missed;
  }

  /** Retained events that were received at or after `since`, in wall clock ms. */
  receivedSince(since: number): ReceivedSince<T> {
    return this.#retained?.receivedSince(since) ??
      { events: NONE, retainedSince: Infinity, droppedUntil: -Infinity };
  }

  /** Estimated bytes of an event in queues. */
  bytesOf(event: T): number {
    const bytes = this.#eventBytes;
    return typeof bytes === "number" ? bytes : bytes(event);
  }

  /** The position of the newest retained event for which `isWanted` holds. */
  positionOf(isWanted: (event: T) => boolean): number | undefined {
    return this.#retained?.find(isWanted);
  }

  /** Upstream has acknowledged symbols. */
  carried(symbols: readonly string[], now: number): void {
    this.#gaps.carried(symbols, now);
  }

  /** Upstream has acknowledged symbols, and what was missed in their outages was published. */
  filled(symbols: readonly string[]): void {
    this.#gaps.filled(symbols);
  }

  /** Events of symbols, of all without a list, are missing that were sent within a span. */
  lost(
    symbols: readonly string[] | undefined,
    span: { readonly startTime: number; readonly endTime: number },
  ): void {
    this.#gaps.announce("upstream_lost", span, { symbols });
  }

  /** Upstream does not carry symbols any more, since a wall clock time in ms. */
  notCarried(symbols: readonly string[], reason: GapReason | undefined, since: number): void {
    const outage = reason && { reason, startTime: since };
    this.#gaps.notCarried(symbols, outage, { since, requested: this.#requested() });
    const entries = symbols.includes(WILDCARD) ? this.#symbols.values() : this.#entriesOf(symbols);
    for (const entry of entries) entry.oldUpTo = entry.sequence;
  }

  unreadable(symbol: string | undefined): void {
    if (!this.hasObservers && !this.isRetaining) return;
    this.#gaps.announce("unreadable", {}, { symbols: symbol === undefined ? undefined : [symbol] });
  }

  /** Whether a filter matches an event. */
  matchesEvent(filter: KeyFilter, event: T): boolean {
    if (filter.accepts?.(event) === false) return false;
    const { secondary } = this.#keys;
    const symbol = this.#keys.symbol(event);
    if (filter.selected?.has(symbol) === false) return false;
    if (this.matches(filter, symbol)) return true;
    if (filter.secondary.size === 0 || secondary === undefined) return false;
    const key = secondary(event);
    return typeof key === "string"
      ? filter.secondary.has(key)
      : key.some((each) => filter.secondary.has(each));
  }

  /** Forgets the oldest last events while all of them have more than `limit` bytes. */
  #boundLast(limit: number, entry: SymbolEntry<T>): void {
    const kept = this.#lastEntries;
    const { bytes = 0 } = entry.last ?? {};
    this.#lastTotal += bytes - (kept.get(entry) ?? 0);
    kept.delete(entry);
    kept.set(entry, bytes);
    for (const [oldest, size] of kept) {
      if (this.#lastTotal <= limit) return;
      this.#lastTotal -= size;
      kept.delete(oldest);
      oldest.last = undefined;
    }
  }

  #envelope(
    event: T,
    receivedAt: number,
    place: Pick<Envelope<T>, "sequence" | "symbolSequence" | "origin">,
  ): Envelope<T> {
    return {
      event,
      sequence: place.sequence,
      symbolSequence: place.symbolSequence,
      receivedAt,
      origin: place.origin,
      encoded: undefined,
      encodedWithMeta: undefined,
      holders: 0,
      bytes: this.bytesOf(event),
    };
  }

  /** The queues whose keys match an event; some of them twice. */
  *#matching(event: T, entry: SymbolEntry<T> | undefined): Generator<EventQueue<T>> {
    yield* this.#unfiltered;
    if (entry) yield* entry.queues;
    const { secondary } = this.#keys;
    if (this.#bySecondary.size > 0 && secondary) {
      const key = secondary(event);
      for (const each of typeof key === "string" ? [key] : key) {
        yield* this.#bySecondary.get(each) ?? NONE;
      }
    }
  }

  /** Symbols that streams filter by. */
  *#requested(): Generator<string> {
    for (const { symbol, queues } of this.#symbols.values()) if (queues.length > 0) yield symbol;
  }

  *#entriesOf(symbols: Iterable<string>): Generator<SymbolEntry<T>> {
    for (const symbol of symbols) {
      const entry = this.#symbols.get(symbol);
      if (entry) yield entry;
    }
  }

  #removeSecondary(key: string, queue: EventQueue<T>): void {
    const queues = this.#bySecondary.get(key);
    if (!queues) return;
    removeFrom(queues, queue);
    if (queues.length === 0) this.#bySecondary.delete(key);
  }
}

/** The filter of a stream as it was at a position that `at` is set to. */
function filterAt(
  filter: ChannelFilter,
): { readonly past: KeyFilter; readonly at: { sequence: number } } {
  const { symbols, secondary, selected } = filter;
  const at = { sequence: 0 };
  if (!selected) return { past: filter, at };
  const has = (symbol: string) => selected.hadAt(symbol, at.sequence);
  // `accepts` is of now.
  return { past: { symbols, secondary, accepts: undefined, selected: { has } }, at };
}
