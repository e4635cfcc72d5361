/**
 * The data types that clients can stream, each one a broadcast channel.
 *
 * @module
 */
import type { FeedId } from "../connection/feed.ts";
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
  | "orderUpdates";

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
}

/** The messages of one feed as upstream sent them, of all types. */
export type RelayName = "stockMessages" | "optionMessages";

/** What a client stream delivers: the events of a channel, or the messages of a feed. */
export type StreamKind = ChannelName | RelayName;

/** The relay of each feed that has one. */
export const RELAY_OF_FEED: Readonly<Partial<Record<FeedId, RelayName>>> = {
  sip: "stockMessages",
  opra: "optionMessages",
};

/** Every relay. */
export const RELAYS: readonly RelayName[] = ["stockMessages", "optionMessages"];

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
];

/** Channels whose events have the start of an interval as their time. */
export const BAR_CHANNELS: ReadonlySet<ChannelName> = new Set([
  "stockBars",
  "stockUpdatedBars",
  "stockDailyBars",
]);
