/**
 * A stream with options: data messages with metadata, and notices in order with them.
 *
 * Its items come in this order: `hello`, the snapshot or the replay, `caught_up`, then live
 * messages with notices between them ({@linkcode Interludes}). A gap for dropped messages comes
 * before the next message or heartbeat, so that all messages of a run are one gap.
 *
 * With a limit on unacknowledged messages, nothing is taken from the queue beyond it; what arrives
 * meanwhile is subject to the delivery policy.
 *
 * @module
 */
import { type FeedNotice, type Gap, mergeGaps } from "../../domain/market/notices.ts";
import type { ChannelFilter, ChannelObserver, EndedOutage } from "../broadcast/channel_gaps.ts";
import type { Envelope } from "../broadcast/envelope.ts";
import type { EventQueue, PendingBatch } from "../broadcast/event_queue.ts";
import { type LatestQueue, latestQueueOf } from "../broadcast/latest_queue.ts";
import { subscriberOf } from "../broadcast/subscriber.ts";
import type { Fill, FillRequest } from "../history/backfills.ts";
import type { OptionsReport, SymbolState } from "../status/reports.ts";
import { ContractNotices } from "./contract_notices.ts";
import { Interludes } from "./interludes.ts";
import { LostRun } from "./lost_run.ts";
import type { NoticeItem, OpenStream, StreamItem } from "./market_streams.ts";
import { Opening, type OpeningOptions, whenHalfFull } from "./opening.ts";
import { filling, gapsOf } from "./outage_notices.ts";
import type { SelectionNotices } from "./selection_notices.ts";
import type { SelectionStream } from "./selections.ts";
import { Unacknowledged } from "./unacknowledged.ts";
import {
  namesOf,
  type Notice,
  type NoticeContent,
  type StreamOptions,
  type StreamTotals,
} from "./stream_options.ts";

/** Notices, beside those of its symbols, that a stream can have waiting; it ends with more. */
const MAX_NOTICES = 1_000;
/** Notices, beside those of its symbols, above which those of many contracts are one. */
const MAX_CONTRACT_NOTICES_WAITING = MAX_NOTICES / 2;
/** Last events of selected contracts that a stream can have waiting; further ones are left out. */
const MAX_FIRST_EVENTS = 10_000;
/** Notices per symbol of the filter that can be waiting. */
const NOTICES_PER_SYMBOL = 2;

/**
 * Finds what a stream has missed in an outage. Never rejects, and resolves within seconds; `signal`
 * fires when the stream ends.
 */
export type FillOutage<T> = (
  request: FillRequest,
  signal: AbortSignal,
) => Promise<Fill<Envelope<T>>>;

/** What a stream with options needs. */
interface AnnotatedStreamOptions<T> extends OpeningOptions<T> {
  /** Finds what was missed in an outage, for streams with `backfill`. @default nothing */
  readonly fillOutage?: FillOutage<T> | undefined;
  /** Called once, after the stream was removed. */
  readonly onEnd: () => void;
}

