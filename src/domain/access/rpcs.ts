/**
 * The methods that can be granted.
 *
 * @module
 */

/** Methods of `StreamProxyService`, in the order of the contract. */
export const RPCS: readonly string[] = [
  "StreamQuotes",
  "StreamTrades",
  "StreamBars",
  "StreamOptionQuotes",
  "StreamOptionTrades",
  "StreamOrderUpdates",
  "GetConnectionStatus",
  "StreamUpdatedBars",
  "StreamDailyBars",
  "StreamTradingStatuses",
  "StreamPriceBands",
  "StreamTradeCorrections",
  "StreamImbalances",
  "Acknowledge",
  "StreamCryptoQuotes",
  "StreamCryptoTrades",
  "StreamCryptoBars",
  "StreamCryptoUpdatedBars",
  "StreamCryptoDailyBars",
  "StreamOrderbooks",
  "StreamNews",
];
