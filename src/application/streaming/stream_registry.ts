/**
 * Opens and tracks client streams: a channel subscriber and the upstream
 * subscriptions of its symbols, added together and removed together.
 *
 * @module
 */
import type { FeedId } from "../../domain/connection/feed.ts";
import { type ChannelEvents, type ChannelName, CHANNELS } from "../../domain/market/channels.ts";
import type { OptionSelection } from "../../domain/options/selection.ts";
import { ROUTES, type UpstreamChannel, WILDCARD } from "../../domain/subscription/pairs.ts";
import type { Channel } from "../broadcast/channel.ts";
import type { Channels } from "../broadcast/channels.ts";
import type { PendingBatch, Subscriber } from "../broadcast/subscriber.ts";
import type { SubscriptionSink } from "../feeds/subscription_manager.ts";
import type { Clock } from "../ports/clock.ts";
import type { ProxyCounters } from "../status/counters.ts";
import type { StreamReport } from "../status/stream_report.ts";
import { WallStamp } from "../status/wall_stamp.ts";
import type { MarketStreams, OpenStream, Stall, StreamFilter } from "./market_streams.ts";
import { FeedDisabled, TooManySymbols } from "./open_errors.ts";

/**
 * Symbols that count as one when other streams of the same channel have them: such
 * a symbol takes about 40 bytes, a new one 440.
 */
const REPEATED_AS_ONE = 10;

/** Takes the underlyings that streams request; disposing removes them. */
export interface UnderlyingSink {
  open(
    channel: UpstreamChannel,
    underlying: string,
    selection: OptionSelection | undefined,
  ): Disposable;
  /** Observes an option symbol that a stream requests. */
  observe(symbol: string): void;
  /** Allocates slots of the symbol quota again. */
  rebalance(): void;
}

/** The size of a filter. */
interface FilterSize {
  readonly symbols: number;
  /** Symbols that no other stream of the channel has. */
  readonly distinct: number;
  /** Underlyings and order ids. */
  readonly secondary: number;
}

/** Dependencies and limits of a {@linkcode StreamRegistry}. */
export interface StreamRegistryOptions {
  readonly channels: Channels;
  /** Enabled feeds; streams of the others are rejected. */
  readonly feeds: ReadonlySet<FeedId>;
  readonly sinks: Readonly<Partial<Record<FeedId, SubscriptionSink>>>;
  /** Resolves underlyings to contracts; without it none are subscribed. */
  readonly underlyings?: UnderlyingSink | undefined;
  readonly clock: Clock;
  /** Limit on {@linkcode StreamRegistry.symbols}. @default unlimited */
  readonly maxSymbols?: number | undefined;
  /** Counts rejected and stalled streams. @default not counted */
  readonly refusals?: ProxyCounters["refusals"] | undefined;
}

/** Stalled streams that one call ends: each costs some 30 µs. */
const MOST_STALLED = 500;

/** Symbols and ids that a report shows of a filter; the others are counted. */
const SHOWN = 3;

function describeFilter(filter: StreamFilter): string {
  const names = [
    ...filter.symbols,
    ...(filter.underlyings ?? []).map((name) => `underlying ${name}`),
    ...(filter.orderIds ?? []).map((id) => `order ${id}`),
  ];
  if (names.length === 0) return "everything";
  const shown = names.slice(0, SHOWN).join(", ");
  const others = names.length - SHOWN;
  return others > 0 ? `${shown} and ${others} more` : shown;
}

/** A client's stream: its queue, what it requested and when it last progressed. */
class ClientStream<T> implements OpenStream<T> {
  readonly #subscriber: Subscriber<T>;
  readonly #channel: ChannelName;
  readonly #filter: StreamFilter;
  readonly #opened: WallStamp;
  /** Removes the stream; called once. */
  readonly #onClose: () => void;
  #closed = false;
  #reportedLost = 0;
  /** Monotonic ms at which the queue was last empty or an event was taken. */
  #progressAt: number;
  /** Value of `delivered` at that time. */
  #deliveredThen = 0;
  #onStall: ((stall: Stall) => void) | undefined;

  constructor(
    subscriber: Subscriber<T>,
    { channel, filter, clock, onClose }: {
      readonly channel: ChannelName;
      readonly filter: StreamFilter;
      readonly clock: Clock;
      readonly onClose: () => void;
    },
  ) {
    this.#subscriber = subscriber;
    this.#channel = channel;
    this.#filter = filter;
    this.#opened = new WallStamp(clock);
    this.#progressAt = clock.monotonic();
    this.#onClose = onClose;
  }

  get lost(): number {
    return this.#subscriber.lost;
  }

  get delivered(): number {
    return this.#subscriber.delivered;
  }

  batches(signal: AbortSignal): AsyncGenerator<PendingBatch<T>, void> {
    return this.#subscriber.batches(signal);
  }

  whenStalled(onStall: (stall: Stall) => void): void {
    this.#onStall = onStall;
  }

  /**
   * Returns for how many ms messages have waited and none was taken, as far as
   * earlier calls can tell; 0 if the queue is empty or one was taken since.
   *
   * @param now monotonic ms
   */
  stalledFor(now: number): number {
    const { delivered, waiting } = this.#subscriber;
    if (waiting === 0 || delivered !== this.#deliveredThen) {
      this.#deliveredThen = delivered;
      this.#progressAt = now;
    }
    return now - this.#progressAt;
  }

  /** Ends the stream because its client does not read; what waits is lost. */
  stall(now: number): void {
    const { waiting } = this.#subscriber;
    const stalledMs = now - this.#progressAt;
    this.#subscriber.shorten(0);
    this[Symbol.dispose]();
    this.#onStall?.({ waiting, stalledMs });
  }

