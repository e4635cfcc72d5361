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
import type { Channel, ChannelReader } from "../broadcast/channel.ts";
import type { Channels } from "../broadcast/channels.ts";
import type { Envelope } from "../broadcast/envelope.ts";
import type { Clock } from "../ports/clock.ts";
import type { StreamReport } from "../status/stream_report.ts";
import { WallStamp } from "../status/wall_stamp.ts";
import { FeedDisabled } from "./feed_disabled.ts";
import type {
  MarketStreams,
  OpenStream,
  StreamFilter,
} from "./market_streams.ts";

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
}

/** Opens streams and knows which are open. */
export class Streams implements MarketStreams {
  readonly #parts: StreamsParts;
  readonly #open = new Set<{
    report(): StreamReport;
    takeLosses(): number;
  }>();

  constructor(parts: StreamsParts) {
    this.#parts = parts;
  }

  /** Streams that are open now. */
  get count(): number {
    return this.#open.size;
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

  open<C extends ChannelName>(
    channel: C,
    filter: StreamFilter,
  ): OpenStream<ChannelEvents[C]> {
    const symbols = new Set(filter.symbols);
    const secondary = new Set(filter.underlyings ?? filter.orderIds ?? []);
    const everything = symbols.size === 0 && secondary.size === 0;
    const { feed, upstream } = ROUTES[channel];
    if (!this.#parts.feeds.has(feed)) throw new FeedDisabled(feed);
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
    const kept = undo.move();
    const stream = new ClientStream(reader, {
      channel,
      filter,
      opened: new WallStamp(this.#parts.clock),
      leave: () => {
        this.#open.delete(stream);
        kept.dispose();
      },
    });
    this.#open.add(stream);
    return stream;
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

/** What a stream knows beside its place in the channel. */
interface StreamPlace {
  readonly channel: ChannelName;
  readonly filter: StreamFilter;
  readonly opened: WallStamp;
  /** Gives everything back; called once. */
  readonly leave: () => void;
}

class ClientStream<T> implements OpenStream<T> {
  readonly #reader: ChannelReader<T>;
  readonly #place: StreamPlace;
  #left = false;
  #toldLost = 0;

  constructor(reader: ChannelReader<T>, place: StreamPlace) {
    this.#reader = reader;
    this.#place = place;
  }

  get lost(): number {
    return this.#reader.queue.lost;
  }

  get delivered(): number {
    return this.#reader.queue.delivered;
  }

  batches(signal: AbortSignal): AsyncGenerator<readonly Envelope<T>[], void> {
    return this.#reader.queue.batches(signal);
  }

  take(): readonly Envelope<T>[] {
    return this.#reader.queue.take();
  }

  whenReady(wake: () => void): void {
    this.#reader.queue.whenReady(wake);
  }

  get ended(): boolean {
    return this.#reader.queue.ended;
  }

  takeLosses(): number {
    const { lost } = this.#reader.queue;
    const since = lost - this.#toldLost;
    this.#toldLost = lost;
    return since;
  }

  report(): StreamReport {
    const { channel, filter, opened: { at: openedAt } } = this.#place;
    const { delivered, waiting, lost } = this.#reader.queue;
    const described = describeFilter(filter);
    return { channel, filter: described, openedAt, delivered, waiting, lost };
  }

  [Symbol.dispose](): void {
    if (this.#left) return;
    this.#left = true;
    this.#place.leave();
  }
}

/** Names shown of a filter; the others are only counted. */
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
