/**
 * The six broadcast channels with their keys and capacities.
 *
 * @module
 */
import type {
  ChannelEvents,
  ChannelName,
} from "../../domain/market/channels.ts";
import { occRoot } from "../../domain/market/occ_symbol.ts";
import type { ProxyCounters } from "../status/counters.ts";
import { Channel } from "./channel.ts";

/** One channel per data type. */
export type Channels = {
  readonly [C in ChannelName]: Channel<ChannelEvents[C]>;
};

/** How many events a stream of each channel may fall behind. */
export type Capacities = Readonly<Record<ChannelName, number>>;

const bySymbol = {
  symbol: (event: { readonly symbol: string }) => event.symbol,
};

const bySymbolOrRoot = {
  ...bySymbol,
  secondary: (event: { readonly symbol: string }) => occRoot(event.symbol),
  secondaryOfSymbol: occRoot,
};

/** Makes the channels; a capacity is exact and at least 1. */
export function createChannels(
  capacities: Capacities,
  counters: ProxyCounters,
): Channels {
  const options = (name: ChannelName) => ({
    capacity: capacities[name],
    counters: counters.channels[name],
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
      bySymbolOrRoot,
      options("optionQuotes"),
    ),
    optionTrades: new Channel<ChannelEvents["optionTrades"]>(
      bySymbolOrRoot,
      options("optionTrades"),
    ),
    orderUpdates: new Channel<ChannelEvents["orderUpdates"]>({
      symbol: (update) => update.order.symbol,
      secondary: (update) => update.order.id,
    }, options("orderUpdates")),
  };
}
