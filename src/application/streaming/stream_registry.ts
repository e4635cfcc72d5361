/**
 * Opens and tracks client streams: a channel subscriber and the upstream subscriptions of its
 * symbols, added together and removed together.
 *
 * @module
 */
import type { FeedId } from "../../domain/connection/feed.ts";
import {
  type ChannelEvents,
  type ChannelName,
  CHANNELS,
  RELAY_OF_FEED,
  type StreamKind,
} from "../../domain/market/channels.ts";
import {
  CHANNEL_SOURCES,
  countPairs,
  pairsOf,
  type UpstreamChannel,
  WILDCARD,
} from "../../domain/subscription/pairs.ts";
import type { Holder } from "../../domain/subscription/identity_shares.ts";
import type { OrderUpdate } from "../../domain/market/order_events.ts";
import type { FeedNotice, GapReason } from "../../domain/market/notices.ts";
import type { StreamAudit } from "../admin/stream_audit.ts";
import type { Channel } from "../broadcast/channel.ts";
import type { ChannelFilter } from "../broadcast/channel_gaps.ts";
import type { Channels } from "../broadcast/channels.ts";
import type { Envelope } from "../broadcast/envelope.ts";
import { QueueMemory } from "../broadcast/queue_memory.ts";
import { Subscriber } from "../broadcast/subscriber.ts";
import { QuotaExceeded } from "../feeds/quota_check.ts";
import type { SubscriptionSink } from "../feeds/subscription_manager.ts";
import { IdentityLimitExceeded, IdentityUsage } from "../limits/identity_usage.ts";
import { OpenedTooOften, type OpeningRate } from "../limits/opening_rate.ts";
import type { Expansions } from "../options/expansions.ts";
import type { OrderBooks } from "../orderbooks/order_books.ts";
import type { Clock } from "../ports/clock.ts";
import type { MessageRelay } from "../relay/message_relay.ts";
import { RelayedStream } from "../relay/relayed_stream.ts";
import type { ProxyCounters } from "../status/counters.ts";
import { truncate } from "../status/recent_errors.ts";
import type { OptionsReport, StreamReport } from "../status/reports.ts";
import { WallStamp } from "../status/wall_stamp.ts";
import { AnnotatedStream, type FillOutage } from "./annotated_stream.ts";
import { endStreams } from "./end_streams.ts";
import type { FetchLast, PresentState } from "./opening.ts";
import { OnlySelected, type SelectedContracts, Selections } from "./selections.ts";
import {
  type ClientConnection,
  Draining,
  FeedDisabled,
  type MarketStreams,
  NoHub,
  type NoticeItem,
  type OpenAnnotatedStream,
  type OpenStream,
  type StreamClient,
  type StreamFilter,
  TooManySymbols,
} from "./market_streams.ts";
import type { StreamOptions } from "./stream_options.ts";
import type { Carriage, SymbolChange, UpstreamEvents } from "./upstream_events.ts";

/**
 * Symbols that count as one when other streams of the same channel have them: such a symbol takes
 * about 40 bytes, a new one 440.
 */
const REPEATED_AS_ONE = 10;

/** The size of a filter. */
interface FilterSize {
  readonly symbols: number;
  /** Symbols that no other stream of the channel has. */
  readonly distinct: number;
  /** Underlyings and order ids. */
  readonly secondary: number;
}

