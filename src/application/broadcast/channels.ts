/**
 * Creates the six broadcast channels with their keys and capacities.
 *
 * @module
 */
import type { ChannelEvents, ChannelName } from "../../domain/market/channels.ts";
import type { UnderlyingDirectory } from "../../domain/options/underlying_directory.ts";
import type { ProxyCounters } from "../status/counters.ts";
import { Channel } from "./channel.ts";
import { EVENT_BYTES, orderBytes } from "./memory_needs.ts";
import type { QueueMemory } from "./queue_memory.ts";

/** One channel per data type. */
export type Channels = {
  readonly [C in ChannelName]: Channel<ChannelEvents[C]>;
};

/** Capacity of a subscriber's queue, by channel, in events. */
export type Capacities = Readonly<Record<ChannelName, number>>;

const bySymbol = {
  symbol: (event: { readonly symbol: string }) => event.symbol,
};

/** Options of {@linkcode createChannels}. */
export interface ChannelsOptions {
  /** Exact, at least 1. */
  readonly capacities: Capacities;
  readonly counters: ProxyCounters;
  /** Shared by all queues. @default unlimited */
  readonly memory?: QueueMemory;
  /** Resolves the underlying of an option symbol. */
  readonly directory: UnderlyingDirectory;
}

/** Creates the channels. */
export function createChannels(options: ChannelsOptions): Channels {
  const { capacities, counters, memory, directory } = options;
  const bySymbolOrUnderlying = {
    ...bySymbol,
    secondary: (event: { readonly symbol: string }) => directory.underlyingOf(event.symbol),
    secondaryOfSymbol: (symbol: string) => directory.underlyingOf(symbol),
  };
  const optionsOf = (name: ChannelName) => ({
    capacity: capacities[name],
    counters: counters.channels[name],
    eventBytes: EVENT_BYTES[name],
    ...(memory && { memory }),
  });
  return {
    stockQuotes: new Channel<ChannelEvents["stockQuotes"]>(
      bySymbol,
      optionsOf("stockQuotes"),
    ),
    stockTrades: new Channel<ChannelEvents["stockTrades"]>(
      bySymbol,
      optionsOf("stockTrades"),
    ),
    stockBars: new Channel<ChannelEvents["stockBars"]>(
      bySymbol,
      optionsOf("stockBars"),
    ),
    optionQuotes: new Channel<ChannelEvents["optionQuotes"]>(
      bySymbolOrUnderlying,
      optionsOf("optionQuotes"),
    ),
    optionTrades: new Channel<ChannelEvents["optionTrades"]>(
      bySymbolOrUnderlying,
      optionsOf("optionTrades"),
    ),
    orderUpdates: new Channel<ChannelEvents["orderUpdates"]>({
      symbol: (update) => update.order.symbol,
      secondary: (update) => update.order.id,
    }, { ...optionsOf("orderUpdates"), measure: orderBytes }),
  };
}
