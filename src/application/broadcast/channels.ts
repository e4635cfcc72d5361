/**
 * Creates the broadcast channels with their keys and capacities.
 *
 * @module
 */
import type { ChannelEvents, ChannelName } from "../../domain/market/channels.ts";
import type { UnderlyingDirectory } from "../../domain/options/underlying_directory.ts";
import { LATEST_CHANNELS } from "../ports/market_data.ts";
import type { ProxyCounters } from "../status/counters.ts";
import { Channel, type ChannelKeys } from "./channel.ts";
import {
  articleBytes,
  EVENT_BYTES,
  orderbookBytes,
  orderBytes,
  statusBytes,
} from "./memory_needs.ts";
import type { QueueMemory } from "./queue_memory.ts";
import { IdleSymbols } from "./symbol_table.ts";

/** One channel per data type. */
export type Channels = {
  readonly [C in ChannelName]: Channel<ChannelEvents[C]>;
};

/** Options of {@linkcode createChannels}. */
interface ChannelsOptions {
  /** Capacity of a subscriber's queue in events, at least 1. */
  readonly capacities: Readonly<Record<ChannelName, number>>;
  /** Retained events per channel, 0 for none. @default the capacity of the channel */
  readonly retained?: number | undefined;
  /** Retained order updates. @default as those of the other channels */
  readonly orderJournal?: number | undefined;
  readonly counters: ProxyCounters;
  /** Shared by all queues. @default unlimited */
  readonly memory?: QueueMemory;
  /**
   * Whether REST has the last quotes, trades and bars, so that the channels keep them only while
   * there are streams with options. @default false
   */
  readonly areLastAvailable?: boolean;
  /** Resolves the underlying of an option symbol. */
  readonly directory: UnderlyingDirectory;
}

/** Bytes of the last versions of articles that are kept for snapshots. */
const KEPT_ARTICLE_BYTES = 16 * 1_048_576;

/** Creates the channels. */
export function createChannels(options: ChannelsOptions): Channels {
  const { capacities, retained, orderJournal, counters, memory, directory } = options;
  const lastAvailable: ReadonlySet<ChannelName> = new Set(
    options.areLastAvailable ? LATEST_CHANNELS : [],
  );
  const idleSymbols = new IdleSymbols();
  const bySymbol = { symbol: (event: { readonly symbol: string }) => event.symbol };
  const bySymbolOrUnderlying = {
    ...bySymbol,
    secondary: (event: { readonly symbol: string }) => directory.underlyingOf(event.symbol),
    secondaryOfSymbol: (symbol: string) => directory.underlyingOf(symbol),
  };
  const channel = <C extends ChannelName>(
    name: C,
    keys: ChannelKeys<ChannelEvents[C]>,
    eventBytes: number | ((event: ChannelEvents[C]) => number) = EVENT_BYTES[name],
  ) =>
    new Channel(keys, {
      capacity: capacities[name],
      counters: counters.channels[name],
      memory,
      eventBytes,
      retained: name === "orderUpdates" ? orderJournal ?? retained : retained,
      idleSymbols,
      isLastAvailable: lastAvailable.has(name),
      lastBytes: name === "news" ? KEPT_ARTICLE_BYTES : undefined,
    });
  return {
    stockQuotes: channel("stockQuotes", bySymbol),
    stockTrades: channel("stockTrades", bySymbol),
    stockBars: channel("stockBars", bySymbol),
    stockUpdatedBars: channel("stockUpdatedBars", bySymbol),
    stockDailyBars: channel("stockDailyBars", bySymbol),
    tradingStatuses: channel("tradingStatuses", bySymbol, statusBytes),
    priceBands: channel("priceBands", bySymbol),
    tradeCorrections: channel("tradeCorrections", bySymbol),
    imbalances: channel("imbalances", bySymbol),
    optionQuotes: channel("optionQuotes", bySymbolOrUnderlying),
    optionTrades: channel("optionTrades", bySymbolOrUnderlying),
    orderUpdates: channel("orderUpdates", {
      symbol: ({ order }) => order.symbol,
      secondary: ({ order }) => order.id,
    }, orderBytes),
    cryptoQuotes: channel("cryptoQuotes", bySymbol),
    cryptoTrades: channel("cryptoTrades", bySymbol),
    cryptoBars: channel("cryptoBars", bySymbol),
    cryptoUpdatedBars: channel("cryptoUpdatedBars", bySymbol),
    cryptoDailyBars: channel("cryptoDailyBars", bySymbol),
    orderbooks: channel("orderbooks", bySymbol, orderbookBytes),
    // Versions of an article belong together; streams filter by any of its symbols.
    news: channel("news", {
      symbol: ({ id }) => String(id),
      secondary: ({ symbols }) => symbols,
      secondaryOfSymbol: (symbol) => symbol,
    }, articleBytes),
  };
}