/** Dependencies and limits of a {@linkcode StreamRegistry}. */
interface StreamRegistryOptions {
  readonly channels: Channels;
  /** Enabled feeds; streams of the others are refused. */
  readonly feeds: ReadonlySet<FeedId>;
  readonly sinks: Readonly<Partial<Record<FeedId, SubscriptionSink>>>;
  /** The messages of feeds as upstream sent them. @default none */
  readonly relays?: Readonly<Partial<Record<FeedId, MessageRelay>>> | undefined;
  /** Resolves underlyings to contracts; without it none are subscribed. */
  readonly underlyings?: Expansions | undefined;
  readonly clock: Clock;
  /** Logs the streams. @default none */
  readonly audit?: Pick<StreamAudit, "opened" | "ended"> | undefined;
  /** Refuses new streams while it has a reason. @default never */
  readonly drain?: { readonly reason: string | undefined } | undefined;
  /** Why no stream is opened without a hub. @default one answers, or none is needed */
  readonly absence?: (() => string | undefined) | undefined;
  /** Limit on {@linkcode StreamRegistry.symbols}. @default unlimited */
  readonly maxSymbols?: number | undefined;
  /** Limits how often an identity opens streams. @default no limit */
  readonly openings?: OpeningRate | undefined;
  /** Counts refused and stalled streams, gaps and resumes. */
  readonly counters: Pick<ProxyCounters, "refusals" | "streams">;
  /** Memory of the streams' queues. @default unlimited */
  readonly memory?: QueueMemory | undefined;
  /** Removes secrets from the names that clients give themselves. @default removes none */
  readonly clean?: ((text: string) => string) | undefined;
  /** Returns 128 random bits as text. */
  readonly newId: () => string;
  /** The freshness of a feed, for the first notice of a stream. */
  readonly freshnessOf: (feed: FeedId) => FeedNotice;
  /** The stale symbols of a channel, of the given ones or of all. @default none */
  readonly staleSymbolsOf?: StaleSymbolsOf | undefined;
  /** Where snapshots have the last events from that were not seen. @default nowhere */
  readonly lastEvents?: LastEventSource | undefined;
  /** The same of contracts that enter a selection. @default `lastEvents` */
  readonly firstEvents?: LastEventSource | undefined;
  /** The present state of orders. @default their last updates */
  readonly orders?: PresentState<OrderUpdate> | undefined;
  /** The order books with which streams of them start. @default streams start with changes */
  readonly orderBooks?: OrderBooks | undefined;
  /** How long order updates are retained, in ms. @default as those of other channels */
  readonly orderJournalMs?: number | undefined;
  /** Fills outages for streams with `backfill`. @default gaps are sent */
  readonly outages?: OutageSource | undefined;
}

type StaleSymbolsOf = (
  feed: FeedId,
  channel: UpstreamChannel,
  symbols?: ReadonlySet<string>,
) => readonly FeedNotice[];

/** Finds what was missed in outages. */
export interface OutageSource {
  /** Returns how the outages of a channel are filled; `undefined` for one without a history. */
  fillerOf<C extends ChannelName>(channel: C): FillOutage<ChannelEvents[C]> | undefined;
}

/** Fetches the last events of symbols. */
export interface LastEventSource {
  /** As {@linkcode FetchLast}; the result is empty for a channel without such events. */
  lookUp<C extends ChannelName>(
    channel: C,
    ...request: Parameters<FetchLast<ChannelEvents[C]>>
  ): ReturnType<FetchLast<ChannelEvents[C]>>;
  /** Upstream begins to carry symbols of a channel: what was fetched before is not used again. */
  forget(channel: ChannelName): void;
}

/** How long events are retained after the last stream with options has ended, in ms. */
const RETAINED_MS = 600_000;

/** Stalled streams that one call ends: each costs some 30 µs. */
const MOST_STALLED = 500;

/** Characters that are kept of a client's name for itself. */
const MAX_AGENT = 80;

/** Characters of the epoch in the ids of streams. */
const PREFIX_LENGTH = 6;

/** Symbols and ids that a report shows of a filter; the others are counted. */
const SHOWN = 3;

/** Which contracts pass the filter of a stream that receives only those it names or selects. */
function onlySelected(
  ...of: ConstructorParameters<typeof OnlySelected>
): Pick<ChannelFilter, "accepts" | "selected"> {
  const selected = new OnlySelected(...of);
  const accepts = (event: unknown) => selected.has((event as { readonly symbol: string }).symbol);
  return { accepts, selected };
}

/** What a stream has requested, as a report shows it. */
type RequestReport = Pick<StreamReport, "filter" | "filterSize">;

function describeFilter(filter: StreamFilter): RequestReport {
  const names = [
    ...filter.symbols,
    ...(filter.underlyings ?? []).map((name) => `underlying ${name}`),
    ...(filter.orderIds ?? []).map((id) => `order ${id}`),
    ...(filter.clientOrderIdPrefixes ?? []).map((prefix) => `client order id ${prefix}…`),
    ...(filter.events ?? []).map((event) => `event ${event}`),
  ];
  const text = names.length === 0 ? "everything" : shorten(names.slice(0, SHOWN), names.length);
  return { filter: text, filterSize: sizeOf(filter) };
}

/** Describes the present subscriptions of a stream of messages. */
function describeRelayed(stream: RelayedStream): RequestReport {
  const { size } = stream;
  const filter = size === 0 ? "nothing" : shorten([...stream.names().take(SHOWN)], size);
  return { filter, filterSize: size };
}

function shorten(names: readonly string[], count: number): string {
  const shown = names.join(", ");
  const others = count - names.length;
  return others > 0 ? `${shown} and ${others} more` : shown;
}