/** A client's stream with metadata, notices and a delivery policy. */
export class AnnotatedStream<T>
  implements
    OpenStream<StreamItem<T>>,
    PendingBatch<StreamItem<T>>,
    ChannelObserver,
    SelectionStream {
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
  readonly #opening: Opening<T>;
  readonly #interludes: Interludes<T>;
  readonly #contractNotices: ContractNotices<T>;
  /** Freshness of the whole feed, and how often it was reported since the stream opened. */
  #feed: FeedNotice;
  #feedNotices = 0;
  #isHeartbeatDue = false;
  /** The notice of the end, until it is taken. */
  #draining: NoticeItem | undefined;
  readonly #unacknowledged: Unacknowledged;
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

  /** @throws OpeningsExceeded when the memory for snapshots and replays is used up */
  constructor(deps: AnnotatedStreamOptions<T>) {
    const { channel, filter, options, clock } = deps;
    this.#deps = deps;
    this.id = deps.id;
    this.filter = filter;
    this.options = options;
    this.#since = clock.now();
    this.#unacknowledged = new Unacknowledged({
      max: options.maxUnacknowledged,
      isLatest: options.delivery === "latest",
      clock,
    });
    const interludes = this.#interludes = new Interludes<T>({
      queue: () => this.#queue,
      // Latest events have no order of their own.
      isOrdered: options.delivery !== "latest",
      memory: deps.memory,
    });
    this.#contractNotices = new ContractNotices({
      interludes,
      maxWaiting: MAX_CONTRACT_NOTICES_WAITING,
      send: (items) => this.#notifyAll(items),
      underlyingOf: (symbol) => channel.secondaryOf(symbol),
      clock,
      isQueued: (symbol) => this.isOnlySelected && this.#latest?.pending(symbol) !== undefined,
    });
    this.#feed = deps.feed;
    if (options.meta || options.notices || options.backfill) channel.startRetaining(this.#since);
    const { signal } = this.#over;
    const opening = this.#opening = new Opening<T>({
      ...deps,
      notice: (content) => this.#notice(content),
      onItem: () => this.#wake(),
      published: () => this.#queue.published,
      notify: (content) => this.#notify(content),
      fail: (reason) => this.#end(reason),
      fill: () => this.#queue.fill,
      signal,
    });
    if (opening.isReplay) this.#since = 0;
    this.#queue = this.#createQueue();
    signal.addEventListener("abort", channel.observe(this));
    if (options.heartbeatMs > 0) this.#beat();
  }

  get sent(): number {
    return this.#queue.sent + this.#opening.sent;
  }

  get dropped(): number {
    return this.#queue.dropped;
  }

  get conflated(): number {
    return this.#queue.conflated;
  }

  get queued(): number {
    return this.#queue.queued + this.#opening.left;
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
    return this.#unacknowledged.size;
  }

  get optionsReport(): OptionsReport {
    const { delivery, maxUnacknowledged } = this.options;
    return {
      streamId: this.id,
      delivery,
      names: namesOf(this.options),
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
          this.#opening.releaseInFlight();
        } else if (this.#overflowed && !this.#queue.isReady) return;
        else {
          await new Promise<void>((wake) => {
            this.#wakeReader = wake;
            const { credit, isThrottled, patienceMs } = this.#unacknowledged;
            if (this.#opening.isDone && credit > 0) this.#queue.onReady(() => this.#wake());
            if (isThrottled) this.#wakeAfter(patienceMs);
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
    this.#opening.releaseInFlight();
    if (!this.#opening.isDone) this.#takeOpening(items, limit);
    this.#takeTimed(items);
    if (this.#opening.isDone) this.#takeLive(items, limit);
    return items;
  }

  /** Ends the stream; idempotent. */
  end(): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort();
    this.#opening.end();
    this.#interludes.end();
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
    const acknowledged = this.#unacknowledged.acknowledge(sequence);
    if (acknowledged.length === 0) return;
    this.#acknowledged += acknowledged.length;
    if (this.#unacknowledgedDerived.size > 0) {
      for (const each of acknowledged) {
        if (this.#unacknowledgedDerived.delete(each)) this.#acknowledged--;
      }
    }
    this.#wake();
  }

  /**
   * Reports an event of this stream that could not be encoded.
   *
   * @returns what to send in its place; `undefined` for nothing
   */
  unencodable({ event, sequence, origin }: Envelope<T>): NoticeItem | undefined {
    const wasSent = this.#unacknowledged.remove(sequence);
    if (origin === "live") this.#unencodable++;
    else if (wasSent) this.#replayed--;
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
    const last = this.#interludes.atPresent;
    const item = last?.items?.at(-1);
    if (
      gap.reason === "unreadable" && last && item && "notice" in item &&
      item.notice.type === "gap" && item.notice.gap.reason === "unreadable"
    ) {
      // Consecutive unreadable messages are one gap.
      const merged = this.#notice({ type: "gap", gap: mergeGaps(item.notice.gap, gap) });
      this.#interludes.fill(last, [...last.items?.slice(0, -1) ?? [], merged]);
      return;
    }
    const { startTime, endTime = Infinity } = gap;
    if (endTime < this.#since) return;
    counters.gaps[gap.reason]++;
    const start = startTime === undefined ? undefined : Math.max(startTime, this.#since);
    this.#notify({ type: "gap", gap: { ...gap, startTime: start } });
  }

  carried(symbols: readonly string[]): void {
    this.#opening.settled(symbols);
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

  /** Sends the states of subscriptions, by symbol, of symbols that this stream filters by. */
  subscriptions(changes: ReadonlyMap<string, NoticeItem>): void {
    const { symbols, secondary } = this.filter;
    const isUnfiltered = symbols.size === 0 && secondary.size === 0;
    const { channel } = this.#deps;
    const items: NoticeItem[] = [];
    /** Those of contracts that the stream does not name. */
    const contracts: NoticeItem[] = [];
    const refused: string[] = [];
    const names = isUnfiltered
      ? ["*"]
      : secondary.size === 0 && symbols.size < changes.size
      ? symbols
      : changes.keys();
    for (const symbol of names) {
      const item = changes.get(symbol);
      if (!item || !(isUnfiltered || channel.matches(this.filter, symbol))) continue;
      (secondary.size === 0 || symbols.has(symbol) ? items : contracts).push(item);
      const { notice } = item;
      if (notice.type === "subscription" && isRefused(notice.state)) refused.push(symbol);
    }
    if (refused.length > 0) this.#opening.settled(refused);
    this.#notifyAll(items);
    if (this.#sendsNotices) this.#contractNotices.states(contracts);
  }

  get isOnlySelected(): boolean {
    return this.filter.selected !== undefined;
  }

  selectionChanged(change: SelectionNotices): void {
    if (this.#sendsNotices) this.#contractNotices.selectionChanged(change);
  }

  firstEvents(events: readonly Envelope<unknown>[]): void {
    if (!this.options.snapshot || this.#over.signal.aborted) return;
    const { channel } = this.#deps;
    const items = (events as readonly Envelope<T>[])
      .filter(({ event }) => !this.#latest?.pending(channel.symbolOf(event)))
      .slice(0, Math.max(0, MAX_FIRST_EVENTS - this.#interludes.firstEvents));
    if (items.length === 0) return;
    this.#interludes.add(items);
    this.#wake();
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
    const interlude = this.#interludes.hold();
    const notices = this.#feedNotices;
    const before = this.#deps.channel.sequence;
    const done = new AbortController();
    const signal = AbortSignal.any([this.#over.signal, done.signal]);
    const full = whenHalfFull(() => this.#queue.fill, clock, signal);
    const unfilled = new Map(symbols.map((symbol) => [symbol, Math.max(startTime, since)]));
    Promise.race([
      fillOutage({ symbols, outage: { from: startTime, to: endTime }, since }, signal),
      // The client would lose live messages.
      full.then((): Fill<Envelope<T>> => ({ items: [], unfilled })),
    ]).then((fill) => {
      done.abort();
      if (this.#over.signal.aborted) return;
      const items: StreamItem<T>[] = this.#filled(fill, before);
      for (const gap of gapsOf(fill.unfilled, endTime)) {
        this.#deps.counters.gaps.upstream_lost++;
        if (this.options.notices) items.push(this.#notice({ type: "gap", gap }));
      }
      // A newer state follows by itself.
      if (this.options.notices && notices === this.#feedNotices) {
        items.push(this.#notice({ type: "feed", feed: this.#feed }));
      }
      this.#interludes.fill(interlude, items);
      this.#wake();
    });
  }

  /**
   * What is sent of a fill. With `latest`, the last event of each symbol, in place of one that was
   * queued up to position `before`, and none if a later one is queued.
   */
  #filled({ items }: Fill<Envelope<T>>, before: number): Envelope<T>[] {
    const latest = this.#latest;
    if (!latest) return [...items];
    const { channel } = this.#deps;
    const last = new Map(items.map((item) => [channel.symbolOf(item.event), item]));
    const sent: Envelope<T>[] = [];
    for (const item of items) {
      const symbol = channel.symbolOf(item.event);
      if (last.get(symbol) !== item) continue;
      if ((latest.pending(symbol)?.sequence ?? 0) > before) continue;
      latest.replace(symbol);
      sent.push(item);
    }
    return sent;
  }

  /** Totals of live messages at this point of the stream. */
  totals(): StreamTotals {
    const { sent, conflated, dropped, oldest } = this.#queue;
    const delivered = this.options.maxUnacknowledged > 0
      ? Math.max(0, this.#acknowledged - this.#replayed)
      : sent - this.#unencodable - this.#derived;
    return {
      sequence: Math.min(
        this.#opening.isDone ? Infinity : this.#opening.resumeAt,
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
        (queue) => latestQueueOf({ ...queue, symbol, intervalMs, clock }, filter),
      );
    }
    const onOverflow = options.delivery === "every_or_end" ? () => this.#onOverflow() : undefined;
    return channel.subscribeQueue(
      filter,
      { ...events, onOverflow },
      (queue) => subscriberOf(queue, filter),
    );
  }

  #takeOpening(items: StreamItem<T>[], limit: number): void {
    const { isReplay } = this.#opening;
    const { maxUnacknowledged } = this.options;
    for (const item of this.#opening.take(limit - items.length, this.#unacknowledged.credit)) {
      items.push(item);
      if ("notice" in item) continue;
      this.#latest?.startInterval(this.#deps.channel.symbolOf(item.event));
      if (!isReplay || maxUnacknowledged === 0) continue;
      this.#unacknowledged.add([item]);
      this.#replayed++;
    }
  }

  /** Takes what is due at a time, but not before hello. */
  #takeTimed(items: StreamItem<T>[]): void {
    if (!this.#opening.isDone && this.#opening.taken === 0) return;
    if (this.#draining) {
      items.push(this.#draining);
      this.#draining = undefined;
    }
    if (this.#isHeartbeatDue) {
      this.#isHeartbeatDue = false;
      this.#takeLost(items);
      items.push(this.#notice({ type: "heartbeat", totals: this.totals() }));
    }
  }

  #takeLive(items: StreamItem<T>[], limit: number): void {
    while (items.length < limit) {
      const { ahead } = this.#interludes;
      if (ahead <= 0) {
        const some = this.#interludes.take(limit - items.length);
        if (!some) return;
        for (const item of some) {
          items.push(item);
          if ("notice" in item || item.origin !== "snapshot") continue;
          this.#latest?.startInterval(this.#deps.channel.symbolOf(item.event));
        }
        continue;
      }
      if (this.#contractNotices.hasLeft) items.push(...this.#contractNotices.takeLeft());
      const { credit } = this.#unacknowledged;
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
      this.#unacknowledged.add(batch);
    }
  }

  get #isReady(): boolean {
    const opening = this.#opening;
    if (opening.taken > 0 && (this.#isHeartbeatDue || this.#draining)) return true;
    if (!opening.isDone) return opening.isReady(this.#unacknowledged.credit);
    if (this.#isHeartbeatDue || this.#draining) return true;
    if (this.#interludes.ahead <= 0) return this.#interludes.isReady;
    if (this.#contractNotices.hasLeft) return true;
    return this.#unacknowledged.credit > 0 && this.#queue.isReady;
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
    this.#notifyAll([this.#notice(notice)]);
  }

  #notifyAll(items: readonly NoticeItem[]): void {
    if (!this.#sendsNotices || items.length === 0) return;
    const { symbols, secondary } = this.filter;
    const most = MAX_NOTICES + NOTICES_PER_SYMBOL * (symbols.size + secondary.size);
    if (this.#interludes.notices + items.length > most) {
      return this.#end("The client does not read its notices");
    }
    this.#interludes.add(items);
    this.#wake();
  }

  get #sendsNotices(): boolean {
    return this.options.notices && !this.#over.signal.aborted;
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

  /** Wakes the reader after a time, so that a client that acknowledges nothing gets more. */
  #wakeAfter(ms: number): void {
    this.#deps.clock.sleep(ms, this.#over.signal).then(() => this.#wake());
  }

  #wake(): void {
    const wake = this.#wakeReader;
    this.#wakeReader = undefined;
    wake?.();
  }
}

/** Whether upstream will not acknowledge a symbol soon. */
function isRefused(state: SymbolState): boolean {
  return state === "rejected" || state === "waiting";
}
