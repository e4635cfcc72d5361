/**
 * Labels of the page.
 *
 * @module
 */
import type { MessageType } from "../../../application/status/counters.ts";
import type { FeedId } from "../../../domain/connection/feed.ts";
import type { LinkState } from "../../../domain/connection/link.ts";
import type { ChannelName } from "../../../domain/market/channels.ts";
import type { Tone } from "./page.ts";

/** Feeds. */
export const FEED_LABELS: Readonly<Record<FeedId, string>> = {
  sip: "Stocks",
  opra: "Options",
  trading: "Trade updates",
};

/** Channels, in the order of the table. */
export const CHANNEL_LABELS: Readonly<Record<ChannelName, string>> = {
  stockQuotes: "Stock quotes",
  stockTrades: "Stock trades",
  stockBars: "Stock bars",
  optionQuotes: "Option quotes",
  optionTrades: "Option trades",
  orderUpdates: "Order updates",
};

/** Message types that no channel delivers; the rest is never shown. */
export const OTHER_LABELS: Readonly<Record<MessageType, string>> = {
  quote: "Other quotes",
  trade: "Other trades",
  bar: "Other bars",
  updated_bar: "Updated bars",
  daily_bar: "Daily bars",
  status: "Trading statuses",
  luld: "Price bands",
  correction: "Corrections",
  cancel_error: "Cancels",
  imbalance: "Imbalances",
  order_update: "Other order updates",
  control: "Control messages",
  unknown: "Unknown types",
};

/** States of a feed: label and tone. */
export const STATES: Readonly<Record<LinkState, readonly [string, Tone]>> = {
  connected: ["Connected", "good"],
  connecting: ["Connecting", "warn"],
  authenticating: ["Authenticating", "warn"],
  reconnecting: ["Reconnecting", "warn"],
  disconnected: ["Disconnected", "bad"],
  error: ["Error", "bad"],
};
