/**
 * Names of the upstream feeds.
 *
 * @module
 */

/**
 * The three sessions that the proxy holds: stocks, options, trade updates.
 *
 * Settings, health bodies, metric labels and logs use these names; people read
 * {@linkcode FEED_NAMES}. {@linkcode FeedKind} is the product that a session carries.
 */
export type FeedId = "sip" | "opra" | "trading";

/** Every feed, in the order of every status answer. */
export const FEEDS: readonly FeedId[] = ["sip", "opra", "trading"];

/** The name of a feed where people read it. */
export const FEED_NAMES: Readonly<Record<FeedId, string>> = {
  sip: "Stocks",
  opra: "Options",
  trading: "Trade updates",
};

/** The stock feeds that can be subscribed. */
export type StockFeedKind =
  | "sip"
  | "iex"
  | "delayed_sip"
  | "boats"
  | "overnight"
  | "test";

/** The option feeds that can be subscribed. */
export type OptionFeedKind = "opra" | "indicative";

/** The product that a session carries. */
export type FeedKind = StockFeedKind | OptionFeedKind | "trade_updates";

/** Paper or live money. */
export type Environment = "PAPER" | "LIVE";
