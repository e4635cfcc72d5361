/**
 * Alpaca's paths of streams.
 *
 * @module
 */
import type {
  CryptoLocation,
  FeedId,
  FeedKind,
  MarketFeedId,
} from "../../domain/connection/feed.ts";
import type { UpstreamChannel } from "../../domain/subscription/pairs.ts";

/** A product of Alpaca that no proxy carries. */
const PERPETUALS = "crypto_perpetuals";

/** The stream of a path. */
export interface Endpoint {
  readonly feed: FeedId;
  /** The product of the path; `undefined` for the one that is configured. */
  readonly kind: FeedKind | typeof PERPETUALS | undefined;
  /** Of crypto. */
  readonly location?: CryptoLocation;
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
const CRYPTO: MarketChannels = channelsOf(
  ["trades", "quotes", "orderbooks", "bars", "updatedBars", "dailyBars"],
  [],
);
const NEWS: MarketChannels = channelsOf(["news"], []);

const CHANNELS: Readonly<Record<MarketFeedId, MarketChannels>> = {
  sip: STOCKS,
  opra: OPTIONS,
  crypto: CRYPTO,
  news: NEWS,
};

function channelsOf(first: readonly string[], last: readonly string[]): MarketChannels {
  const acknowledged = [...first, ...last];
  const requestable = acknowledged.filter((name) => !AUTOMATIC_CHANNELS.has(name));
  return { acknowledged, requestable: new Set(requestable) };
}

/** The channels of a market data feed. */
export function channelsOfFeed(feed: MarketFeedId): MarketChannels {
  return CHANNELS[feed];
}

/** Whether a name is that of a channel which clients of a feed can request. */
export function isRequestable(feed: MarketFeedId, name: string): name is UpstreamChannel {
  return channelsOfFeed(feed).requestable.has(name);
}

const STOCK_KINDS = ["sip", "iex", "delayed_sip", "boats", "overnight", "test"] as const;
const OPTION_KINDS = ["opra", "indicative"] as const;
const LOCATIONS = ["us", "us-1", "us-2", "eu-1", "bs-1"] as const;

const ENDPOINTS: ReadonlyMap<string, Endpoint> = new Map<string, Endpoint>([
  // The stock feed of the clients of an older proxy.
  ["/", { feed: "sip", kind: undefined }],
  ...STOCK_KINDS.flatMap((kind) => pathsOf({ feed: "sip", kind })),
  ...OPTION_KINDS.flatMap((kind) => pathsOf({ feed: "opra", kind })),
  ...LOCATIONS.flatMap((location): [string, Endpoint][] =>
    // The Go SDK appends only the location to `DATA_CRYPTO_PROXY_WS`.
    ["/v1beta3/crypto", "/crypto", ""].map((base) => [
      `${base}/${location}`,
      { feed: "crypto", kind: "crypto", location },
    ])
  ),
  ...["/v1beta1/crypto-perps", "/crypto-perps", ""].map((base): [string, Endpoint] => [
    `${base}/global`,
    { feed: "crypto", kind: PERPETUALS },
  ]),
  ...pathsOf({ feed: "news", kind: "news" }),
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
