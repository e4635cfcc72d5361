/**
 * Maps each broadcast channel to its feed and upstream channel.
 *
 * @module
 */
import type { FeedId } from "../connection/feed.ts";
import type { ChannelName } from "../market/channels.ts";
import type { UpstreamChannel } from "./symbol_sets.ts";

/** The source of a broadcast channel. */
export interface Route {
  readonly feed: FeedId;
  /** `undefined` for order updates, which need no subscription. */
  readonly upstream: UpstreamChannel | undefined;
}

/** The route of every channel. */
export const ROUTES: Readonly<Record<ChannelName, Route>> = {
  stockQuotes: { feed: "sip", upstream: "quotes" },
  stockTrades: { feed: "sip", upstream: "trades" },
  stockBars: { feed: "sip", upstream: "bars" },
  optionQuotes: { feed: "opra", upstream: "quotes" },
  optionTrades: { feed: "opra", upstream: "trades" },
  orderUpdates: { feed: "trading", upstream: undefined },
};
