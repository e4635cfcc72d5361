/**
 * Opens client streams: a place in a channel and an interest in symbols, taken
 * together and given back together.
 *
 * @module
 */
import type { FeedId } from "../../domain/connection/feed.ts";
import type {
  ChannelEvents,
  ChannelName,
} from "../../domain/market/channels.ts";
import type { OptionSelection } from "../../domain/options/selection.ts";
import { ROUTES } from "../../domain/subscription/routes.ts";
import {
  type UpstreamChannel,
  WILDCARD,
} from "../../domain/subscription/symbol_sets.ts";
import type { Channel } from "../broadcast/channel.ts";
import type { Channels } from "../broadcast/channels.ts";
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

/** Where a stream's interest in symbols is told. */
export interface InterestDesk {
  /** @throws OverBudget when the plan has no place for the symbols */
  admit(channel: UpstreamChannel, symbols: Iterable<string>): void;
  want(channel: UpstreamChannel, symbols: Iterable<string>): void;
  release(channel: UpstreamChannel, symbols: Iterable<string>): void;
}

/** Where a stream's interest in underlyings is told; disposing takes it back. */
export interface UnderlyingDesk {
  open(
    channel: UpstreamChannel,
    underlying: string,
    selection: OptionSelection | undefined,
  ): Disposable;
  /** Tells of an option symbol that somebody names. */
  notice(symbol: string): void;
  /** Tells that places in the symbol budget were taken or given back. */
  reconsider(): void;
}

/** What streams are opened with. */
export interface StreamsParts {
  readonly channels: Channels;
  /** Feeds that are enabled; streams of the others are refused. */
  readonly feeds: ReadonlySet<FeedId>;
  readonly desks: Readonly<Partial<Record<FeedId, InterestDesk>>>;
  /** Resolves underlyings to contracts; without it none are subscribed. */
  readonly underlyings?: UnderlyingDesk | undefined;
  readonly clock: Clock;
  /** Symbols, underlyings and order ids of all streams. @default unlimited */
  readonly maxSymbols?: number | undefined;
  /** Where refused and stalled streams are counted. @default nowhere */
  readonly refusals?: ProxyCounters["refusals"] | undefined;
}

/** Opens streams and knows which are open. */
export class Streams implements MarketStreams {
  readonly #parts: StreamsParts;
  readonly #open = new Set<ClientStream<unknown>>();
  #symbols = 0;

  constructor(parts: StreamsParts) {
    this.#parts = parts;
  }

  /** Streams that are open now. */
  get count(): number {
    return this.#open.size;
  }

  /** Symbols, underlyings and order ids that open streams name together. */
  get symbols(): number {
    return this.#symbols;
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
    const named = symbols.size + secondary.size;
    this.#checkSymbols(named);
    const desk = this.#parts.desks[feed];
    const wanted = everything ? [WILDCARD] : symbols;
    if (upstream) desk?.admit(upstream, wanted);
    const source: Channel<ChannelEvents[C]> = this.#parts.channels[channel];
    using undo = new DisposableStack();
    const reader = undo.use(source.subscribe({ symbols, secondary }));
    if (upstream && desk) {
      desk.want(upstream, wanted);
      undo.defer(() => desk.release(upstream, wanted));
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
        this.#symbols -= named;
        kept.dispose();
      },
    });
    this.#symbols += named;
    this.#open.add(stream as ClientStream<unknown>);
    return stream;
  }

  /** @throws TooManySymbols when `requested` more exceed the limit */
  #checkSymbols(requested: number): void {
    const { maxSymbols: limit = Infinity, refusals } = this.#parts;
    const used = this.#symbols;
    if (requested === 0 || used + requested <= limit) return;
    if (refusals) refusals.symbols++;
    throw new TooManySymbols({ limit, used, requested });
  }

  #expand(
    upstream: UpstreamChannel,
    filter: StreamFilter,
    undo: DisposableStack,
  ): void {
    const { underlyings } = this.#parts;
    if (!underlyings) return;
    undo.defer(() => underlyings.reconsider());
    underlyings.reconsider();
    for (const symbol of filter.symbols) underlyings.notice(symbol);
    for (const underlying of new Set(filter.underlyings)) {
      undo.use(underlyings.open(upstream, underlying, filter.selection));
    }
  }
}
