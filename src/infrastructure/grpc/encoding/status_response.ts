/**
 * Encodes the response of `GetConnectionStatus`.
 *
 * @module
 */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type {
  FeedStatus,
  FreshnessReport,
  ProxyStatus,
} from "../../../application/status/status.ts";
import type {
  ExpansionReport,
  FeedSubscriptions,
  PriceSource,
  SymbolState as DomainSymbolState,
} from "../../../application/status/reports.ts";
import {
  BASE_FEEDS,
  type Environment as DomainEnvironment,
  type FeedKind,
} from "../../../domain/connection/feed.ts";
import type { LinkState } from "../../../domain/connection/link.ts";
import type { Freshness as DomainFreshness } from "../../../domain/market/notices.ts";
import { Environment } from "../../../gen/cream/v1/common_pb.ts";
import {
  ConnectionState,
  ExpansionState,
  type FeedStatusSchema,
  type FeedSubscriptionsSchema,
  FeedType,
  Freshness,
  GetConnectionStatusResponseSchema,
  type OptionExpansionSchema,
  SymbolState,
  UnderlyingPriceSource,
} from "../../../gen/cream/v1/stream_proxy_pb.ts";

/** Schema values of the upstream feeds. */
export const FEED_TYPES: Readonly<Record<FeedKind, FeedType>> = {
  sip: FeedType.SIP,
  iex: FeedType.IEX,
  opra: FeedType.OPRA,
  indicative: FeedType.INDICATIVE,
  trade_updates: FeedType.TRADE_UPDATES,
  delayed_sip: FeedType.DELAYED_SIP,
  boats: FeedType.BOATS,
  overnight: FeedType.OVERNIGHT,
  test: FeedType.TEST,
  crypto: FeedType.CRYPTO,
  news: FeedType.NEWS,
};

/** Schema values of the session states. */
export const STATES: Readonly<Record<LinkState, ConnectionState>> = {
  disconnected: ConnectionState.DISCONNECTED,
  connecting: ConnectionState.CONNECTING,
  authenticating: ConnectionState.AUTHENTICATING,
  connected: ConnectionState.CONNECTED,
  reconnecting: ConnectionState.RECONNECTING,
  error: ConnectionState.ERROR,
};

/** Schema values of the environments. */
const ENVIRONMENTS: Readonly<Record<DomainEnvironment, Environment>> = {
  PAPER: Environment.PAPER,
  LIVE: Environment.LIVE,
};

/** Schema values of the states of a symbol. */
export const SYMBOL_STATES: Readonly<Record<DomainSymbolState, SymbolState>> = {
  acknowledged: SymbolState.ACKNOWLEDGED,
  requested: SymbolState.REQUESTED,
  waiting: SymbolState.WAITING,
  rejected: SymbolState.REFUSED,
  lingering: SymbolState.LINGERING,
};

/** Schema values of the states of an expansion. */
export const EXPANSION_STATES: Readonly<
  Record<ExpansionReport["state"], ExpansionState>
> = {
  loading: ExpansionState.LOADING,
  ready: ExpansionState.READY,
  off: ExpansionState.OFF,
};

/** Schema values of the sources of an underlying's price. */
const PRICE_SOURCES: Readonly<Record<PriceSource, UnderlyingPriceSource>> = {
  trade: UnderlyingPriceSource.TRADE,
  parity: UnderlyingPriceSource.PARITY,
  guess: UnderlyingPriceSource.OPEN_INTEREST,
};

/** Schema values of the freshness of a feed. */
export const FRESHNESS: Readonly<Record<DomainFreshness, Freshness>> = {
  live: Freshness.LIVE,
  stale: Freshness.STALE,
  recovering: Freshness.RECOVERING,
  closed: Freshness.CLOSED,
};

/** Returns the message of a wall clock time in ms; fractions are cut off. */
function timeOf(ms: number): Timestamp {
  return timestampFromMs(Math.floor(ms));
}

function subscriptionsOf(
  { channels, quota, expansions }: FeedSubscriptions,
): MessageInitShape<typeof FeedSubscriptionsSchema> {
  const { limit, learned, used } = quota;
  return {
    channels: channels.map(({ channel, symbols, unfiltered }) => ({
      channel,
      symbols: symbols.map(({ symbol, state, streams, reason, isStale = false }) => ({
        symbol,
        state: SYMBOL_STATES[state],
        streams,
        stale: isStale,
        ...(reason !== undefined && { reason }),
      })),
      unfilteredStreams: unfiltered,
    })),
    budget: { ...(limit !== undefined && { limit }), learned, used },
    expansions: expansions.map(expansionOf),
  };
}

function expansionOf(
  { underlying, channel, streams, contracts, wanted, ...report }: ExpansionReport,
): MessageInitShape<typeof OptionExpansionSchema> {
  const { state, reason, centre, selected, priceSource, pricedAt } = report;
  return {
    underlying,
    channel,
    streams,
    contracts,
    wanted,
    state: EXPANSION_STATES[state],
    selected: [...selected].sort(),
    ...(reason !== undefined && { reason }),
    ...(centre !== undefined && { centre }),
    ...(priceSource !== undefined && { priceSource: PRICE_SOURCES[priceSource] }),
    ...(pricedAt !== undefined && { priceTime: timeOf(pricedAt) }),
  };
}

function freshnessOf({ notice, staleSymbols }: FreshnessReport) {
  const { freshness, since, reason } = notice;
  return {
    freshness: { freshness: FRESHNESS[freshness], since: timeOf(since), reason },
    staleSymbols,
  };
}

function feedOf(
  feed: FeedStatus,
  details: readonly FeedSubscriptions[] | undefined,
): MessageInitShape<typeof FeedStatusSchema> {
  const { lastConnectedAt, errorMessage, freshness } = feed;
  const subscriptions = details?.find((one) => one.feed === feed.feed);
  return {
    feedType: FEED_TYPES[feed.kind],
    state: STATES[feed.state],
    ...(lastConnectedAt !== undefined && { lastConnectedAt: timeOf(lastConnectedAt) }),
    ...(errorMessage !== undefined && { errorMessage }),
    subscriptionCount: feed.subscriptionCount,
    reconnectAttempts: feed.reconnectAttempts,
    messagesReceived: BigInt(feed.messagesReceived),
    ...(details && freshness && freshnessOf(freshness)),
    ...(subscriptions && { subscriptions: subscriptionsOf(subscriptions) }),
  };
}

/** Whether a feed is one of the three that the base contract has. */
function isBase({ feed }: FeedStatus): boolean {
  return BASE_FEEDS.includes(feed);
}

/**
 * Encodes a `GetConnectionStatusResponse`; `status` is always set.
 *
 * @param subscriptions of feeds, for a client that requests them; the freshness of feeds comes with
 *   them
 */
export function encodeStatus(
  status: ProxyStatus,
  subscriptions?: readonly FeedSubscriptions[],
): Uint8Array {
  return toBinary(
    GetConnectionStatusResponseSchema,
    create(GetConnectionStatusResponseSchema, {
      status: {
        version: status.version,
        startedAt: timeOf(status.startedAt),
        currentTime: timeOf(status.now),
        feeds: status.feeds.filter(isBase).map((feed) => feedOf(feed, subscriptions)),
        clientCount: status.clientCount,
        environment: ENVIRONMENTS[status.environment],
        furtherFeeds: status.feeds.filter((feed) => !isBase(feed))
          .map((feed) => feedOf(feed, subscriptions)),
      },
    }),
  );
}
