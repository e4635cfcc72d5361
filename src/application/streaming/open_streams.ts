/**
 * Opens client streams: a place in a channel and an interest in symbols, taken
 * together and given back together.
 *
 * @module
 */
import type { FeedId } from "../../domain/connection/feed.ts";
import {
  type ChannelEvents,
  type ChannelName,
  CHANNELS,
} from "../../domain/market/channels.ts";
import type { OptionSelection } from "../../domain/options/selection.ts";
import { ROUTES } from "../../domain/subscription/routes.ts";
import {
  type UpstreamChannel,
  WILDCARD,
} from "../../domain/subscription/symbol_sets.ts";
import type { Channel } from "../broadcast/channel.ts";
import type { Channels } from "../broadcast/channels.ts";
import type { SubscriptionSink } from "../feeds/subscription_manager.ts";
import type { Clock } from "../ports/clock.ts";
import type { ProxyCounters } from "../status/counters.ts";
import type { StreamReport } from "../status/stream_report.ts";
import { WallStamp } from "../status/wall_stamp.ts";
import { ClientStream } from "./client_stream.ts";
import { FeedDisabled } from "./feed_disabled.ts";
import type {
  MarketStreams,
  OpenStream,
  StreamFilter,
} from "./market_streams.ts";
import { TooManySymbols } from "./too_many_symbols.ts";

/**
 * Symbols that other streams of the same channel name already which count as
 * one: such a symbol takes about 40 bytes, a symbol of its own 440.
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

/** What a stream names. */
interface Names {
  /** Symbols. */
  readonly named: number;
  /** Those of them that no other stream of the channel names. */
  readonly distinct: number;
  /** Underlyings and order ids. */
  readonly secondary: number;
}

/** What streams are opened with. */
export interface StreamsParts {
  readonly channels: Channels;
  /** Feeds that are enabled; streams of the others are refused. */
  readonly feeds: ReadonlySet<FeedId>;
  readonly sinks: Readonly<Partial<Record<FeedId, SubscriptionSink>>>;
  /** Resolves underlyings to contracts; without it none are subscribed. */
  readonly underlyings?: UnderlyingSink | undefined;
  readonly clock: Clock;
  /** Limit on {@linkcode Streams.symbols}. @default unlimited */
  readonly maxSymbols?: number | undefined;
  /** Where refused and stalled streams are counted. @default nowhere */
  readonly refusals?: ProxyCounters["refusals"] | undefined;
}

/** Opens streams and knows which are open. */
export class Streams implements MarketStreams {
  readonly #parts: StreamsParts;
  readonly #open = new Set<ClientStream<unknown>>();
  /** Symbols that open streams name, each as often as it is named. */
  #named = 0;
  /** Underlyings and order ids that open streams name. */
  #secondary = 0;

  constructor(parts: StreamsParts) {
    this.#parts = parts;
  }

  /** Streams that are open now. */
  get count(): number {
    return this.#open.size;
  }

  /**
   * Symbols, underlyings and order ids that open streams name together. A
   * symbol that another stream of the same channel names counts as a tenth.
   */
  get symbols(): number {
    return this.#weigh({ named: 0, distinct: 0, secondary: 0 });
  }

  /** What every open stream has received and lost. */
  reports(): readonly StreamReport[] {
    return Array.from(this.#open, (stream) => stream.report());
  }

  /** Every stream that has lost events since the last call, and how many. */
  takeLosses(): StreamReport[] {
    return Array.from(this.#open, (stream) => ({
      ...stream.report(),
      lost: stream.takeLosses(),
    })).filter(({ lost }) => lost > 0);
  }

  /**
   * Ends the streams that have had messages waiting and have taken none for
   * `stalledMs`, counts them and reports on them. To be called regularly: what
   * a stream has taken is compared with the call before.
   */
  endStalled(stalledMs: number): StreamReport[] {
    const { clock, refusals } = this.#parts;
    const now = clock.monotonic();
    const ended: StreamReport[] = [];
    for (const stream of [...this.#open]) {
      if (stream.stalledFor(now) < stalledMs) continue;
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
    const everything = symbols.size === 0 && secondary.size === 0;
    const { feed, upstream } = ROUTES[channel];
    if (!this.#parts.feeds.has(feed)) throw new FeedDisabled(feed);
    const source: Channel<ChannelEvents[C]> = this.#parts.channels[channel];
    this.#checkSymbols({
      named: symbols.size,
      distinct: source.countNew(symbols),
      secondary: secondary.size,
    });
    const sink = this.#parts.sinks[feed];
    const wanted = everything ? [WILDCARD] : symbols;
    if (upstream) sink?.checkQuota(upstream, wanted);
    using undo = new DisposableStack();
    const reader = undo.use(source.subscribe({ symbols, secondary }));
    if (upstream && sink) {
      sink.add(upstream, wanted);
      undo.defer(() => sink.remove(upstream, wanted));
    }
    if (upstream && feed === "opra") this.#expand(upstream, filter, undo);
    const { clock } = this.#parts;
    const kept = undo.move();
    const stream = new ClientStream(reader, {
      channel,
      filter,
      opened: new WallStamp(clock),
      progressAt: clock.monotonic(),
      leave: () => {
        this.#open.delete(stream as ClientStream<unknown>);
        this.#named -= symbols.size;
        this.#secondary -= secondary.size;
        kept.dispose();
      },
    });
    this.#named += symbols.size;
    this.#secondary += secondary.size;
    this.#open.add(stream as ClientStream<unknown>);
    return stream;
  }

  /** @throws TooManySymbols when a stream with these names exceeds the limit */
  #checkSymbols(names: Names): void {
    const { maxSymbols: limit = Infinity, refusals } = this.#parts;
    const used = this.symbols;
    const requested = this.#weigh(names) - used;
    if (requested === 0 || used + requested <= limit) return;
    if (refusals) refusals.symbols++;
    throw new TooManySymbols({ limit, used, requested });
  }

  /** What open streams and a new one with these names count together. */
  #weigh({ named, distinct, secondary }: Names): number {
    let all = distinct;
    for (const channel of CHANNELS) {
      all += this.#parts.channels[channel].symbols;
    }
    const repeated = this.#named + named - all;
    return all + Math.ceil(repeated / REPEATED_AS_ONE) + this.#secondary +
      secondary;
  }

  #expand(
    upstream: UpstreamChannel,
    filter: StreamFilter,
    undo: DisposableStack,
  ): void {
    const { underlyings } = this.#parts;
    if (!underlyings) return;
    undo.defer(() => underlyings.rebalance());
    underlyings.rebalance();
    for (const symbol of filter.symbols) underlyings.observe(symbol);
    for (const underlying of new Set(filter.underlyings)) {
      undo.use(underlyings.open(upstream, underlying, filter.selection));
    }
  }
}
