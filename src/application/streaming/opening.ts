/**
 * What a stream with options sends before its first live message: `hello`, then a snapshot or a
 * replay with the gaps in it, then `caught_up`.
 *
 * A snapshot has the last events that the channel has seen; those that it has not seen, or that may
 * be old, are fetched after upstream has acknowledged their symbols, so that no later event is
 * missed. Live messages wait meanwhile in the stream's queue; before it is full, the snapshot is
 * completed with what is known.
 *
 * The memory for the openings of all streams is limited ({@linkcode QueueMemory.addOpening}); above
 * it no stream with one is opened.
 *
 * @module
 */
import type { FeedNotice, Gap } from "../../domain/market/notices.ts";
import type { Channel } from "../broadcast/channel.ts";
import type { ChannelFilter } from "../broadcast/channel_gaps.ts";
import type { Envelope } from "../broadcast/envelope.ts";
import type { QueueMemory } from "../broadcast/queue_memory.ts";
import type { Clock } from "../ports/clock.ts";
import type { StreamCounters } from "../status/counters.ts";
import { type NoticeItem, OpeningsExceeded, type StreamItem } from "./market_streams.ts";
import type { NoticeContent, ResumePoint, StreamOptions } from "./stream_options.ts";

/** How long a snapshot waits for upstream to acknowledge its symbols, in ms. */
const CARRIED_WAIT_MS = 3_000;
/** Interval in which the fill of a queue is checked, in ms. */
const CHECK_MS = 20;
/** Fill of a queue at which live messages are not held back any longer. */
const MAX_FILL = 0.5;

/** The copies of events that openings send, by the event. */
const COPIES = {
  replay: new WeakMap<Envelope<unknown>, Envelope<unknown>>(),
  snapshot: new WeakMap<Envelope<unknown>, Envelope<unknown>>(),
};

/**
 * Fetches the last known event of symbols; those without one are absent. Never rejects, and
 * resolves within seconds.
 */
export type FetchLast<T> = (
  symbols: readonly string[],
  signal: AbortSignal,
) => Promise<ReadonlyMap<string, T>>;

/** The present state of what a channel reports, which a snapshot has in place of last events. */
export interface PresentState<T> {
  /** Whether everything that was missed in the last outage is published. */
  readonly isComplete: boolean;
  /** Resolves when it is complete, or when the signal fires. */
  whenComplete(signal: AbortSignal): Promise<void>;
  /** What is open now, or also what has ended lately; oldest first. */
  present(filter: ChannelFilter, which: "open" | "all"): readonly Envelope<T>[];
}

/** What an {@linkcode Opening} needs. */
export interface OpeningOptions<T> {
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
  readonly clock: Clock;
  readonly memory: QueueMemory;
  readonly counters: StreamCounters;
}

/** What an opening needs of its stream. */
interface OpeningEvents {
  readonly notice: (content: NoticeContent) => NoticeItem;
  /** Called when an item is added. */
  readonly onItem: () => void;
  /** Adds a notice at the present position of the stream's queue. */
  readonly notify: (content: NoticeContent) => void;
  /** Ends the stream, with a reason for its client. */
  readonly fail: (reason: string) => void;
  /** Events published to the stream's queue. */
  readonly published: () => number;
  /** Fill of the stream's queue, 0 to 1. */
  readonly fill: () => number;
  /** Fires when the stream ends. */
  readonly signal: AbortSignal;
}

/** The items before the first live message. */
export class Opening<T> {
  /** Position of the channel at which the stream starts. */
  readonly sequence: number;
  /** Whether the events are a replay; otherwise a snapshot. */
  readonly isReplay: boolean;
  readonly #deps: OpeningOptions<T> & OpeningEvents;
  /** The held events are released as they are taken. */
  #items: StreamItem<T>[] = [];
  #at = 0;
  #taken = 0;
  #sent = 0;
  /** Events that were added. */
  #count = 0;
  /** Bytes of the events that were taken last. */
  #inFlight = 0;
  #isComplete = false;
  /** Symbols that upstream has neither acknowledged nor refused. */
  #awaited = new Set<string>();
  #onNoneAwaited: (() => void) | undefined;

  /** @throws OpeningsExceeded when the memory for openings is used up */
  constructor(deps: OpeningOptions<T> & OpeningEvents) {
    const { channel, filter, options, counters, state } = deps;
    this.#deps = deps;
    this.sequence = channel.sequence;
    const { resume } = options;
    const from = resume && this.#positionOf(resume);
    const missed = from === undefined
      ? undefined
      : channel.missedSince(from, filter, options.delivery === "latest");
    this.isReplay = missed !== undefined;
    this.#hello();
    if (resume && !missed) {
      counters.resumes.inexact++;
      counters.gaps.not_retained++;
      this.#addNotice({ type: "gap", gap: notRetained(from, this.sequence) });
    }
    if (missed) {
      this.#reserve(missed.length);
      counters.resumes.exact++;
      for (const item of missed) {
        if ("reason" in item) this.#addNotice({ type: "gap", gap: item });
        else this.#addEvent(item);
      }
      this.#completeReplay();
    } else if (state && (options.snapshot || resume)) {
      // What a resume has missed shows in the state of what is open and of what has ended.
      this.#takeState(state, resume ? "all" : "open");
    } else if (options.snapshot) this.#takeSnapshot();
    else if (resume) this.#complete();
    else this.#isComplete = true;
  }

