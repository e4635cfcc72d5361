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
import {
  type Gap,
  type GapReason,
  MAX_GAP_SYMBOLS,
  type Origin,
} from "../../domain/market/notices.ts";
import { Coverage, type Outage } from "../../domain/subscription/coverage.ts";
import { WILDCARD } from "../../domain/subscription/pairs.ts";
import type { EventSink } from "../ports/event_sink.ts";
import type { ChannelCounters } from "../status/counters.ts";
import type { Envelope } from "./envelope.ts";
import type { EventQueue, QueueEvents } from "./event_queue.ts";
import { QueueMemory } from "./queue_memory.ts";
import { type ReceivedSince, type RetainedGap, RetainedWindow } from "./retained_window.ts";
import { type Position, SharedQueue } from "./shared_queue.ts";
import { type Subscriber, subscriberOf, type SubscriberOptions } from "./subscriber.ts";
import { IdleSymbols, removeFrom, type SymbolEntry, SymbolTable } from "./symbol_table.ts";

/** The keys by which a channel finds the streams of an event. */
export interface ChannelKeys<T> {
  /** The symbol of an event. */
  readonly symbol: (event: T) => string;
  /**
   * A second key: the underlying of an option, the id of an order. Read only while a stream
   * filters by it.
   */
  readonly secondary?: (event: T) => string;
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
}

/** The keys that a stream filters by; if both are empty, every event matches. */
export interface ChannelFilter {
  readonly symbols: ReadonlySet<string>;
  readonly secondary: ReadonlySet<string>;
  /** Which of the events that match the keys the stream receives. @default all */
  readonly accepts?: ((event: unknown) => boolean) | undefined;
}

/** A stream with options, which receives gaps. */
export interface ChannelObserver {
  readonly filter: ChannelFilter;
  /** Messages of some symbols that the stream filters by are missing. */
  gap(gap: Gap): void;
  /** Whether the stream fills outages of known symbols instead of receiving their gaps. */
  readonly fillsOutages: boolean;
  /** An outage of some symbols that the stream filters by has ended. */
  fillOutage(outage: EndedOutage, symbols: readonly string[]): void;
  /** Upstream has acknowledged symbols, of this stream or of others. */
  carried(symbols: readonly string[]): void;
}

/** When messages were missing, in wall clock ms. */
export interface EndedOutage {
  readonly startTime: number;
  readonly endTime: number;
}

/** Most gaps that list the symbols of one outage; one of more symbols lists none. */
const MAX_GAP_PARTS = 32;

