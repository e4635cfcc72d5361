/**
 * Which feed and upstream channel feeds which broadcast channel.
 *
 * @module
 */
import type { FeedId } from "../connection/feed.ts";
import type { ChannelName } from "../market/channels.ts";
import type { UpstreamChannel } from "./symbol_sets.ts";

/** Where a broadcast channel comes from. */
export interface Route {
  readonly feed: FeedId;
  /** `undefined` for order updates, which are always listened to. */
  readonly upstream: UpstreamChannel | undefined;
  /** Whether upstream can be asked for every symbol at once with `*`. */
  readonly wildcard: boolean;
}

/** The route of every channel. */
export const ROUTES: Readonly<Record<ChannelName, Route>> = {
  stockQuotes: { feed: "sip", upstream: "quotes", wildcard: true },
  stockTrades: { feed: "sip", upstream: "trades", wildcard: true },
  stockBars: { feed: "sip", upstream: "bars", wildcard: true },
  // Upstream refuses `*` for option quotes (error 413): a stream without a
  // filter receives what is being received for others.
  optionQuotes: { feed: "opra", upstream: "quotes", wildcard: false },
  optionTrades: { feed: "opra", upstream: "trades", wildcard: true },
  orderUpdates: { feed: "trading", upstream: undefined, wildcard: false },
};
