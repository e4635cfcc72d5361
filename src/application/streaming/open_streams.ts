/**
 * Opens client streams: a place in a channel and an interest in symbols, taken
 * together and given back together.
 *
 * @module
 */
import type {
  ChannelEvents,
  ChannelName,
} from "../../domain/market/channels.ts";
import { ROUTES } from "../../domain/subscription/routes.ts";
import {
  type UpstreamChannel,
  WILDCARD,
} from "../../domain/subscription/symbol_sets.ts";
import type { FeedId } from "../../domain/connection/feed.ts";
import type { Channel, ChannelReader } from "../broadcast/channel.ts";
import type { Channels } from "../broadcast/channels.ts";
import type { Envelope } from "../broadcast/envelope.ts";
import type {
  MarketStreams,
  OpenStream,
  StreamFilter,
} from "./market_streams.ts";

/** Where a stream's interest is told. */
export interface InterestDesk {
  want(channel: UpstreamChannel, symbols: Iterable<string>): void;
  release(channel: UpstreamChannel, symbols: Iterable<string>): void;
}

/** Opens streams and knows how many are open. */
export class Streams implements MarketStreams {
  readonly #channels: Channels;
  readonly #desks: Readonly<Partial<Record<FeedId, InterestDesk>>>;
  #open = 0;

  /** @param desks feeds without one (not enabled) are never asked for anything */
  constructor(
    channels: Channels,
    desks: Readonly<Partial<Record<FeedId, InterestDesk>>>,
  ) {
    this.#channels = channels;
    this.#desks = desks;
  }

  /** Streams that are open now. */
  get count(): number {
    return this.#open;
  }

  open<C extends ChannelName>(
    channel: C,
    filter: StreamFilter,
  ): OpenStream<ChannelEvents[C]> {
    const symbols = new Set(filter.symbols);
    const secondary = new Set(filter.underlyings ?? filter.orderIds ?? []);
    const source: Channel<ChannelEvents[C]> = this.#channels[channel];
    const reader = source.subscribe({ symbols, secondary });
    const everything = symbols.size === 0 && secondary.size === 0;
    const release = this.#want(channel, everything ? undefined : symbols);
    this.#open++;
    return new ClientStream(reader, () => {
      this.#open--;
      release();
    });
  }

  /** Records the interest; the answer takes it back. */
  #want(
    channel: ChannelName,
    symbols: ReadonlySet<string> | undefined,
  ): () => void {
    const { feed, upstream, wildcard } = ROUTES[channel];
    const desk = this.#desks[feed];
    const wanted = symbols ?? (wildcard ? [WILDCARD] : []);
    if (!upstream || !desk) return () => {};
    desk.want(upstream, wanted);
    return () => desk.release(upstream, wanted);
  }
}

class ClientStream<T> implements OpenStream<T> {
  readonly #reader: ChannelReader<T>;
  readonly #leave: () => void;
  #left = false;

  constructor(reader: ChannelReader<T>, leave: () => void) {
    this.#reader = reader;
    this.#leave = leave;
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

  [Symbol.dispose](): void {
    if (this.#left) return;
    this.#left = true;
    this.#reader[Symbol.dispose]();
    this.#leave();
  }
}
