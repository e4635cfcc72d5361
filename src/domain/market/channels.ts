/**
 * The data types that clients can stream, each one a broadcast channel.
 *
 * @module
 */
import type { MarketFeedId } from "../connection/feed.ts";
import type { CryptoBar, CryptoQuote, CryptoTrade, Orderbook } from "./crypto_events.ts";
import type { NewsArticle } from "./news_events.ts";
import type { OptionQuote, OptionTrade } from "./option_events.ts";
import type { OrderUpdate } from "./order_events.ts";
import type {
  StockBar,
  StockImbalance,
  StockLuld,
  StockQuote,
  StockTrade,
  StockTradingStatus,
  TradeCorrection,
} from "./stock_events.ts";

/** The name of a channel. */
export type ChannelName =
  | "stockQuotes"
  | "stockTrades"
  | "stockBars"
  | "stockUpdatedBars"
  | "stockDailyBars"
  | "tradingStatuses"
  | "priceBands"
  | "tradeCorrections"
  | "imbalances"
  | "optionQuotes"
  | "optionTrades"
  | "orderUpdates"
  | "cryptoQuotes"
  | "cryptoTrades"
  | "cryptoBars"
  | "cryptoUpdatedBars"
  | "cryptoDailyBars"
  | "orderbooks"
  | "news";

/** The event type of each channel. */
export interface ChannelEvents extends Record<ChannelName, unknown> {
  readonly stockQuotes: StockQuote;
  readonly stockTrades: StockTrade;
  readonly stockBars: StockBar;
  readonly stockUpdatedBars: StockBar;
  readonly stockDailyBars: StockBar;
  readonly tradingStatuses: StockTradingStatus;
  readonly priceBands: StockLuld;
  readonly tradeCorrections: TradeCorrection;
  readonly imbalances: StockImbalance;
  readonly optionQuotes: OptionQuote;
  readonly optionTrades: OptionTrade;
  readonly orderUpdates: OrderUpdate;
  readonly cryptoQuotes: CryptoQuote;
  readonly cryptoTrades: CryptoTrade;
  readonly cryptoBars: CryptoBar;
  readonly cryptoUpdatedBars: CryptoBar;
  readonly cryptoDailyBars: CryptoBar;
  readonly orderbooks: Orderbook;
  readonly news: NewsArticle;
}

/** The messages of one feed as upstream sent them, of all types. */
export type RelayName = "stockMessages" | "optionMessages" | "cryptoMessages" | "newsMessages";

/** What a client stream delivers: the events of a channel, or the messages of a feed. */
export type StreamKind = ChannelName | RelayName;

/** The relay of each feed that has subscriptions. */
export const RELAY_OF_FEED: Readonly<Record<MarketFeedId, RelayName>> = {
  sip: "stockMessages",
  opra: "optionMessages",
  crypto: "cryptoMessages",
  news: "newsMessages",
};

/** Every relay. */
export const RELAYS: readonly RelayName[] = Object.values(RELAY_OF_FEED);

/** Every channel, in the order of the documentation. */
export const CHANNELS: readonly ChannelName[] = [
  "stockQuotes",
  "stockTrades",
  "stockBars",
  "stockUpdatedBars",
  "stockDailyBars",
  "tradingStatuses",
  "priceBands",
  "tradeCorrections",
  "imbalances",
  "optionQuotes",
  "optionTrades",
  "orderUpdates",
  "cryptoQuotes",
  "cryptoTrades",
  "cryptoBars",
  "cryptoUpdatedBars",
  "cryptoDailyBars",
  "orderbooks",
  "news",
];

/** Channels whose events have the start of an interval as their time. */
export const BAR_CHANNELS: ReadonlySet<ChannelName> = new Set([
  "stockBars",
  "stockUpdatedBars",
  "stockDailyBars",
  "cryptoBars",
  "cryptoUpdatedBars",
  "cryptoDailyBars",
]);
