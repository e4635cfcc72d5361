/**
 * A stream with options: data messages with metadata, and notices in order with them.
 *
 * Its items come in this order: `hello`, the snapshot or the replay, `caught_up`, then live
 * messages with notices between them. Each notice has a position in the stream's queue: it is taken
 * after the messages that were published before it. A gap for dropped messages comes before the
 * next message or heartbeat, so that all messages of a run are one gap.
 *
 * With a limit on unacknowledged messages, nothing is taken from the queue beyond it; what arrives
 * meanwhile is subject to the delivery policy.
 *
 * @module
 */
import {
  type FeedNotice,
  type Gap,
  MAX_GAP_SYMBOLS,
  mergeGaps,
  type Origin,
} from "../../domain/market/notices.ts";
import type { Channel, ChannelFilter, ChannelObserver, EndedOutage } from "../broadcast/channel.ts";
import type { Envelope } from "../broadcast/envelope.ts";
import type { EventQueue } from "../broadcast/event_queue.ts";
import { LatestQueue } from "../broadcast/latest_queue.ts";
import type { QueueMemory } from "../broadcast/queue_memory.ts";
import { Subscriber } from "../broadcast/subscriber.ts";
import type { PendingBatch } from "../broadcast/event_queue.ts";
import type { Fill, FillRequest } from "../history/backfills.ts";
import type { Clock } from "../ports/clock.ts";
import type { StreamCounters } from "../status/counters.ts";
import type { OptionsReport, SymbolState } from "../status/reports.ts";
import type { NoticeItem, OpenStream, StreamItem } from "./market_streams.ts";
import { filling, gapsOf } from "./outage_notices.ts";
import type { Notice, ResumePoint, StreamOptions, StreamTotals } from "./stream_options.ts";

/** Notices, beside those of its symbols, that a stream can have waiting; it ends with more. */
const MAX_NOTICES = 1_000;
/** Notices per symbol of the filter that can be waiting. */
const NOTICES_PER_SYMBOL = 2;

/** How long a snapshot waits for upstream to acknowledge its symbols, in ms. */
const CARRIED_WAIT_MS = 3_000;

/**
 * Fetches the last known event of symbols; those without one are absent. Never rejects, and
 * resolves within seconds.
 */
export type FetchLast<T> = (
  symbols: readonly string[],
  signal: AbortSignal,
) => Promise<ReadonlyMap<string, T>>;

/** Finds what a stream has missed in an outage. Never rejects, and resolves within seconds. */
export type FillOutage<T> = (request: FillRequest) => Promise<Fill<Envelope<T>>>;

/** The present state of what a channel reports, which a snapshot has in place of last events. */
export interface PresentState<T> {
  /** Whether everything that was missed in the last outage is published. */
  readonly isComplete: boolean;
  /** Resolves when it is complete, or when the signal fires. */
  whenComplete(signal: AbortSignal): Promise<void>;
  /** What is open now, or also what has ended lately; oldest first. */
  present(filter: ChannelFilter, which: "open" | "all"): readonly Envelope<T>[];
}

/** What a stream with options needs. */
interface AnnotatedStreamOptions<T> {
  /** Identifies the stream in acknowledgements; hard to guess. */
  readonly id: string;
  readonly channel: Channel<T>;
  readonly filter: ChannelFilter;
  readonly options: StreamOptions;
  /** Of this process. */
  readonly epoch: string;
  /** Freshness of the feed when the stream opens. */
  readonly feed: FeedNotice;
  /** The id of an event by which a stream can be resumed. @default none */
  readonly eventId?: ((event: T) => string) | undefined;
  /** The present state. @default the last event of each symbol */
  readonly state?: PresentState<T> | undefined;
  /** Where a snapshot has events from that were not seen. @default nowhere */
  readonly fetchLast?: FetchLast<T> | undefined;
  /** Finds what was missed in an outage, for streams with `backfill`. @default nothing */
  readonly fillOutage?: FillOutage<T> | undefined;
  readonly clock: Clock;
  readonly memory: QueueMemory;
  readonly counters: StreamCounters;
  /** Called once, after the stream was removed. */
  readonly onEnd: () => void;
}

/** Items that are sent before the live message at a position of the queue. */
interface Interlude<T> {
  /** Events published to the queue before it. */
  readonly at: number;
  /** `undefined` while they are being fetched: nothing later is sent until then. */
  items: readonly StreamItem<T>[] | undefined;
  /** Items that were taken. */
  taken: number;
}

