/**
 * Checks streams of messages against what an identity may do: each of their channels needs what the
 * method needs that streams its events.
 *
 * @module
 */
import type { Grants } from "../../domain/access/grants.ts";
import type { FeedId } from "../../domain/connection/feed.ts";
import { type ChannelName, CHANNELS } from "../../domain/market/channels.ts";
import { CHANNEL_SOURCES, type SymbolSets, WILDCARD } from "../../domain/subscription/pairs.ts";
import { authorizeCall, authorizeStream } from "../access/authorize.ts";

/** The method that streams each channel. */
const RPC_OF_CHANNEL: Readonly<Record<ChannelName, string>> = {
  stockQuotes: "StreamQuotes",
  stockTrades: "StreamTrades",
  stockBars: "StreamBars",
  stockUpdatedBars: "StreamUpdatedBars",
  stockDailyBars: "StreamDailyBars",
  tradingStatuses: "StreamTradingStatuses",
  priceBands: "StreamPriceBands",
  tradeCorrections: "StreamTradeCorrections",
  imbalances: "StreamImbalances",
  optionQuotes: "StreamOptionQuotes",
  optionTrades: "StreamOptionTrades",
  orderUpdates: "StreamOrderUpdates",
  cryptoQuotes: "StreamCryptoQuotes",
  cryptoTrades: "StreamCryptoTrades",
  cryptoBars: "StreamCryptoBars",
  cryptoUpdatedBars: "StreamCryptoUpdatedBars",
  cryptoDailyBars: "StreamCryptoDailyBars",
  orderbooks: "StreamOrderbooks",
  news: "StreamNews",
};

/**
 * Checks the symbols that a client subscribes to.
 *
 * @throws {PermissionDenied}
 */
export function authorizeSymbols(grants: Grants, feed: FeedId, pairs: SymbolSets): void {
  for (const [upstream, symbols] of pairs) {
    for (const channel of CHANNELS) {
      const source = CHANNEL_SOURCES[channel];
      // Corrections follow trades.
      if (source.feed !== feed || source.upstream !== upstream) continue;
      if (channel === "tradeCorrections") continue;
      authorizeChannel(grants, channel, symbols);
    }
  }
}

/**
 * Checks a client that receives all order updates.
 *
 * @throws {PermissionDenied}
 */
export function authorizeOrders(grants: Grants): void {
  authorizeChannel(grants, "orderUpdates", new Set([WILDCARD]));
}

function authorizeChannel(
  grants: Grants,
  channel: ChannelName,
  symbols: ReadonlySet<string>,
): void {
  authorizeCall(grants, `/cream.v1.StreamProxyService/${RPC_OF_CHANNEL[channel]}`);
  // In a filter, no symbol means all of them.
  const filter = { symbols: symbols.has(WILDCARD) ? [] : [...symbols] };
  authorizeStream(grants, channel, filter);
}
