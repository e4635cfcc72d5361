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
import { AnnotatedStream, type FillOutage } from "./annotated_stream.ts";
import { ClientStreams, type TrackedStream } from "./client_streams.ts";
import { FilterSizes } from "./filter_sizes.ts";
import type { FetchLast, PresentState } from "./opening.ts";
import { type SelectedContracts, Selections } from "./selections.ts";
import {
  Draining,
  FeedDisabled,
  type MarketStreams,
  NoHub,
  type NoticeItem,
  type OpenAnnotatedStream,
  type OpenQueue,
  type StreamClient,
  type StreamFilter,
} from "./market_streams.ts";
import { acceptedOrders, describeFilter, describeRelayed, onlySelected } from "./stream_filters.ts";
import type { StreamOptions } from "./stream_options.ts";
import type { Carriage, SymbolChange, UpstreamEvents } from "./upstream_events.ts";

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

/** Characters of the epoch in the ids of streams. */
const PREFIX_LENGTH = 6;

/** The set of most streams' second keys; a set of its own takes 230 bytes. */
const NONE: ReadonlySet<string> = new Set();

function setOf(values: readonly string[] = []): ReadonlySet<string> {
  return values.length === 0 ? NONE : new Set(values);
}

/** Opens streams, and informs them of what changes upstream. */
export class StreamRegistry implements MarketStreams, UpstreamEvents {
  readonly #options: StreamRegistryOptions;
  /** Changes whenever sequences start again: with the process. */
  readonly epoch: string;
  /** The streams and connections that are open. */
  readonly clients: ClientStreams;
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
  readonly #usage: IdentityUsage;
  readonly #sizes: FilterSizes;

  constructor(options: StreamRegistryOptions) {
    this.#options = options;
    this.epoch = options.newId();
    this.#usage = new IdentityUsage(options.openings);
    const { audit, counters, clean, channels, relays = {}, maxSymbols } = options;
    const idPrefix = this.epoch.slice(0, PREFIX_LENGTH);
    this.clients = new ClientStreams({ clock: options.clock, idPrefix, audit, counters, clean });
    this.#sizes = new FilterSizes({
      channels,
      relays: Object.values(relays),
      limit: maxSymbols,
      counters,
    });
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

  /**
   * Symbols, underlyings and order ids of all open streams. A symbol that another stream of the
   * same channel has counts as a tenth.
   */
  get symbols(): number {
    return this.#sizes.total;
  }

  open<C extends ChannelName>(
    channel: C,
    filter: StreamFilter,
    client: StreamClient = {},
  ): OpenQueue<Envelope<ChannelEvents[C]>> {
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
        this.#sizes.check({ symbols: size, distinct, secondary: 0 });
        this.#countExceeded(() => sink.checkPairs(pairsOf(added), holder));
      },
      onChange: (symbols) => {
        this.#sizes.add(symbols);
        this.#usage.add(client, symbols);
      },
      onEnd: () => closing.dispose(),
    });
    this.#relayed.set(stream, feed);
    closing.defer(() => this.#relayed.delete(stream));
    closing.defer(() => this.#sizes.add(-stream.size));
    closing.defer(this.#usage.open(client, 0));
    closing.defer(() => this.#usage.add(client, -stream.size));
    const describe = () => describeRelayed(stream);
    this.clients.add(closing, { stream: stream.queue, channel, describe, client });
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
    const symbols = channel === "news" ? NONE : named;
    const secondary = channel === "news" ? named : setOf(filter.underlyings ?? filter.orderIds);
    const size = symbols.size + secondary.size;
    this.#checkIdentity(client, size);
    this.#sizes.check({
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
            { acceptsState: acceptedOrders({ ...filter, events: [] }) ?? (() => true) },
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
    this.#sizes.add(symbols.size, secondary.size);
    closing.defer(() => this.#sizes.add(-symbols.size, -secondary.size));
    closing.defer(this.#usage.open(client, size));
    const describe = () => describeFilter(filter);
    this.clients.add(closing, { stream, channel, describe, client });
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
