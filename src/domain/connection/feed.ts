/**
 * Names of the upstream feeds and of the states of a feed's session.
 *
 * @module
 */

/**
 * The three sessions that the proxy holds: stocks, options, trade updates.
 *
 * The words are the ones operators know from settings, health bodies and
 * metric labels; which product a session really carries is its
 * {@linkcode FeedKind}.
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

/** What a session truly carries. */
export type FeedKind = StockFeedKind | OptionFeedKind | "trade_updates";

/** States of a feed's session, as health, status and metrics spell them. */
export type LinkState =
  | "disconnected"
  | "connecting"
  | "authenticating"
  | "connected"
  | "reconnecting"
  | "error";

/** Paper or live money. */
export type Environment = "PAPER" | "LIVE";
