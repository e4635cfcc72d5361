/**
 * The six broadcast channels with their keys and capacities.
 *
 * @module
 */
import type {
  ChannelEvents,
  ChannelName,
} from "../../domain/market/channels.ts";
import type { UnderlyingDirectory } from "../../domain/options/underlying_directory.ts";
import type { ProxyCounters } from "../status/counters.ts";
import { Channel } from "./channel.ts";
import { EVENT_BYTES, orderBytes } from "./memory_needs.ts";
import type { QueueMemory } from "./queue_memory.ts";

/** One channel per data type. */
export type Channels = {
  readonly [C in ChannelName]: Channel<ChannelEvents[C]>;
};

/** How many events a stream of each channel may fall behind. */
export type Capacities = Readonly<Record<ChannelName, number>>;

const bySymbol = {
  symbol: (event: { readonly symbol: string }) => event.symbol,
};

/** What channels are made with. */
export interface ChannelsParts {
  /** Exact, and at least 1. */
  readonly capacities: Capacities;
  readonly counters: ProxyCounters;
  /** Shared by all queues. @default unlimited */
  readonly memory?: QueueMemory;
  /** Finds the underlying of an option symbol. */
  readonly directory: UnderlyingDirectory;
}

/** Makes the channels. */
export function createChannels(parts: ChannelsParts): Channels {
  const { capacities, counters, memory, directory } = parts;
  const bySymbolOrUnderlying = {
    ...bySymbol,
    secondary: (event: { readonly symbol: string }) =>
      directory.underlyingOf(event.symbol),
    secondaryOfSymbol: (symbol: string) => directory.underlyingOf(symbol),
  };
  const options = (name: ChannelName) => ({
    capacity: capacities[name],
    counters: counters.channels[name],
    eventBytes: EVENT_BYTES[name],
    ...(memory && { memory }),
  });
  return {
    stockQuotes: new Channel<ChannelEvents["stockQuotes"]>(
      bySymbol,
      options("stockQuotes"),
    ),
    stockTrades: new Channel<ChannelEvents["stockTrades"]>(
      bySymbol,
      options("stockTrades"),
    ),
    stockBars: new Channel<ChannelEvents["stockBars"]>(
      bySymbol,
      options("stockBars"),
    ),
    optionQuotes: new Channel<ChannelEvents["optionQuotes"]>(
      bySymbolOrUnderlying,
      options("optionQuotes"),
    ),
    optionTrades: new Channel<ChannelEvents["optionTrades"]>(
      bySymbolOrUnderlying,
      options("optionTrades"),
    ),
    orderUpdates: new Channel<ChannelEvents["orderUpdates"]>({
      symbol: (update) => update.order.symbol,
      secondary: (update) => update.order.id,
    }, { ...options("orderUpdates"), measure: orderBytes }),
  };
}