/** Symbols, underlyings and order ids of a filter. */
function sizeOf({ symbols, underlyings = [], orderIds = [] }: StreamFilter): number {
  return symbols.length + underlyings.length + orderIds.length;
}

const any = () => true;

/** Which order updates pass the filters beside the keys; `undefined` for all. */
function acceptedOrders(
  { clientOrderIdPrefixes: prefixes = [], events = [] }: StreamFilter,
): ((update: unknown) => boolean) | undefined {
  if (prefixes.length + events.length === 0) return undefined;
  const words = new Set(events);
  return (update) => {
    const { event, order: { clientOrderId } } = update as OrderUpdate;
    if (words.size > 0 && !words.has(event)) return false;
    return prefixes.length === 0 || prefixes.some((prefix) => clientOrderId.startsWith(prefix));
  };
}

/** What the registry needs of a stream. */
interface TrackedStream extends Disposable {
  readonly sent: number;
  readonly queued: number;
  readonly dropped: number;
  readonly fill: number;
  /** The event that is taken next. */
  readonly oldest: Envelope<unknown> | undefined;
  /** Only of a stream with options. */
  readonly optionsReport?: OptionsReport;
  shorten(length: number): void;
  end(): void;
}

/** A client's stream, what it requested and when it last progressed. */
interface ClientStream {
  readonly id: string;
  readonly number: number;
  readonly stream: TrackedStream;
  readonly channel: StreamKind;
  readonly describe: () => RequestReport;
  readonly opened: WallStamp;
  readonly client: StreamClient;
  /** Monotonic ms at which the queue was last seen empty or an event was taken. */
  progressAt: number;
  /** Value of `sent` at that time. */
  sentThen: number;
  /** Value of `dropped` at the last call of `takeDropped`. */
  droppedThen: number;
}

/** Reports how many events a stream was sent and has dropped. */
function reportOf(open: ClientStream): StreamReport {
  const { stream, channel, describe, client, opened } = open;
  const { sent, queued, dropped, oldest, optionsReport } = stream;
  return {
    id: open.id,
    channel,
    identity: client.identity,
    credential: client.credential,
    rpc: client.rpc,
    peer: client.peer,
    userAgent: client.userAgent,
    ...describe(),
    openedAt: opened.at,
    sent,
    bytes: client.written?.bytes,
    queued,
    dropped,
    oldestQueuedAt: oldest?.receivedAt,
    options: optionsReport,
  };
}

/** Opens and tracks streams. */
export class StreamRegistry implements MarketStreams, UpstreamEvents {
  readonly #options: StreamRegistryOptions;
  /** Changes whenever sequences start again: with the process. */
  readonly epoch: string;
  /** Start of the ids by which operators name streams: another process has another one. */
  readonly idPrefix: string;
  /** Streams with options, by their ids. */
  readonly #annotated = new Map<
    string,
    { stream: AnnotatedStream<unknown>; channel: ChannelName; identity: string }
  >();
  /** Streams of messages, by their feeds. */
  readonly #relayed = new Map<RelayedStream, FeedId>();
  /** The contracts of streams that need to know them. */
  readonly #selections: Selections;
  /** Monotonic ms at which a channel last had a stream with options. */
  readonly #observedAt = new Map<ChannelName, number>();
  readonly #open = new Set<ClientStream>();
  /** Connections that end with all streams, also without one. */
  readonly #connections = new Set<ClientConnection>();
  readonly #usage: IdentityUsage;
  /** Streams opened so far. */
  #opened = 0;
  /** Sum of the symbols of all open streams, repeated ones included. */
  #symbols = 0;
  /** Sum of the underlyings and order ids of all open streams. */
  #secondary = 0;

