/**
 * Names of the upstream feeds.
 *
 * @module
 */

/**
 * The sessions that the proxy can hold: stocks, options, trade updates, crypto, news.
 *
 * Settings, health bodies, metric labels and logs use these names; people read
 * {@linkcode FEED_NAMES}. {@linkcode FeedKind} is the product that a session carries.
 */
export type FeedId = "sip" | "opra" | "trading" | "crypto" | "news";

/** Ids of the feeds that have subscriptions. */
export type MarketFeedId = Exclude<FeedId, "trading">;

/** The feeds that are on by default and reported also while they are off. */
export const BASE_FEEDS: readonly FeedId[] = ["sip", "opra", "trading"];

/** Every feed, in the order of every status answer. */
export const FEEDS: readonly FeedId[] = [...BASE_FEEDS, "crypto", "news"];

/** The name of a feed where people read it. */
export const FEED_NAMES: Readonly<Record<FeedId, string>> = {
  sip: "Stocks",
  opra: "Options",
  trading: "Trade updates",
  crypto: "Crypto",
  news: "News",
};

/** Makes one value per feed. */
export function perFeed<T>(make: (feed: FeedId) => T): Readonly<Record<FeedId, T>> {
  return Object.fromEntries(FEEDS.map((feed) => [feed, make(feed)])) as Record<FeedId, T>;
}

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

/** Where crypto trades (Alpaca docs, "Real-time Crypto Data"). */
export type CryptoLocation = "us" | "us-1" | "us-2" | "eu-1" | "bs-1";

/** The product that a session carries. */
export type FeedKind = StockFeedKind | OptionFeedKind | "trade_updates" | "crypto" | "news";

/** Paper or live money. */
export type Environment = "PAPER" | "LIVE";
