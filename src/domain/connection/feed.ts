/**
 * Names of the upstream feeds.
 *
 * @module
 */

/**
 * The three sessions that the proxy holds: stocks, options, trade updates.
 *
 * Settings, health bodies and metric labels use these names. {@linkcode FeedKind} is the product
 * that a session carries.
 */
export type FeedId = "sip" | "opra" | "trading";

/** Every feed, in the order of every status answer. */
export const FEEDS: readonly FeedId[] = ["sip", "opra", "trading"];

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
