/**
 * A made-up status of the proxy, for tests of what shows it.
 *
 * @module
 */
import type { FeedStatus, ProxyStatus } from "../../src/application/status/status.ts";
import type { FeedId } from "../../src/domain/connection/feed.ts";
import type { LinkState } from "../../src/domain/connection/link.ts";

const KINDS = {
  sip: "iex",
  opra: "indicative",
  trading: "trade_updates",
  crypto: "crypto",
  news: "news",
} as const;

/** One feed in `state`, with numbers that differ from each other. */
export function sampleFeed(feed: FeedId, state: LinkState): FeedStatus {
  return {
    feed,
    kind: KINDS[feed],
    state,
    lastConnectedAt: state === "connected" ? 1_705_330_800_000 : undefined,
    errorMessage: state === "error" ? "auth failed" : undefined,
    subscriptionCount: state === "connected" ? 7 : 0,
    reconnectAttempts: state === "reconnecting" ? 3 : 0,
    messagesReceived: 42,
  };
}

/** A whole status; feeds in the order stocks, options, trade updates. */
export function sampleStatus(
  states: readonly [LinkState, LinkState, LinkState],
  changes: Partial<ProxyStatus> = {},
): ProxyStatus {
  return {
    version: "0.1.0",
    startedAt: 1_705_330_800_000,
    now: 1_705_330_863_900,
    environment: "PAPER",
    feeds: [
      sampleFeed("sip", states[0]),
      sampleFeed("opra", states[1]),
      sampleFeed("trading", states[2]),
    ],
    clientCount: 5,
    draining: false,
    ...changes,
  };
}
