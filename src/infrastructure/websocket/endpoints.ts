/**
 * Alpaca's paths of streams.
 *
 * @module
 */
import type { FeedId, FeedKind } from "../../domain/connection/feed.ts";
import type { UpstreamChannel } from "../../domain/subscription/pairs.ts";

/** The stream of a path. */
export interface Endpoint {
  readonly feed: FeedId;
  /** The product of the path; `undefined` for the one that is configured. */
  readonly kind: FeedKind | undefined;
}

/** What clients can subscribe to on a market data stream. */
interface MarketChannels {
  readonly requestable: ReadonlySet<string>;
  /** Keys of an acknowledgement, in the order of Alpaca. */
  readonly acknowledged: readonly string[];
}

/** Channels that follow `trades` and that clients do not request. */
export const AUTOMATIC_CHANNELS: ReadonlySet<string> = new Set(["corrections", "cancelErrors"]);

const STOCKS: MarketChannels = channelsOf(
  ["trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds"],
  [...AUTOMATIC_CHANNELS, "imbalances"],
);
const OPTIONS: MarketChannels = channelsOf(["trades", "quotes"], []);

function channelsOf(first: readonly string[], last: readonly string[]): MarketChannels {
  const acknowledged = [...first, ...last];
  const requestable = acknowledged.filter((name) => !AUTOMATIC_CHANNELS.has(name));
  return { acknowledged, requestable: new Set(requestable) };
}

/** The channels of a market data feed. */
export function channelsOfFeed(feed: FeedId): MarketChannels {
  return feed === "opra" ? OPTIONS : STOCKS;
}

/** Whether a name is that of a channel which clients of a feed can request. */
export function isRequestable(feed: FeedId, name: string): name is UpstreamChannel {
  return channelsOfFeed(feed).requestable.has(name);
}

const STOCK_KINDS = ["sip", "iex", "delayed_sip", "boats", "overnight", "test"] as const;
const OPTION_KINDS = ["opra", "indicative"] as const;

const ENDPOINTS: ReadonlyMap<string, Endpoint> = new Map<string, Endpoint>([
  // The stock feed of the clients of an older proxy.
  ["/", { feed: "sip", kind: undefined }],
  ...STOCK_KINDS.flatMap((kind) => pathsOf({ feed: "sip", kind })),
  ...OPTION_KINDS.flatMap((kind) => pathsOf({ feed: "opra", kind })),
  ["/stream", { feed: "trading", kind: undefined }],
]);

/**
 * Paths of a product. The version differs between Alpaca's documents and its Go SDK, which appends
 * the name of any product to the one base URL of `DATA_PROXY_WS`.
 */
function pathsOf(endpoint: Endpoint): [string, Endpoint][] {
  return ["/v2", "/v1beta1", ""].map((version) => [`${version}/${endpoint.kind}`, endpoint]);
}

/** The stream of a request's target; `undefined` when there is none. */
export function endpointOf(target: string): Endpoint | undefined {
  const [path = ""] = target.split("?");
  return ENDPOINTS.get(path.length > 1 ? path.replace(/\/+$/, "") : "/");
}