  /** Whether everything was taken. */
  get isDone(): boolean {
    return this.#isComplete && this.#items.length === 0;
  }

  /** Items that were taken, and items that can be. */
  get taken(): number {
    return this.#taken;
  }

  /** Events that were taken. */
  get sent(): number {
    return this.#sent;
  }

  get left(): number {
    return this.#items.length - this.#at;
  }

  /** Position at which to resume while not everything was taken. */
  get resumeAt(): number {
    if (!this.isReplay) return this.sequence;
    for (let at = this.#at; at < this.#items.length; at++) {
      const item = this.#items[at] as StreamItem<T>;
      if (!("notice" in item)) return item.sequence - 1;
    }
    return this.sequence;
  }

  /** Whether an item can be taken, given how many events may be sent. */
  isReady(credit: number): boolean {
    const next = this.#items[this.#at];
    return next !== undefined && ("notice" in next || !this.isReplay || credit > 0);
  }

  /**
   * Takes items, at most `limit`, and of a replay at most `credit` events. They are in flight until
   * {@linkcode Opening.releaseInFlight}.
   */
  take(limit: number, credit: number): readonly StreamItem<T>[] {
    this.releaseInFlight();
    const { memory } = this.#deps;
    const taken: StreamItem<T>[] = [];
    const events: Envelope<T>[] = [];
    const most = Math.min(memory.batchLimit, this.isReplay ? credit : Infinity);
    while (this.#at < this.#items.length && taken.length < limit) {
      const item = this.#items[this.#at] as StreamItem<T>;
      if ("notice" in item) taken.push(item);
      else {
        if (events.length >= most) break;
        events.push(item);
        taken.push(this.#copyOf(item));
      }
      this.#at++;
    }
    this.#inFlight = memory.addInFlight(events);
    this.#taken += taken.length;
    this.#sent += events.length;
    if (this.#at === this.#items.length) this.#clear();
    return taken;
  }

  /** Counts the items out that were taken last: they were sent. */
  releaseInFlight(): void {
    if (this.#inFlight === 0) return;
    this.#deps.memory.removeInFlight(this.#inFlight);
    this.#inFlight = 0;
  }

  /** The copy of an event with its origin, which all streams share with its bytes. */
  #copyOf(envelope: Envelope<T>): Envelope<T> {
    const origin = this.isReplay ? "replay" : "snapshot";
    if (envelope.origin === origin) return envelope;
    const copies = COPIES[origin];
    let copy = copies.get(envelope) as Envelope<T> | undefined;
    if (!copy) {
      copy = { ...envelope, origin, encodedWithMeta: undefined };
      copies.set(envelope, copy);
    }
    return copy;
  }

  /** Upstream has acknowledged or refused symbols; `*` stands for all. */
  settled(symbols: readonly string[]): void {
    if (this.#awaited.size === 0) return;
    for (const symbol of symbols) {
      if (symbol === "*") this.#awaited.clear();
      else this.#awaited.delete(symbol);
    }
    if (this.#awaited.size === 0) this.#onNoneAwaited?.();
  }

  /** Releases what was not taken. */
  end(): void {
    for (const item of this.#items.slice(this.#at)) {
      if (!("notice" in item)) this.#deps.memory.release(item);
    }
    this.releaseInFlight();
    this.#isComplete = true;
    this.#clear();
  }

  /** Ends a replay; what was missed in an outage of the upstream session still belongs to it. */
  #completeReplay(): void {
    const { state, signal } = this.#deps;
    if (!state || state.isComplete) return this.#complete();
    this.#isComplete = true;
    state.whenComplete(signal).then(() => this.#catchUpLive());
  }

  /** Adds the present state as soon as it is complete. */
  async #takeState(state: PresentState<T>, which: "open" | "all"): Promise<void> {
    const { filter, signal, memory, fail } = this.#deps;
    const wasComplete = state.isComplete;
    await state.whenComplete(signal);
    if (signal.aborted) return;
    const present = state.present(filter, which);
    if (!memory.addOpening(this, present.length)) return fail(new OpeningsExceeded().message);
    for (const envelope of present) {
      // What was published since is in the queue.
      if (envelope.sequence <= this.sequence) this.#addEvent(envelope);
    }
    if (wasComplete) return this.#complete();
    // What became known meanwhile belongs to the state.
    this.#catchUpLive();
    if (this.#items.length === 0) this.#clear();
    this.#deps.onItem();
  }

  /** Ends the opening; what is in the queue now still belongs to it. */
  #catchUpLive(): void {
    const { channel, published, notify } = this.#deps;
    this.#isComplete = true;
    const count = this.#count + published();
    notify({ type: "caught_up", sequence: channel.sequence, count });
  }

  /** The position of a resume; `undefined` when it is not known. */
  #positionOf(resume: ResumePoint): number | undefined {
    const { channel, epoch, eventId } = this.#deps;
    if ("eventId" in resume) {
      return channel.positionOf((event) => eventId?.(event) === resume.eventId);
    }
    return resume.epoch === epoch ? resume.sequence : undefined;
  }

  #hello(): void {
    const { id, epoch, options, feed } = this.#deps;
    const { sequence, isReplay } = this;
    this.#addNotice({
      type: "hello",
      hello: { epoch, sequence, options, resumed: isReplay, feed, streamId: id },
    });
  }

  /** Adds the last events that were seen, then those that are fetched. */
  #takeSnapshot(): void {
    const { channel, filter, fetchLast } = this.#deps;
    const seen = new Map(
      channel.lastEvents(filter).map((last) => [channel.symbolOf(last.event), last]),
    );
    // What was seen before an outage, or before the symbol was subscribed again, can be old.
    const isUnknown = (symbol: string) => {
      const last = seen.get(symbol);
      return !last || !channel.isCurrent(last);
    };
    const unknown = fetchLast ? [...filter.symbols].filter(isUnknown) : [];
    this.#reserve(seen.size + unknown.length);
    for (const symbol of unknown) if (!channel.isCarried(symbol)) this.#awaited.add(symbol);
    const old = new Map<string, Envelope<T>>();
    const missing = new Set(unknown);
    for (const [symbol, last] of seen) {
      if (missing.has(symbol)) old.set(symbol, last);
      else this.#addEvent(last);
    }
    if (!fetchLast || unknown.length === 0) return this.#complete();
    this.#fetchUnknown(unknown, old, fetchLast);
  }

  /** Adds what is fetched; a symbol of which an event arrives meanwhile needs nothing. */
  async #fetchUnknown(
    symbols: readonly string[],
    old: ReadonlyMap<string, Envelope<T>>,
    fetchLast: FetchLast<T>,
  ): Promise<void> {
    const { channel, clock, signal: ended } = this.#deps;
    const before = new Map(
      symbols.map((symbol) => [symbol, channel.symbol(symbol)?.sequence ?? 0]),
    );
    const done = new AbortController();
    const signal = AbortSignal.any([ended, done.signal]);
    const { fill } = this.#deps;
    whenHalfFull(fill, clock, signal).then(() => done.abort());
    await this.#whenSettled(signal);
    const aborted = Promise.withResolvers<ReadonlyMap<string, T>>();
    signal.addEventListener("abort", () => aborted.resolve(new Map()));
    const fetched = signal.aborted
      ? new Map<string, T>()
      : await Promise.race([fetchLast(symbols, signal), aborted.promise]);
    done.abort();
    if (ended.aborted) return;
    for (const symbol of symbols) {
      if ((channel.symbol(symbol)?.sequence ?? 0) !== before.get(symbol)) continue;
      const event = fetched.get(symbol);
      const last = event === undefined ? old.get(symbol) : fromRest(event, {
        origin: "snapshot",
        receivedAt: clock.now(),
        bytes: channel.bytesOf(event),
      });
      if (last) this.#addEvent(last);
    }
    this.#complete();
  }

  /** Resolves when upstream has acknowledged or refused all symbols, or after a time. */
  async #whenSettled(signal: AbortSignal): Promise<void> {
    if (this.#awaited.size === 0) return;
    const settled = new AbortController();
    this.#onNoneAwaited = () => settled.abort();
    const { clock } = this.#deps;
    await clock.sleep(CARRIED_WAIT_MS, AbortSignal.any([settled.signal, signal]));
    this.#onNoneAwaited = undefined;
    this.#awaited.clear();
  }

  #reserve(items: number): void {
    if (!this.#deps.memory.addOpening(this, items)) throw new OpeningsExceeded();
  }

  #addNotice(content: NoticeContent): void {
    const { options, notice, onItem } = this.#deps;
    if (!options.notices) return;
    this.#items.push(notice(content));
    onItem();
  }

  #addEvent(envelope: Envelope<T>): void {
    const { memory, onItem } = this.#deps;
    memory.addHolder(envelope);
    this.#count++;
    this.#items.push(envelope);
    onItem();
  }

  #complete(): void {
    const { sequence } = this;
    this.#isComplete = true;
    this.#addNotice({ type: "caught_up", sequence, count: this.#count });
    if (this.#items.length === 0) this.#clear();
    this.#deps.onItem();
  }

  #clear(): void {
    this.#items = [];
    this.#at = 0;
    if (this.#isComplete) this.#deps.memory.removeOpening(this);
  }
}

/** Resolves when a queue is half full, or when `signal` fires. */
export async function whenHalfFull(
  fill: () => number,
  clock: Pick<Clock, "sleep">,
  signal: AbortSignal,
): Promise<void> {
  do await clock.sleep(CHECK_MS, signal); while (!signal.aborted && fill() < MAX_FILL);
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
