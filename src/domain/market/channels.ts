/**
 * The data types that clients can stream, each one a broadcast channel.
 *
 * @module
 */
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
