/**
 * The data types that clients can stream, each one a broadcast channel.
 *
 * @module
 */
import type { OptionQuote, OptionTrade } from "./option_events.ts";
import type { OrderUpdate } from "./order_events.ts";
import type { StockBar, StockQuote, StockTrade } from "./stock_events.ts";

/** The name of a channel. */
export type ChannelName =
  | "stockQuotes"
  | "stockTrades"
  | "stockBars"
  | "optionQuotes"
  | "optionTrades"
  | "orderUpdates";

/** The event type of each channel. */
export interface ChannelEvents extends Record<ChannelName, unknown> {
  readonly stockQuotes: StockQuote;
  readonly stockTrades: StockTrade;
  readonly stockBars: StockBar;
  readonly optionQuotes: OptionQuote;
  readonly optionTrades: OptionTrade;
  readonly orderUpdates: OrderUpdate;
}

/** Every channel, in the order of the documentation. */
export const CHANNELS: readonly ChannelName[] = [
  "stockQuotes",
  "stockTrades",
  "stockBars",
  "optionQuotes",
  "optionTrades",
  "orderUpdates",
];
