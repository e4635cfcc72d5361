/**
 * The data types that clients can stream, each one a broadcast channel.
 *
 * @module
 */
import type { OptionQuote, OptionTrade } from "./option_events.ts";
import type { OrderUpdate } from "./order_events.ts";
import type { StockBar, StockQuote, StockTrade } from "./stock_events.ts";

/** What each channel carries. */
export interface ChannelEvents {
  readonly stockQuotes: StockQuote;
  readonly stockTrades: StockTrade;
  readonly stockBars: StockBar;
  readonly optionQuotes: OptionQuote;
  readonly optionTrades: OptionTrade;
  readonly orderUpdates: OrderUpdate;
}

/** The name of a channel. */
export type ChannelName = keyof ChannelEvents;

/** Every channel, in the order in which the documentation lists them. */
export const CHANNELS: readonly ChannelName[] = [
  "stockQuotes",
  "stockTrades",
  "stockBars",
  "optionQuotes",
  "optionTrades",
  "orderUpdates",
];