/** Second keys without a stream that are remembered. */
const MAX_SECONDARY_KEYS = 10_000;

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
  /** Position at which a stream first filtered by a second key; the newest of them. */
  readonly #secondarySince = new Map<string, number>();
  /** Queues of streams without a filter. */
  readonly #unfiltered: EventQueue<T>[] = [];
  /** Streams without a filter and without options. */
  readonly #shared: SharedQueue<T>;
  /** Queues of streams with a filter and without options. */
  readonly #plain = new WeakSet<EventQueue<T>>();
  readonly #observers = new Set<ChannelObserver>();
  readonly #coverage = new Coverage();
  readonly #isLastAvailable: boolean;
  #keepsLast: boolean;
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
    this.#isLastAvailable = options.isLastAvailable ?? false;
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
    if (this.#retained !== undefined && this.#coverage.isCarried(symbol)) return true;
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
    }
    this.#shared.publish(envelope);
    for (const each of this.#unfiltered) each.enqueue(envelope);
    for (const each of entry.queues) each.enqueue(envelope);
    if (this.#bySecondary.size > 0 && secondary) {
      for (const each of this.#bySecondary.get(secondary(event)) ?? NONE) each.enqueue(envelope);
    }
    if (this.#retained !== undefined) this.#retained.add(envelope);
    if (envelope.holders > 0) this.#queue.memory.hold(envelope);
    return envelope;
  }

  /**
   * Adds an event to the queues of its streams with options only, as the next event of the channel.
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
    for (const each of this.#matching(event, entry)) {
      if (!this.#plain.has(each)) each.enqueue(envelope);
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
    const { symbols, secondary, accepts } = filter;
    if (symbols.size === 0 && secondary.size === 0 && !accepts) return this.#shared.add(onEnd);
    const create = (options: SubscriberOptions<T>) => subscriberOf(options, filter);
    const queue = this.subscribeQueue(filter, { onEnd }, create);
    this.#plain.add(queue);
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
      this.#noteSecondary(key);
      const queues = this.#bySecondary.get(key);
      if (queues) queues.push(queue);
      else this.#bySecondary.set(key, [queue]);
    }
    return queue;
  }

  /** Sends gaps to a stream with options from now on; returns a function that stops it. */
  observe(observer: ChannelObserver): () => void {
    this.#keepsLast = true;
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
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
    return this.#observers.size > 0;
  }

  /** Whether events are retained. */
  get isRetaining(): boolean {
    return this.#retained !== undefined;
  }

  /** The symbol of an event. */
  symbolOf(event: T): string {
    return this.#keys.symbol(event);
  }

  /** Whether a filter matches a symbol, itself or by the key that follows from it. */
  matches({ symbols, secondary }: ChannelFilter, symbol: string): boolean {
    if (symbols.size === 0 && secondary.size === 0) return true;
    if (symbols.has(symbol)) return true;
    const { secondaryOfSymbol } = this.#keys;
    return secondary.size > 0 && secondaryOfSymbol !== undefined &&
      secondary.has(secondaryOfSymbol(symbol));
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
    return symbolSequence > oldUpTo && this.#coverage.isCarried(symbol);
  }

  /** Whether upstream carries a symbol now. */
  isCarried(symbol: string): boolean {
    return this.#coverage.isCarried(symbol);
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
    if (!isWhole || !this.#isCoveredSince(sequence, filter)) return undefined;
    const missed: (Envelope<T> | Gap)[] = [];
    for (const item of onlyLast ? retained.gapsAfter(sequence) : retained.after(sequence)) {
      if ("gap" in item) missed.push(...this.#restrict(item.gap, item, filter));
      else if (this.matchesEvent(filter, item.event)) missed.push(item);
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
    for (const outage of this.#coverage.carried(symbols, this.#sequence)) {
      const { reason, startTime, symbols: affected, except } = outage;
      this.#announce(reason, { startTime, endTime: now }, { symbols: affected, except });
    }
    for (const observer of this.#observers) observer.carried(symbols);
  }

  /** Upstream has acknowledged symbols, and what was missed in their outages was published. */
  filled(symbols: readonly string[]): void {
    this.#coverage.carried(symbols, this.#sequence);
    for (const observer of this.#observers) observer.carried(symbols);
  }

  /** Events of symbols, of all without a list, are missing that were sent within a span. */
  lost(
    symbols: readonly string[] | undefined,
    span: { readonly startTime: number; readonly endTime: number },
  ): void {
    this.#announce("upstream_lost", span, { symbols });
  }

  /** Upstream does not carry symbols any more, since a wall clock time in ms. */
  notCarried(symbols: readonly string[], reason: GapReason | undefined, since: number): void {
    const outage = reason && { reason, startTime: since };
    this.#coverage.notCarried(symbols, outage, this.#sequence);
    const entries = symbols.includes(WILDCARD) ? this.#symbols.values() : this.#entriesOf(symbols);
    for (const entry of entries) entry.oldUpTo = entry.sequence;
    if (reason || !symbols.includes(WILDCARD)) return;
    // Symbols of streams that only `*` has carried.
    const left: string[] = [];
    for (const { symbol, queues } of this.#symbols.values()) {
      if (queues.length > 0 && !this.#coverage.isCarried(symbol)) left.push(symbol);
    }
    const outageOfLeft: Outage = { reason: "not_subscribed", startTime: since };
    this.#coverage.notCarried(left, outageOfLeft, this.#sequence);
  }

  unreadable(symbol: string | undefined): void {
    if (this.#observers.size === 0 && this.#retained === undefined) return;
    this.#announce("unreadable", {}, { symbols: symbol === undefined ? undefined : [symbol] });
  }

  /** Sends a gap to the streams that it concerns, and retains it. */
  #announce(
    reason: GapReason,
    span: { readonly startTime?: number; readonly endTime?: number },
    { symbols, except }: {
      /** `undefined` for every symbol but those of `except`. */
      readonly symbols: readonly string[] | undefined;
      readonly except?: ReadonlySet<string>;
    },
  ): void {
    const { startTime, endTime } = span;
    const count = reason === "unreadable" && symbols ? symbols.length : 0;
    const gap: Gap = {
      reason,
      count,
      firstSequence: 0,
      lastSequence: 0,
      symbols: [],
      startTime,
      endTime,
    };
    const affected = { symbols: symbols && new Set(symbols), except };
    this.#retained?.addGap({ sequence: this.#sequence, gap, ...affected });
    for (const observer of this.#observers) {
      if (observer.fillsOutages && this.#fill(gap, affected, observer)) continue;
      for (const part of this.#restrict(gap, affected, observer.filter)) observer.gap(part);
    }
  }

  /** Returns false for a gap that is not an outage, or of symbols that are not known. */
  #fill(
    { reason, startTime, endTime }: Gap,
    outage: Pick<RetainedGap, "symbols" | "except">,
    observer: ChannelObserver,
  ): boolean {
    const isOutage = reason === "upstream_lost";
    if (!isOutage || startTime === undefined || endTime === undefined) return false;
    const affected = this.#affected(outage, observer.filter);
    if (affected === undefined) return false;
    if (affected.length > 0) observer.fillOutage({ startTime, endTime }, affected);
    return true;
  }

  /** The symbols of a filter that an outage affects; `undefined` when they are not known. */
  #affected(
    { symbols, except }: Pick<RetainedGap, "symbols" | "except">,
    filter: ChannelFilter,
  ): readonly string[] | undefined {
    if (symbols !== undefined) return this.#intersect(symbols, filter);
    // Which symbols a stream without them has is not known.
    if (filter.symbols.size === 0 || filter.secondary.size > 0) return undefined;
    return Array.from(filter.symbols).filter((symbol) => !except?.has(symbol));
  }

  /**
   * Restricts a gap to the symbols of a filter: none, one gap, or, when only some of the symbols of
   * the stream are affected, one gap per {@linkcode MAX_GAP_SYMBOLS}.
   */
  #restrict(
    gap: Gap,
    { symbols, except }: Pick<RetainedGap, "symbols" | "except">,
    filter: ChannelFilter,
  ): readonly Gap[] {
    if (symbols === undefined && !except?.size) return [gap];
    const affected = this.#affected({ symbols, except }, filter);
    if (affected === undefined) return [gap];
    if (affected.length === 0) return NONE;
    const isWhole = filter.secondary.size === 0 && affected.length === filter.symbols.size;
    const most = isWhole ? MAX_GAP_SYMBOLS : MAX_GAP_SYMBOLS * MAX_GAP_PARTS;
    if (affected.length > most) return [gap];
    const parts: Gap[] = [];
    for (let at = 0; at < affected.length; at += MAX_GAP_SYMBOLS) {
      parts.push({ ...gap, symbols: affected.slice(at, at + MAX_GAP_SYMBOLS) });
    }
    return parts;
  }

  #intersect(symbols: ReadonlySet<string>, filter: ChannelFilter): readonly string[] {
    const { symbols: own, secondary } = filter;
    if (own.size > 0 && secondary.size === 0 && own.size < symbols.size) {
      return Array.from(own).filter((symbol) => symbols.has(symbol));
    }
    return Array.from(symbols).filter((symbol) => this.matches(filter, symbol));
  }

  #isCoveredSince(sequence: number, { symbols, secondary }: ChannelFilter): boolean {
    for (const symbol of symbols) {
      if (!this.#coverage.isCoveredSince(symbol, sequence)) return false;
    }
    if (symbols.size > 0 && secondary.size === 0) return true;
    if (this.#coverage.isCoveredSince(WILDCARD, sequence)) return true;
    // Which symbols the stream had is not known, but where `*` cannot be subscribed, it had those
    // that upstream carried.
    if (!this.#keys.secondaryOfSymbol || this.#coverage.hasEndedSince(sequence)) return false;
    for (const key of secondary) {
      if ((this.#secondarySince.get(key) ?? Infinity) > sequence) return false;
    }
    return true;
  }

  /** Notes since when streams filter by a second key. */
  #noteSecondary(key: string): void {
    const since = this.#secondarySince;
    if (!since.has(key)) since.set(key, this.#sequence);
    if (since.size <= MAX_SECONDARY_KEYS) return;
    for (const oldest of since.keys()) {
      if (this.#bySecondary.has(oldest)) continue;
      since.delete(oldest);
      return;
    }
  }

  /** Whether a filter matches an event. */
  matchesEvent(filter: ChannelFilter, event: T): boolean {
    if (filter.accepts?.(event) === false) return false;
    const { secondary } = this.#keys;
    return this.matches(filter, this.#keys.symbol(event)) ||
      (filter.secondary.size > 0 && secondary !== undefined &&
        filter.secondary.has(secondary(event)));
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
      yield* this.#bySecondary.get(secondary(event)) ?? NONE;
    }
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