  /** Returns the events lost since the last call. */
  takeLosses(): number {
    const { lost } = this.#subscriber;
    const since = lost - this.#reportedLost;
    this.#reportedLost = lost;
    return since;
  }

  /** Reports what the stream has received and lost. */
  report(): StreamReport {
    const { delivered, waiting, lost } = this.#subscriber;
    return {
      channel: this.#channel,
      filter: describeFilter(this.#filter),
      openedAt: this.#opened.at,
      delivered,
      waiting,
      lost,
    };
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose();
  }
}

/** Opens and tracks streams. */
export class StreamRegistry implements MarketStreams {
  readonly #options: StreamRegistryOptions;
  readonly #open = new Set<ClientStream<unknown>>();
  /** Sum of the symbols of all open streams, repeated ones included. */
  #symbols = 0;
  /** Sum of the underlyings and order ids of all open streams. */
  #secondary = 0;

  constructor(options: StreamRegistryOptions) {
    this.#options = options;
  }

  /** Number of open streams. */
  get count(): number {
    return this.#open.size;
  }

  /**
   * Symbols, underlyings and order ids of all open streams. A symbol that another
   * stream of the same channel has counts as a tenth.
   */
  get symbols(): number {
    return this.#countWith({ symbols: 0, distinct: 0, secondary: 0 });
  }

  /** Reports what every open stream has received and lost. */
  reports(): readonly StreamReport[] {
    return Array.from(this.#open, (stream) => stream.report());
  }

  /** Reports the streams that have lost events since the last call. */
  takeLosses(): StreamReport[] {
    return Array.from(this.#open, (stream) => ({
      ...stream.report(),
      lost: stream.takeLosses(),
    })).filter(({ lost }) => lost > 0);
  }

  /**
   * Ends, counts and reports the streams with messages waiting that have taken none
   * for `stalledMs`, at most {@linkcode MOST_STALLED} of them. To be called
   * regularly: progress is the difference to the last call.
   */
  endStalled(stalledMs: number): StreamReport[] {
    const { clock, refusals } = this.#options;
    const now = clock.monotonic();
    const ended: StreamReport[] = [];
    for (const stream of [...this.#open]) {
      if (stream.stalledFor(now) < stalledMs) continue;
      if (ended.length >= MOST_STALLED) continue;
      ended.push(stream.report());
      if (refusals) refusals.stalled++;
      stream.stall(now);
    }
    return ended;
  }

  open<C extends ChannelName>(
    channel: C,
    filter: StreamFilter,
  ): OpenStream<ChannelEvents[C]> {
    const symbols = new Set(filter.symbols);
    const secondary = new Set(filter.underlyings ?? filter.orderIds ?? []);
    const { feed, upstream } = ROUTES[channel];
    const { channels, feeds, sinks, clock } = this.#options;
    if (!feeds.has(feed)) throw new FeedDisabled(feed);
    const source: Channel<ChannelEvents[C]> = channels[channel];
    this.#checkSymbols({
      symbols: symbols.size,
      distinct: source.countNew(symbols),
      secondary: secondary.size,
    });
    const sink = sinks[feed];
    const isUnfiltered = symbols.size === 0 && secondary.size === 0;
    const wanted = isUnfiltered ? [WILDCARD] : symbols;
    if (upstream) sink?.checkQuota(upstream, wanted);
    using undo = new DisposableStack();
    const subscriber = undo.use(source.subscribe({ symbols, secondary }));
    if (upstream && sink) {
      sink.add(upstream, wanted);
      undo.defer(() => sink.remove(upstream, wanted));
    }
    if (upstream && feed === "opra") this.#expand(upstream, filter, undo);
    const opened = undo.move();
    const onClose = () => {
      this.#open.delete(stream as ClientStream<unknown>);
      this.#symbols -= symbols.size;
      this.#secondary -= secondary.size;
      opened.dispose();
    };
    const stream: ClientStream<ChannelEvents[C]> = new ClientStream(
      subscriber,
      {
        channel,
        filter,
        clock,
        onClose,
      },
    );
    this.#symbols += symbols.size;
    this.#secondary += secondary.size;
    this.#open.add(stream as ClientStream<unknown>);
    return stream;
  }

  /** @throws TooManySymbols when a stream of this size exceeds the limit */
  #checkSymbols(size: FilterSize): void {
    const { maxSymbols: limit = Infinity, refusals } = this.#options;
    const used = this.symbols;
    const requested = this.#countWith(size) - used;
    if (requested === 0 || used + requested <= limit) return;
    if (refusals) refusals.symbols++;
    throw new TooManySymbols({ limit, used, requested });
  }

  /** Counts the entries of open streams together with a new stream. */
  #countWith({ symbols, distinct, secondary }: FilterSize): number {
    let all = distinct;
    for (const channel of CHANNELS) {
      all += this.#options.channels[channel].symbols;
    }
    const repeated = this.#symbols + symbols - all;
    return all + Math.ceil(repeated / REPEATED_AS_ONE) + this.#secondary +
      secondary;
  }

  #expand(
    upstream: UpstreamChannel,
    filter: StreamFilter,
    undo: DisposableStack,
  ): void {
    const { underlyings } = this.#options;
    if (!underlyings) return;
    undo.defer(() => underlyings.rebalance());
    underlyings.rebalance();
    for (const symbol of filter.symbols) underlyings.observe(symbol);
    for (const underlying of new Set(filter.underlyings)) {
      undo.use(underlyings.open(upstream, underlying, filter.selection));
    }
  }
}