/** A client's stream with metadata, notices and a delivery policy. */
export class AnnotatedStream<T>
  implements OpenStream<StreamItem<T>>, PendingBatch<StreamItem<T>>, ChannelObserver {
  readonly id: string;
  readonly filter: ChannelFilter;
  readonly options: StreamOptions;
  readonly #deps: AnnotatedStreamOptions<T>;
  readonly #queue: EventQueue<T>;
  /** The queue if the policy is `latest`. */
  #latest: LatestQueue<T> | undefined;
  readonly #over = new AbortController();
  readonly #lost = new LostRun();
  /** Wall clock ms since which the stream has to be complete. */
  #since: number;
  /** Items before the first live one; the held events are released as they are taken. */
  #opening: (StreamItem<T> | Envelope<T>)[] = [];
  #openingAt = 0;
  /** Origin of the events in the opening. */
  #openingOrigin: Origin = "snapshot";
  /** Events that were added to the opening. */
  #openingCount = 0;
  /** Whether all items of the opening are known. */
  #isOpened = false;
  #interludes: Interlude<T>[] = [];
  /** Freshness of the whole feed, and how often it was reported since the stream opened. */
  #feed: FeedNotice;
  #feedNotices = 0;
  #isHeartbeatDue = false;
  /** The notice of the end, until it is taken. */
  #draining: NoticeItem | undefined;
  /** Sequences of the messages that were sent and are not acknowledged, oldest first. */
  #unacknowledged: number[] = [];
  #acknowledged = 0;
  /** Replayed messages that were sent and have to be acknowledged. */
  #replayed = 0;
  #unencodable = 0;
  /** Messages that were sent and are not live: the totals do not have them. */
  #derived = 0;
  /** Their sequences, until they are acknowledged. */
  readonly #unacknowledgedDerived = new Set<number>();
  /** Whether the queue accepts no further event. */
  #overflowed = false;
  /** Position before the first event that the queue did not accept. */
  #acceptedUpTo = Infinity;
  /** Whether what is queued has a hole that the policy does not allow. */
  #isBroken = false;
  #endReason: string | undefined;
  #wakeReader: (() => void) | undefined;
  #onCarried: (() => void) | undefined;

  constructor(deps: AnnotatedStreamOptions<T>) {
    const { channel, filter, options, clock } = deps;
    this.#deps = deps;
    this.id = deps.id;
    this.filter = filter;
    this.options = options;
    this.#since = clock.now();
    this.#feed = deps.feed;
    if (options.meta || options.notices || options.backfill) channel.startRetaining(this.#since);
    const { sequence } = channel;
    this.#queue = this.#createQueue();
    const stopObserving = channel.observe(this);
    this.#over.signal.addEventListener("abort", stopObserving);
    this.#open(sequence);
    if (options.heartbeatMs > 0) this.#beat();
  }

  get sent(): number {
    return this.#queue.sent;
  }

  get dropped(): number {
    return this.#queue.dropped;
  }

  get conflated(): number {
    return this.#queue.conflated;
  }

  get published(): number {
    return this.#queue.published;
  }

  get queued(): number {
    return this.#queue.queued;
  }

  get fill(): number {
    return this.#queue.fill;
  }

  /** The message that is taken next. */
  get oldest(): Envelope<T> | undefined {
    return this.#queue.oldest;
  }

  /** Messages sent and not acknowledged. */
  get unacknowledged(): number {
    return this.#unacknowledged.length;
  }

  get optionsReport(): OptionsReport {
    const { delivery, maxUnacknowledged } = this.options;
    return {
      streamId: this.id,
      delivery,
      conflated: this.#queue.conflated,
      unacknowledged: maxUnacknowledged === 0 ? undefined : this.unacknowledged,
    };
  }

  get endReason(): string | undefined {
    return this.#endReason;
  }

  async *batches(signal: AbortSignal): AsyncGenerator<PendingBatch<StreamItem<T>>, void> {
    const onAbort = () => this.#wake();
    signal.addEventListener("abort", onAbort);
    try {
      while (!signal.aborted && !this.#over.signal.aborted) {
        if (this.#isReady) {
          yield this;
          this.#queue.releaseInFlight();
        } else if (this.#overflowed && !this.#queue.isReady) return;
        else {
          await new Promise<void>((wake) => {
            this.#wakeReader = wake;
            if (this.#isLive && this.#credit > 0) this.#queue.onReady(() => this.#wake());
          });
        }
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  take(limit: number = Infinity): readonly StreamItem<T>[] {
    const items: StreamItem<T>[] = [];
    if (this.#isBroken || this.#over.signal.aborted) return items;
    this.#takeOpening(items, limit);
    if (this.#isLive) this.#takeLive(items, limit);
    return items;
  }

  /** Ends the stream; idempotent. */
  end(): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort();
    this.#releaseOpening();
    for (const { items = [], taken } of this.#interludes) this.#releaseEvents(items.slice(taken));
    this.#interludes = [];
    this.#queue.end();
    this.#wake();
  }

  [Symbol.dispose](): void {
    this.end();
  }

  /** Drops what is queued, down to `length`. */
  shorten(length: number): void {
    this.#queue.shorten(length);
  }

  /** Messages up to a sequence were processed; see `Acknowledge` of the contract. */
  acknowledge(sequence: number): void {
    const sent = this.#unacknowledged;
    // Without `latest` sequences rise, so that a client may also name one that it filtered out.
    const count = this.options.delivery === "latest"
      ? sent.lastIndexOf(sequence) + 1
      : countUpTo(sent, sequence);
    if (count === 0) return;
    this.#acknowledged += count;
    for (let at = 0; at < count && this.#unacknowledgedDerived.size > 0; at++) {
      if (this.#unacknowledgedDerived.delete(sent[at] as number)) this.#acknowledged--;
    }
    this.#unacknowledged = sent.slice(count);
    this.#wake();
  }

  /**
   * Reports an event of this stream that could not be encoded.
   *
   * @returns what to send in its place; `undefined` for nothing
   */
  unencodable({ event, sequence }: Envelope<T>): NoticeItem | undefined {
    const at = this.#unacknowledged.lastIndexOf(sequence);
    if (at >= 0) this.#unacknowledged.splice(at, 1);
    this.#unencodable++;
    this.#deps.counters.gaps.unreadable++;
    if (!this.options.notices) return undefined;
    return this.#notice({
      type: "gap",
      gap: {
        reason: "unreadable",
        count: 1,
        firstSequence: sequence,
        lastSequence: sequence,
        symbols: [this.#deps.channel.symbolOf(event)],
        startTime: undefined,
        endTime: undefined,
      },
    });
  }

  gap(gap: Gap): void {
    const { counters } = this.#deps;
    const last = this.#interludes.at(-1);
    const item = last?.at === this.#queue.published ? last.items?.at(-1) : undefined;
    if (
      gap.reason === "unreadable" && last && item && "notice" in item &&
      item.notice.type === "gap" && item.notice.gap.reason === "unreadable"
    ) {
      // Consecutive unreadable messages are one gap.
      const merged = this.#notice({ type: "gap", gap: mergeGaps(item.notice.gap, gap) });
      last.items = [...last.items?.slice(0, -1) ?? [], merged];
      return;
    }
    const { startTime, endTime = Infinity } = gap;
    if (endTime < this.#since) return;
    counters.gaps[gap.reason]++;
    const start = startTime === undefined ? undefined : Math.max(startTime, this.#since);
    this.#notify({ type: "gap", gap: { ...gap, startTime: start } });
  }

  carried(): void {
    this.#onCarried?.();
  }

  /** Sends the freshness of the feed, or of the symbols that this stream filters by. */
  feed(feed: FeedNotice): void {
    const { channel } = this.#deps;
    if (feed.symbols.length === 0) {
      this.#feed = feed;
      this.#feedNotices++;
      return this.#notify({ type: "feed", feed });
    }
    const symbols = feed.symbols.filter((symbol) => channel.matches(this.filter, symbol));
    if (symbols.length > 0) this.#notify({ type: "feed", feed: { ...feed, symbols } });
  }

  /** Sends the state of a symbol's subscription if this stream filters by it. */
  subscription(symbol: string, state: SymbolState, reason: string): void {
    const isUnfiltered = this.filter.symbols.size === 0 && this.filter.secondary.size === 0;
    const concerns = symbol === "*"
      ? isUnfiltered
      : !isUnfiltered && this.#deps.channel.matches(this.filter, symbol);
    if (concerns) this.#notify({ type: "subscription", symbol, state, reason });
  }

  /** Announces, before what is queued, that the proxy ends the stream within `graceMs`. */
  draining(reason: string, graceMs: number): void {
    if (!this.options.notices) return;
    this.#draining = this.#notice({ type: "draining", reason, graceMs });
    this.#wake();
  }

  get fillsOutages(): boolean {
    return this.options.backfill && this.#deps.fillOutage !== undefined;
  }

  /** Holds live messages back until what was missed before them is fetched, or given up. */
  fillOutage({ startTime, endTime }: EndedOutage, symbols: readonly string[]): void {
    const { fillOutage, clock } = this.#deps;
    const since = this.#since;
    if (!fillOutage || endTime < since) return;
    this.#notify({ type: "feed", feed: filling(clock.now()) });
    const interlude: Interlude<T> = { at: this.#queue.published, items: undefined, taken: 0 };
    this.#interludes.push(interlude);
    const notices = this.#feedNotices;
    fillOutage({ symbols, outage: { from: startTime, to: endTime }, since }).then((fill) => {
      if (this.#over.signal.aborted) return;
      const items: StreamItem<T>[] = this.#filled(fill);
      for (const item of items) if (!("notice" in item)) this.#deps.memory.addHolder(item);
      for (const gap of gapsOf(fill.unfilled, endTime)) {
        this.#deps.counters.gaps.upstream_lost++;
        if (this.options.notices) items.push(this.#notice({ type: "gap", gap }));
      }
      // A newer state follows by itself.
      if (this.options.notices && notices === this.#feedNotices) {
        items.push(this.#notice({ type: "feed", feed: this.#feed }));
      }
      interlude.items = items;
      this.#wake();
    });
  }

  /** What is sent of a fill: with `latest`, the last event of each symbol. */
  #filled({ items }: Fill<Envelope<T>>): Envelope<T>[] {
    if (this.options.delivery !== "latest") return [...items];
    const { channel } = this.#deps;
    const last = new Map(items.map((item) => [channel.symbolOf(item.event), item]));
    return items.filter((item) => last.get(channel.symbolOf(item.event)) === item);
  }

  /** Totals of live messages at this point of the stream. */
  totals(): StreamTotals {
    const { sent, conflated, dropped, oldest } = this.#queue;
    const delivered = this.options.maxUnacknowledged > 0
      ? Math.max(0, this.#acknowledged - this.#replayed)
      : sent - this.#unencodable - this.#derived;
    return {
      sequence: Math.min(
        oldest ? oldest.sequence - 1 : this.#deps.channel.sequence,
        this.#acceptedUpTo,
      ),
      published: delivered + conflated + dropped,
      delivered,
      conflated,
      lost: dropped,
    };
  }

  #createQueue(): EventQueue<T> {
    const { channel, filter, options, clock, onEnd } = this.#deps;
    const events = { onDrop: (envelope: Envelope<T>) => this.#onDrop(envelope), onEnd };
    if (options.delivery === "latest") {
      const symbol = (event: T) => channel.symbolOf(event);
      const intervalMs = options.minIntervalMs;
      return this.#latest = channel.subscribeQueue(
        filter,
        events,
        (queue) => new LatestQueue<T>({ ...queue, symbol, intervalMs, clock }),
      );
    }
    const onOverflow = options.delivery === "every_or_end" ? () => this.#onOverflow() : undefined;
    return channel.subscribeQueue(
      filter,
      { ...events, onOverflow },
      (queue) => new Subscriber<T>(queue),
    );
  }

  /** Collects the items before the first live message. */
  #open(sequence: number): void {
    const { channel, epoch, feed, counters, state } = this.#deps;
    const { options } = this;
    const { resume } = options;
    const from = resume && this.#positionOf(resume);
    const missed = from === undefined
      ? undefined
      : channel.missedSince(from, this.filter, options.delivery === "latest");
    const hello = {
      epoch,
      sequence,
      options,
      resumed: missed !== undefined,
      feed,
      streamId: this.id,
    };
    this.#addOpening(this.#notice({ type: "hello", hello }));
    if (resume && !missed) {
      counters.resumes.inexact++;
      counters.gaps.not_retained++;
      this.#addOpening(this.#notice({ type: "gap", gap: notRetained(from, sequence) }));
    }
    if (missed) {
      counters.resumes.exact++;
      this.#since = 0;
      this.#openingOrigin = "replay";
      for (const item of missed) {
        if ("reason" in item) this.#addOpening(this.#notice({ type: "gap", gap: item }));
        else this.#addOpening(item);
      }
      this.#finishReplay(sequence);
    } else if (state && (options.snapshot || resume)) {
      // What a resume has missed shows in the state of what is open and of what has ended.
      this.#takeState(state, resume ? "all" : "open", sequence).catch(() => this.end());
    } else if (options.snapshot) this.#takeSnapshot(sequence);
    else if (resume) this.#finishOpening(sequence);
    else this.#isOpened = true;
  }

  /** Ends a replay; what was missed in an outage of the upstream session still belongs to it. */
  #finishReplay(sequence: number): void {
    const { state, channel } = this.#deps;
    if (!state || state.isComplete) return this.#finishOpening(sequence);
    this.#isOpened = true;
    const published = this.#queue.published;
    const count = this.#openingCount;
    state.whenComplete(this.#over.signal).then(() => {
      this.#notify({
        type: "caught_up",
        sequence: channel.sequence,
        count: count + this.#queue.published - published,
      });
    });
  }

  /** Adds the present state as soon as it is complete. */
  async #takeState(
    state: PresentState<T>,
    which: "open" | "all",
    sequence: number,
  ): Promise<void> {
    await state.whenComplete(this.#over.signal);
    if (this.#over.signal.aborted) return;
    for (const envelope of state.present(this.filter, which)) {
      // What was published since is in the queue.
      if (envelope.sequence <= sequence) this.#addOpening(envelope);
    }
    this.#finishOpening(sequence);
  }

  /** The position of a resume; `undefined` when it is not known. */
  #positionOf(resume: ResumePoint): number | undefined {
    const { channel, epoch, eventId } = this.#deps;
    if ("eventId" in resume) {
      return channel.positionOf((event) => eventId?.(event) === resume.eventId);
    }
    return resume.epoch === epoch ? resume.sequence : undefined;
  }

  /** Adds the last events that were seen, then those that are fetched. */
  #takeSnapshot(sequence: number): void {
    const { channel, fetchLast } = this.#deps;
    const seen = new Map(
      channel.lastEvents(this.filter).map((last) => [channel.symbolOf(last.event), last]),
    );
    // What was seen of a symbol that is not carried any more can be old.
    const isUnknown = (symbol: string) => !seen.has(symbol) || !channel.isCarried(symbol);
    const unknown = new Set(fetchLast && [...this.filter.symbols].filter(isUnknown));
    const old: Envelope<T>[] = [];
    for (const [symbol, last] of seen) {
      if (unknown.has(symbol)) old.push(last);
      else this.#addOpening(last);
    }
    if (unknown.size === 0 || !fetchLast) return this.#finishOpening(sequence);
    this.#fetchSnapshot([...unknown], old, fetchLast).finally(() => this.#finishOpening(sequence));
  }

  /**
   * Fetches the last events of symbols after upstream has acknowledged them, so that no later event
   * is missed. A symbol of which an event arrives meanwhile needs none.
   */
  async #fetchSnapshot(
    symbols: readonly string[],
    old: readonly Envelope<T>[],
    fetchLast: FetchLast<T>,
  ): Promise<void> {
    const { channel, clock } = this.#deps;
    const { signal } = this.#over;
    const before = new Map(
      symbols.map((symbol) => [symbol, channel.symbol(symbol)?.sequence ?? 0]),
    );
    await this.#whenCarried(symbols);
    const fetched = signal.aborted ? new Map<string, T>() : await fetchLast(symbols, signal);
    if (signal.aborted) return;
    const seen = new Map(old.map((envelope) => [channel.symbolOf(envelope.event), envelope]));
    for (const symbol of symbols) {
      if ((channel.symbol(symbol)?.sequence ?? 0) !== before.get(symbol)) continue;
      const event = fetched.get(symbol);
      const last = event === undefined ? seen.get(symbol) : fromRest(event, {
        origin: "snapshot",
        receivedAt: clock.now(),
        bytes: channel.bytesOf(event),
      });
      if (last) this.#addOpening(last);
    }
  }

  /** Resolves when upstream carries all symbols, or after a time. */
  async #whenCarried(symbols: readonly string[]): Promise<void> {
    const { channel, clock } = this.#deps;
    const areCarried = () => symbols.every((symbol) => channel.isCarried(symbol));
    if (areCarried()) return;
    const done = new AbortController();
    this.#onCarried = () => {
      if (areCarried()) done.abort();
    };
    await clock.sleep(CARRIED_WAIT_MS, AbortSignal.any([done.signal, this.#over.signal]));
    this.#onCarried = undefined;
  }

  #addOpening(item: StreamItem<T>): void {
    if ("notice" in item) {
      if (!this.options.notices) return;
    } else {
      this.#deps.memory.addHolder(item);
      this.#openingCount++;
    }
    this.#opening.push(item);
    this.#wake();
  }

  #finishOpening(sequence: number): void {
    if (this.#over.signal.aborted) return;
    const count = this.#openingCount;
    this.#isOpened = true;
    this.#addOpening(this.#notice({ type: "caught_up", sequence, count }));
    this.#wake();
  }

  #takeOpening(items: StreamItem<T>[], limit: number): void {
    const opening = this.#opening;
    const isReplay = this.#openingOrigin === "replay";
    while (this.#openingAt < opening.length && items.length < limit) {
      const item = opening[this.#openingAt] as StreamItem<T>;
      if ("notice" in item) items.push(item);
      else {
        if (isReplay && this.#credit === 0) return;
        this.#deps.memory.release(item);
        items.push({ ...item, origin: this.#openingOrigin, encodedWithMeta: undefined });
        this.#latest?.startInterval(this.#deps.channel.symbolOf(item.event));
        if (isReplay && this.options.maxUnacknowledged > 0) {
          this.#unacknowledged.push(item.sequence);
          this.#replayed++;
        }
      }
      this.#openingAt++;
    }
    if (this.#openingAt === opening.length) {
      this.#opening = [];
      this.#openingAt = 0;
    }
  }

  #releaseOpening(): void {
    this.#releaseEvents(this.#opening.slice(this.#openingAt));
    this.#opening = [];
  }

  #releaseEvents(items: readonly StreamItem<T>[]): void {
    for (const item of items) if (!("notice" in item)) this.#deps.memory.release(item);
  }

  #takeLive(items: StreamItem<T>[], limit: number): void {
    if (this.#draining) {
      items.push(this.#draining);
      this.#draining = undefined;
    }
    if (this.#isHeartbeatDue) {
      this.#isHeartbeatDue = false;
      this.#takeLost(items);
      items.push(this.#notice({ type: "heartbeat", totals: this.totals() }));
    }
    while (items.length < limit) {
      const next = this.#interludes[0];
      const ahead = next ? this.#eventsBefore(next) : Infinity;
      if (next && ahead <= 0) {
        if (!next.items) return;
        const some = next.items.slice(next.taken, next.taken + limit - items.length);
        next.taken += some.length;
        this.#releaseEvents(some);
        for (const item of some) items.push(item);
        if (next.taken === next.items.length) this.#interludes.shift();
        continue;
      }
      const credit = this.#credit;
      if (credit === 0 || !this.#queue.isReady) return;
      const most = Math.min(limit - items.length, ahead, credit);
      // Before the batch: to take it can shorten the queue behind it.
      this.#takeLost(items);
      const batch = this.#queue.take(most);
      for (const envelope of batch) {
        items.push(envelope);
        if (envelope.origin === "live") continue;
        this.#derived++;
        if (this.options.maxUnacknowledged > 0) this.#unacknowledgedDerived.add(envelope.sequence);
      }
      if (this.options.maxUnacknowledged > 0) {
        for (const { sequence } of batch) this.#unacknowledged.push(sequence);
      }
    }
  }

  /** Queued events that were published before an interlude. */
  #eventsBefore({ at }: Interlude<T>): number {
    // Latest events have no order of their own.
    if (this.options.delivery === "latest") return 0;
    return at - (this.#queue.published - this.#queue.queued);
  }

  get #isLive(): boolean {
    return this.#isOpened && this.#opening.length === 0;
  }

  /** Messages that may be sent before the next acknowledgement. */
  get #credit(): number {
    const { maxUnacknowledged } = this.options;
    return maxUnacknowledged === 0 ? Infinity : maxUnacknowledged - this.#unacknowledged.length;
  }

  get #isReady(): boolean {
    if (this.#openingAt < this.#opening.length) {
      const item = this.#opening[this.#openingAt] as StreamItem<T>;
      return "notice" in item || this.#openingOrigin !== "replay" || this.#credit > 0;
    }
    if (!this.#isOpened) return false;
    const next = this.#interludes[0];
    const ahead = next ? this.#eventsBefore(next) : Infinity;
    if (this.#isHeartbeatDue || this.#draining) return true;
    if (ahead <= 0) return next?.items !== undefined;
    return this.#credit > 0 && this.#queue.isReady;
  }

  #takeLost(items: StreamItem<T>[]): void {
    const gap = this.#lost.take();
    if (gap && this.options.notices) items.push(this.#notice({ type: "gap", gap }));
  }

  #onDrop(envelope: Envelope<T>): void {
    if (this.options.delivery === "every_or_end") {
      if (this.#isBroken) return;
      this.#isBroken = true;
      return this.#end("The memory of all queues is exhausted");
    }
    const { channel, counters } = this.#deps;
    if (this.#lost.isEmpty) counters.gaps.slow_client++;
    this.#lost.add(envelope.sequence, channel.symbolOf(envelope.event));
  }

  #onOverflow(): void {
    this.#overflowed = true;
    // The event that is being published is not accepted.
    this.#acceptedUpTo = this.#deps.channel.sequence - 1;
    this.#endReason = "The client is too slow: the stream's queue is full";
    this.#wake();
  }

  /** Ends the stream, but not within the call of a publisher or of the memory. */
  #end(reason: string): void {
    this.#overflowed = true;
    this.#endReason ??= reason;
    Promise.resolve().then(() => this.end());
  }

  #notify(notice: NoticeContent): void {
    if (!this.options.notices || this.#over.signal.aborted) return;
    const most = MAX_NOTICES + NOTICES_PER_SYMBOL * this.filter.symbols.size;
    if (this.#interludes.length >= most) return this.#end("The client does not read its notices");
    const item = this.#notice(notice);
    this.#interludes.push({ at: this.#queue.published, items: [item], taken: 0 });
    this.#wake();
  }

  #notice(content: NoticeContent): NoticeItem {
    return { notice: { at: this.#deps.clock.now(), ...content } as Notice };
  }

  /** Makes heartbeats due until the stream ends. */
  async #beat(): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      await this.#deps.clock.sleep(this.options.heartbeatMs, signal);
      if (signal.aborted) return;
      this.#isHeartbeatDue = true;
      this.#wake();
    }
  }

  #wake(): void {
    const wake = this.#wakeReader;
    this.#wakeReader = undefined;
    wake?.();
  }
}

/** Dropped messages since the last gap. */
class LostRun {
  #count = 0;
  #first = Infinity;
  #last = 0;
  readonly #symbols = new Set<string>();

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  add(sequence: number, symbol: string): void {
    this.#count++;
    if (sequence < this.#first) this.#first = sequence;
    if (sequence > this.#last) this.#last = sequence;
    if (this.#symbols.size <= MAX_GAP_SYMBOLS) this.#symbols.add(symbol);
  }

  /** Returns the gap of all added messages, if there are any, and starts again. */
  take(): Gap | undefined {
    if (this.#count === 0) return undefined;
    const gap: Gap = {
      reason: "slow_client",
      count: this.#count,
      firstSequence: this.#first,
      lastSequence: this.#last,
      symbols: this.#symbols.size <= MAX_GAP_SYMBOLS ? [...this.#symbols] : [],
      startTime: undefined,
      endTime: undefined,
    };
    this.#count = this.#last = 0;
    this.#first = Infinity;
    this.#symbols.clear();
    return gap;
  }
}

/** A notice without its time. */
type NoticeContent = Notice extends infer N ? N extends Notice ? Omit<N, "at"> : never : never;

/** Number of rising sequences that are not above the given one. */
function countUpTo(rising: readonly number[], sequence: number): number {
  let low = 0;
  let high = rising.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rising[middle] as number) <= sequence) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** An event from REST, which has no position. */
export function fromRest<T>(
  event: T,
  { origin, receivedAt, bytes }: Pick<Envelope<T>, "origin" | "receivedAt" | "bytes">,
): Envelope<T> {
  return {
    event,
    sequence: 0,
    symbolSequence: 0,
    receivedAt,
    origin,
    encoded: undefined,
    encodedWithMeta: undefined,
    holders: 0,
    bytes,
  };
}

/** The gap of a resume that is not exact; `from` is known within the epoch. */
function notRetained(from: number | undefined, sequence: number): Gap {
  const isKnown = from !== undefined && from < sequence;
  return {
    reason: "not_retained",
    count: 0,
    firstSequence: isKnown ? from + 1 : 0,
    lastSequence: isKnown ? sequence : 0,
    symbols: [],
    startTime: undefined,
    endTime: undefined,
  };
}