  constructor(options: StreamRegistryOptions) {
    this.#options = options;
    this.epoch = options.newId();
    this.#usage = new IdentityUsage(options.openings);
    this.idPrefix = this.epoch.slice(0, PREFIX_LENGTH);
    const { underlyings, lastEvents, firstEvents = lastEvents, sinks, clock } = options;
    this.#selections = new Selections({
      clock,
      channelOf: (name) => this.#channel(name),
      statesOf: (channel, symbols) => sinks.opra?.statesOf(channel, symbols) ?? [],
      open: ({ upstream, underlying, selection, holder }, watch) =>
        underlyings?.open(upstream, underlying, selection, watch, holder) ?? new DisposableStack(),
      fetchLast: firstEvents && ((...request) => firstEvents.lookUp(...request)),
    });
  }

  /** Number of open streams. */
  get count(): number {
    return this.#open.size;
  }

  /**
   * Symbols, underlyings and order ids of all open streams. A symbol that another stream of the
   * same channel has counts as a tenth.
   */
  get symbols(): number {
    return this.#countWith({ symbols: 0, distinct: 0, secondary: 0 });
  }

  /** Reports how many events every open stream was sent and has dropped. */
  reports(): readonly StreamReport[] {
    return Array.from(this.#open, reportOf);
  }

  /** Reports a page of the open streams, the oldest first. */
  page({ after, limit, identity }: {
    /** Number of the last stream of the page before; 0 for the first page. */
    readonly after: number;
    readonly limit: number;
    /** Only streams of this identity; "" for all. */
    readonly identity: string;
  }): { readonly reports: readonly StreamReport[]; readonly isLast: boolean } {
    const reports: StreamReport[] = [];
    for (const open of this.#open) {
      if (open.number <= after || (identity !== "" && open.client.identity !== identity)) continue;
      if (reports.length === limit) return { reports, isLast: false };
      reports.push(reportOf(open));
    }
    return { reports, isLast: true };
  }

  /** The fill of the fullest queue of each kind of stream, 0 to 1; none without streams. */
  fullestQueues(): ReadonlyMap<StreamKind, number> {
    const fullest = new Map<StreamKind, number>();
    for (const { channel, stream: { fill } } of this.#open) {
      if (fill >= (fullest.get(channel) ?? 0)) fullest.set(channel, fill);
    }
    return fullest;
  }

  /** Reports the streams that have dropped events since the last call, and how many. */
  takeDropped(): StreamReport[] {
    const reports: StreamReport[] = [];
    for (const open of this.#open) {
      const dropped = open.stream.dropped - open.droppedThen;
      if (dropped === 0) continue;
      open.droppedThen += dropped;
      reports.push({ ...reportOf(open), dropped });
    }
    return reports;
  }

  /**
   * Ends, counts and reports the streams with messages queued of which none was taken for
   * `stalledMs`, at most {@linkcode MOST_STALLED} of them. To be called regularly: progress is the
   * difference to the last call.
   */
  endStalled(stalledMs: number): StreamReport[] {
    const { clock, counters: { refusals } } = this.#options;
    const now = clock.monotonic();
    const ended: StreamReport[] = [];
    for (const open of [...this.#open]) {
      const { stream, client: { onStall } } = open;
      const { queued, sent } = stream;
      if (queued === 0 || sent !== open.sentThen) {
        open.sentThen = sent;
        open.progressAt = now;
      }
      const stalled = { queued, stalledMs: now - open.progressAt };
      if (stalled.stalledMs < stalledMs || ended.length >= MOST_STALLED) continue;
      ended.push(reportOf(open));
      refusals.stalled++;
      // What is queued counts as dropped.
      stream.shorten(0);
      onStall?.(stalled);
      stream.end();
    }
    return ended;
  }

  open<C extends ChannelName>(
    channel: C,
    filter: StreamFilter,
    client: StreamClient = {},
  ): OpenStream<Envelope<ChannelEvents[C]>> {
    return this.#track(
      channel,
      filter,
      client,
      { watches: filter.onlySelected ?? false },
      (source, keys, onEnd) =>
        channel === "orderbooks"
          ? this.#subscribeOrderBooks(source, keys, onEnd)
          : source.subscribe(keys, onEnd),
    );
  }

  openWithOptions<C extends ChannelName>(
    channel: C,
    filter: StreamFilter,
    options: StreamOptions,
    client: StreamClient = {},
  ): OpenAnnotatedStream<ChannelEvents[C]> {
    const { clock, counters, memory = new QueueMemory() } = this.#options;
    const { freshnessOf, lastEvents, outages, newId } = this.#options;
    const stream = this.#track(
      channel,
      filter,
      client,
      { watches: filter.onlySelected || options.notices || options.snapshot },
      (source, keys, onEnd) =>
        new AnnotatedStream<ChannelEvents[C]>({
          id: newId(),
          channel: source,
          filter: keys,
          options,
          epoch: this.epoch,
          feed: freshnessOf(CHANNEL_SOURCES[channel].feed),
          eventId: channel === "orderUpdates"
            ? (event) => (event as ChannelEvents["orderUpdates"]).eventId
            : undefined,
          fillOutage: outages?.fillerOf(channel),
          state: this.#stateOf(channel),
          fetchLast: lastEvents && ((...request) => lastEvents.lookUp(channel, ...request)),
          clock,
          memory,
          counters: counters.streams,
          onEnd: () => {
            this.#annotated.delete(stream.id);
            onEnd();
          },
        }),
    );
    this.#annotated.set(stream.id, {
      stream: stream as AnnotatedStream<unknown>,
      channel,
      identity: client.identity ?? "",
    });
    if (options.notices) this.#reportStates(stream as AnnotatedStream<unknown>, channel);
    return stream;
  }

  openRelayed(feed: FeedId, client: StreamClient = {}): RelayedStream {
    const { relays, sinks, feeds, counters: { refusals } } = this.#options;
    this.#checkAccepts();
    const relay = relays?.[feed];
    const sink = sinks[feed];
    const channel = feed === "trading" ? undefined : RELAY_OF_FEED[feed];
    if (!feeds.has(feed) || !relay || !sink || !channel) throw new FeedDisabled(feed);
    this.#checkIdentity(client, 0);
    const closing = new DisposableStack();
    const holder = holderOf(client);
    const stream = new RelayedStream({
      relay,
      sink,
      holder,
      check: (added, own) => {
        const size = countPairs(added);
        try {
          this.#usage.checkSymbols(client, { own, added: size });
        } catch (error) {
          if (error instanceof IdentityLimitExceeded) refusals.identity++;
          throw error;
        }
        const distinct = relay.countUnsubscribed(added);
        this.#checkSymbols({ symbols: size, distinct, secondary: 0 });
        this.#countExceeded(() => sink.checkPairs(pairsOf(added), holder));
      },
      onChange: (symbols) => {
        this.#symbols += symbols;
        this.#usage.add(client, symbols);
      },
      onEnd: () => closing.dispose(),
    });
    this.#relayed.set(stream, feed);
    closing.defer(() => this.#relayed.delete(stream));
    closing.defer(() => this.#symbols -= stream.size);
    this.#register(closing, {
      stream: stream.queue,
      channel,
      describe: () => describeRelayed(stream),
      client,
      symbols: 0,
      onClose: () => this.#usage.add(client, -stream.size),
    });
    return stream;
  }

  /** The present state of a channel that has one. */
  #stateOf<C extends ChannelName>(channel: C): PresentState<ChannelEvents[C]> | undefined {
    const { orders, orderBooks } = this.#options;
    const states: Readonly<Partial<Record<ChannelName, PresentState<never> | undefined>>> = {
      orderUpdates: orders as PresentState<never> | undefined,
      orderbooks: orderBooks as PresentState<never> | undefined,
    };
    return states[channel];
  }

  /**
   * A queue that starts with the whole order books. It ends instead of dropping changes, without
   * which an order book is wrong.
   */
  #subscribeOrderBooks<T>(
    source: Channel<T>,
    keys: ChannelFilter,
    onEnd: () => void,
  ): Subscriber<T> {
    // Not during a publication, which iterates over the queues.
    const onOverflow = () => void Promise.resolve().then(() => queue.end());
    const events = { onEnd, onOverflow };
    const queue = source.subscribeQueue(keys, events, (options) => new Subscriber<T>(options));
    for (const whole of this.#stateOf("orderbooks")?.present(keys, "open") ?? []) {
      source.enqueueOnly(queue, whole as Envelope<T>);
    }
    return queue;
  }

  acknowledge(streamId: string, sequence: number, identity = ""): boolean {
    const open = this.#annotated.get(streamId);
    if (open === undefined || open.identity !== identity) return false;
    open.stream.acknowledge(sequence);
    return true;
  }

  announceEnd(peer: string, reason: string, graceMs: number): void {
    for (const { stream, client } of this.#open) {
      if (client.peer === peer && stream instanceof AnnotatedStream) {
        stream.draining(reason, graceMs);
      }
    }
  }

  /** Ends a connection together with all streams from now on; disposing the result undoes it. */
  trackConnection(connection: ClientConnection): Disposable {
    this.#connections.add(connection);
    return { [Symbol.dispose]: () => void this.#connections.delete(connection) };
  }

  async endAll(reason: string, graceMs: number, signal?: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const all = this.#open;
    const connections = this.#connections;
    const tracked = [...connections];
    const streams = Array.from(all, (open) => {
      const { stream, client } = open;
      const isNoticed = stream instanceof AnnotatedStream && stream.options.notices;
      return {
        get isOpen() {
          return all.has(open);
        },
        announce: isNoticed ? (text: string, ms: number) => stream.draining(text, ms) : undefined,
        end: (text: string) => client.onEnd?.(text),
      };
    });
    const idle = tracked.filter(({ hasStream }) => !hasStream).map((connection) => ({
      get isOpen() {
        return connections.has(connection);
      },
      announce: undefined,
      end: (text: string) => connection.shutDown(text),
    }));
    await endStreams([...streams, ...idle], { reason, graceMs, clock, signal });
    if (signal?.aborted) return;
    // Clients may have ended their streams meanwhile, and not their connections.
    for (const connection of tracked) connection.shutDown(reason);
  }

  /**
   * Ends one stream.
   *
   * @returns its report; `undefined` when no stream with this id is open
   */
  end(id: string, reason: string): StreamReport | undefined {
    for (const open of this.#open) {
      if (open.id !== id) continue;
      const report = reportOf(open);
      open.client.onEnd?.(reason);
      return report;
    }
    return undefined;
  }

  freshness(feed: FeedId, channel: UpstreamChannel | undefined, notice: FeedNotice): void {
    for (const stream of this.#annotatedOf(feed, channel)) stream.feed(notice);
  }

  carried({ symbols, ...source }: Carriage, since: number = this.#options.clock.now()): void {
    for (const name of channelsOf(source)) {
      this.#options.lastEvents?.forget(name);
      this.#options.firstEvents?.forget(name);
      this.#channel(name).carried(symbols, since);
      this.#selections.carried(name);
    }
  }

  notCarried(
    { symbols, ...source }: Carriage,
    reason: GapReason | undefined,
    since: number = this.#options.clock.now(),
  ): void {
    for (const name of channelsOf(source)) {
      this.#channel(name).notCarried(symbols, reason, since);
      if (name === "orderbooks") {
        this.#options.orderBooks?.drop(symbols, reason !== undefined);
      }
    }
  }

  subscription(feed: FeedId, channel: UpstreamChannel, changes: readonly SymbolChange[]): void {
    for (const [stream, source] of this.#relayed) {
      if (source === feed) stream.changed(channel, changes);
    }
    const notices = this.#subscriptionNotices(changes);
    for (const stream of this.#annotatedOf(feed, channel)) stream.subscriptions(notices);
  }

  /**
   * Ends the streams of a client, and its tracked connection, by its address and port; returns the
   * number of streams.
   */
  endOf(peer: string, reason: string): number {
    const own = Array.from(this.#open).filter(({ client }) => client.peer === peer);
    for (const { client } of own) client.onEnd?.(reason);
    for (const connection of [...this.#connections]) {
      if (connection.peer === peer) connection.shutDown(reason);
    }
    return own.length;
  }

  /** Releases what channels retain without a stream with options; to be called regularly. */
  releaseRetained(): void {
    const { clock, orderJournalMs } = this.#options;
    const now = clock.monotonic();
    this.#selections.release();
    for (const name of CHANNELS) {
      const channel = this.#options.channels[name];
      if (name === "orderUpdates" && orderJournalMs !== undefined) {
        channel.releaseBefore(clock.now() - orderJournalMs);
        continue;
      }
      if (channel.hasObservers || !this.#observedAt.has(name)) this.#observedAt.set(name, now);
      const sinceMs = now - (this.#observedAt.get(name) ?? now);
      if (sinceMs > RETAINED_MS) channel.stopRetaining();
    }
  }

  /**
   * Reports the symbols of a new stream that upstream has not acknowledged, and those that are
   * stale.
   */
  #reportStates(stream: AnnotatedStream<unknown>, channel: ChannelName): void {
    const { feed, upstream } = CHANNEL_SOURCES[channel];
    if (!upstream) return;
    const { sinks, staleSymbolsOf } = this.#options;
    const { secondary } = stream.filter;
    const symbols = channel === "news" ? secondary : stream.filter.symbols;
    const requested = symbols.size + secondary.size === 0 ? [WILDCARD] : symbols;
    const states = sinks[feed]?.statesOf(upstream, requested) ?? [];
    const open = states.filter(({ state }) => state !== "acknowledged");
    if (open.length > 0) stream.subscriptions(this.#subscriptionNotices(open));
    const isNamed = symbols.size > 0 && (secondary.size === 0 || secondary === symbols);
    const stale = staleSymbolsOf?.(feed, upstream, isNamed ? symbols : undefined);
    for (const notice of stale ?? []) stream.feed(notice);
  }

  /** The notices of changes, by symbol, for all streams. */
  #subscriptionNotices(changes: readonly SymbolChange[]): ReadonlyMap<string, NoticeItem> {
    const at = this.#options.clock.now();
    return new Map(changes.map(({ symbol, state, reason }) => [
      symbol,
      { notice: { at, type: "subscription", symbol, state, reason } },
    ]));
  }

  /** Opens the stream that `subscribe` makes, with the upstream subscriptions of its symbols. */
  #track<C extends ChannelName, S extends TrackedStream>(
    channel: C,
    filter: StreamFilter,
    client: StreamClient,
    { watches }: { readonly watches: boolean },
    subscribe: (
      source: Channel<ChannelEvents[C]>,
      keys: ChannelFilter,
      onEnd: () => void,
    ) => S,
  ): S {
    const { feed, upstream } = CHANNEL_SOURCES[channel];
    const { channels, feeds, sinks } = this.#options;
    this.#checkAccepts();
    if (!feeds.has(feed)) throw new FeedDisabled(feed);
    const source: Channel<ChannelEvents[C]> = channels[channel];
    const named = new Set(filter.symbols);
    // An article has several symbols: they are second keys.
    const symbols = channel === "news" ? new Set<string>() : named;
    const secondary = channel === "news"
      ? named
      : new Set(filter.underlyings ?? filter.orderIds ?? []);
    const size = symbols.size + secondary.size;
    this.#checkIdentity(client, size);
    this.#checkSymbols({
      symbols: symbols.size,
      distinct: source.countUnsubscribed(symbols),
      secondary: secondary.size,
    });
    const sink = sinks[feed];
    const isUnfiltered = symbols.size === 0 && secondary.size === 0;
    const requested = isUnfiltered ? [WILDCARD] : named;
    const holder = holderOf(client);
    if (upstream && sink) this.#checkQuota(sink, upstream, requested, holder);
    using opening = new DisposableStack();
    const closing = opening.use(new DisposableStack());
    const selections = this.#select(channel, filter, { watches, holder }, closing);
    const keys = {
      symbols,
      secondary,
      ...(filter.reconciled && { reconciled: true }),
      ...filter.onlySelected
        ? onlySelected(symbols, selections, (symbol) => source.secondaryOf(symbol))
        : {
          accepts: acceptedOrders(filter),
          // The state of an order is not one of the events that the stream requests.
          ...filter.events?.length &&
            { acceptsState: acceptedOrders({ ...filter, events: [] }) ?? any },
        },
    };
    const stream = opening.use(subscribe(source, keys, () => closing.dispose()));
    if (upstream && sink) {
      sink.add(upstream, requested, "stream", holder);
      closing.defer(() => sink.remove(upstream, requested, "stream", holder));
      if (feed === "opra") this.#rebalance(filter, closing);
    }
    if (stream instanceof AnnotatedStream) {
      for (const contracts of selections) closing.defer(contracts.join(stream));
    }
    this.#symbols += symbols.size;
    this.#secondary += secondary.size;
    closing.defer(() => {
      this.#symbols -= symbols.size;
      this.#secondary -= secondary.size;
    });
    const describe = () => describeFilter(filter);
    this.#register(closing, { stream, channel, describe, client, symbols: size });
    opening.move();
    return stream;
  }

  /** @throws Draining */
  #checkAccepts(): void {
    const { drain, absence } = this.#options;
    if (drain?.reason !== undefined) throw new Draining(drain.reason);
    const reason = absence?.();
    if (reason !== undefined) throw new NoHub(reason);
  }

  /** Adds an open stream, until `closing` is disposed. */
  #register(
    closing: DisposableStack,
    { symbols, onClose, ...own }:
      & Pick<ClientStream, "stream" | "channel" | "describe" | "client">
      & {
        /** Symbols that the identity uses by the stream, as long as it is open. */
        readonly symbols: number;
        /** Called before its identity is released. @default does nothing */
        readonly onClose?: () => void;
      },
  ): void {
    const { clock, audit, clean = (text) => text } = this.#options;
    const { client } = own;
    const { userAgent } = client;
    const open: ClientStream = {
      ...own,
      id: `${this.idPrefix}-${++this.#opened}`,
      number: this.#opened,
      opened: new WallStamp(clock),
      client: { ...client, userAgent: userAgent && truncate(clean(userAgent), MAX_AGENT) },
      progressAt: clock.monotonic(),
      sentThen: 0,
      droppedThen: 0,
    };
    this.#open.add(open);
    closing.defer(this.#usage.open(client, symbols));
    if (onClose) closing.defer(onClose);
    audit?.opened(reportOf(open));
    closing.defer(() => {
      audit?.ended(reportOf(open), client.end?.() ?? { by: "client" });
      this.#open.delete(open);
    });
  }

  /** The streams with options of an upstream channel, or of a whole feed. */
  *#annotatedOf(
    feed: FeedId,
    upstream: UpstreamChannel | undefined,
  ): Generator<AnnotatedStream<unknown>> {
    for (const { stream, channel } of this.#annotated.values()) {
      const source = CHANNEL_SOURCES[channel];
      if (source.feed !== feed) continue;
      if (upstream === undefined || source.upstream === upstream) yield stream;
    }
  }

  #channel(name: ChannelName): Channel<unknown> {
    return this.#options.channels[name] as Channel<unknown>;
  }

  /** @throws QuotaExceeded; counted if it is a share that is exceeded */
  #checkQuota(
    sink: SubscriptionSink,
    ...request: Parameters<SubscriptionSink["checkQuota"]>
  ): void {
    this.#countExceeded(() => sink.checkQuota(...request));
  }

  /** Calls a check of the quota; counts if it is a share that is exceeded. */
  #countExceeded(check: () => void): void {
    try {
      check();
    } catch (error) {
      const { refusals } = this.#options.counters;
      if (error instanceof QuotaExceeded && error.excess.kind) refusals.share++;
      throw error;
    }
  }

  /** @throws IdentityLimitExceeded or OpenedTooOften; counted */
  #checkIdentity(client: StreamClient, size: number): void {
    const { refusals } = this.#options.counters;
    try {
      this.#usage.check(client, size);
    } catch (error) {
      if (error instanceof IdentityLimitExceeded) refusals.identity++;
      else if (error instanceof OpenedTooOften) refusals.stream_openings++;
      throw error;
    }
  }

  /** @throws TooManySymbols when a stream of this size exceeds the limit */
  #checkSymbols(size: FilterSize): void {
    const { maxSymbols: limit = Infinity, counters: { refusals } } = this.#options;
    const used = this.symbols;
    const requested = this.#countWith(size) - used;
    if (requested === 0 || used + requested <= limit) return;
    refusals.symbols++;
    throw new TooManySymbols({ limit, used, requested });
  }

  /** Counts the entries of open streams together with a new stream. */
  #countWith({ symbols, distinct, secondary }: FilterSize): number {
    let all = distinct;
    for (const channel of CHANNELS) {
      all += this.#options.channels[channel].symbols;
    }
    for (const relay of Object.values(this.#options.relays ?? {})) all += relay.symbols;
    const repeated = this.#symbols + symbols - all;
    return all + Math.ceil(repeated / REPEATED_AS_ONE) + this.#secondary +
      secondary;
  }

  /** Allocates slots again, now and when a stream that has requested symbols ends. */
  #rebalance({ symbols }: StreamFilter, closing: DisposableStack): void {
    const { underlyings } = this.#options;
    if (!underlyings) return;
    closing.defer(() => underlyings.rebalance());
    underlyings.rebalance();
    for (const symbol of symbols) underlyings.observe(symbol);
  }

  /**
   * Opens the expansions of a stream's underlyings, until `closing` is disposed.
   *
   * @param options.watches whether the contracts are needed, and not only subscribed
   * @returns the contracts, if they are needed
   */
  #select(
    channel: ChannelName,
    filter: StreamFilter,
    { watches, holder }: { readonly watches: boolean; readonly holder: Holder },
    closing: DisposableStack,
  ): readonly SelectedContracts[] {
    const { feed, upstream } = CHANNEL_SOURCES[channel];
    const { underlyings } = this.#options;
    if (!underlyings || !upstream || feed !== "opra") return [];
    const { selection } = filter;
    const names = [...new Set(filter.underlyings)];
    if (!watches) {
      for (const name of names) {
        closing.use(underlyings.open(upstream, name, selection, undefined, holder));
      }
      return [];
    }
    return names.map((underlying) => {
      const scope = { channel, upstream, underlying, selection, holder };
      return closing.use(this.#selections.open(scope)).contracts;
    });
  }
}

/** On whose behalf a client requests symbols. */
function holderOf({ identity = "", limits }: StreamClient): Holder {
  return { identity, maxShare: limits?.maxShare };
}

/** The broadcast channels that an upstream channel feeds. */
function channelsOf({ feed, channel }: Omit<Carriage, "symbols">): readonly ChannelName[] {
  return CHANNELS.filter((name) => {
    const source = CHANNEL_SOURCES[name];
    return source.feed === feed && source.upstream === channel;
  });
}
