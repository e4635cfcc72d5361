/**
 * Makes what belongs to one feed: its connector, its subscriptions and the loop
 * that follows it. For options also the expansion of underlyings.
 *
 * @module
 */
import type { Channels } from "../application/broadcast/channels.ts";
import type { QueueMemory } from "../application/broadcast/queue_memory.ts";
import { FeedFreshness } from "../application/feeds/feed_freshness.ts";
import { FeedLink, type FeedLinkOptions } from "../application/feeds/feed_link.ts";
import { SubscriptionManager } from "../application/feeds/subscription_manager.ts";
import type { OrderBooks } from "../application/orderbooks/order_books.ts";
import { OrderJournal } from "../application/orders/order_journal.ts";
import { MessageRelay } from "../application/relay/message_relay.ts";
import type { MessageFormat } from "../application/relay/relayed_message.ts";
import { TradeUpdatesSubscription } from "../application/feeds/upstream_subscriptions.ts";
import { contractEnds } from "../application/options/contract_ends.ts";
import { type ExpansionOptions, Expansions } from "../application/options/expansions.ts";
import type { FeedConnector } from "../application/ports/feed_connector.ts";
import type { MarketData } from "../application/ports/market_data.ts";
import type { OrderStore } from "../application/ports/order_store.ts";
import type { UpstreamTap } from "../application/ports/upstream_tap.ts";
import {
  deliveriesMade,
  messagesReceived,
  type MessageType,
  type ProxyCounters,
} from "../application/status/counters.ts";
import type { UpstreamEvents } from "../application/streaming/upstream_events.ts";
import { delayOf, type MarketCalendar } from "../domain/calendar/market_calendar.ts";
import type { UnderlyingDirectory } from "../domain/options/underlying_directory.ts";
import type { PolicyIdentity } from "../domain/access/policy.ts";
import {
  type FeedId,
  type FeedKind,
  FEEDS,
  type MarketFeedId,
  perFeed,
} from "../domain/connection/feed.ts";
import { RELAY_OF_FEED } from "../domain/market/channels.ts";
import { type UpstreamChannel, WILDCARD } from "../domain/subscription/pairs.ts";
import { planLimit } from "../domain/subscription/quota.ts";
import { createSubscriptions, type Subscriptions } from "../domain/subscription/reconciler.ts";
import type { Hub } from "./edge.ts";
import {
  receiveMarketFrames,
  receiveTradingFrames,
} from "../infrastructure/alpaca/forwarded_frames.ts";
import { createMarketConnector } from "../infrastructure/alpaca/market.ts";
import { RawFrames } from "../infrastructure/alpaca/raw/raw_frames.ts";
import { SESSION_DEADLINES } from "../infrastructure/alpaca/session.ts";
import { createTradingConnector } from "../infrastructure/alpaca/trading.ts";
import type { UpstreamProxy } from "../infrastructure/alpaca/tunnel_agent.ts";
import { RestMarketData } from "../infrastructure/alpaca/rest/market_data.ts";
import { RestOrderHistory } from "../infrastructure/alpaca/rest/order_history.ts";
import { AlpacaCatalog } from "../infrastructure/alpaca/rest/option_catalog.ts";
import type { ApiHosts } from "../infrastructure/alpaca/rest/responses.ts";
import { RateShare } from "../infrastructure/alpaca/rest/rate_share.ts";
import { RestClient } from "../infrastructure/alpaca/rest/rest_client.ts";
import {
  type Config,
  type KeyPair,
  requireCredentials,
  secretsOf,
} from "../infrastructure/config/config.ts";
import { redact } from "../infrastructure/logging/redaction.ts";
import type { Dependencies } from "./dependencies.ts";
import { MARKET_FEED_IDS, MARKET_FEEDS } from "./market_feeds.ts";

/** The enabled feeds. */
interface Feeds {
  readonly links: Partial<Record<FeedId, FeedLink>>;
  /** Subscriptions of the market data feeds. */
  readonly managers: Partial<Record<MarketFeedId, SubscriptionManager>>;
  /** Whether the data of each feed is current. */
  readonly freshness: Partial<Record<FeedId, FeedFreshness>>;
}

/** Distributes the messages of the market data feeds as Alpaca sent them. */
type Relays = Readonly<Record<MarketFeedId, MessageRelay>>;

/** How the frames of each feed are encoded. */
export const FRAME_FORMATS: Readonly<Record<FeedId, MessageFormat>> = {
  sip: "json",
  opra: "msgpack",
  trading: "json",
  crypto: "json",
  news: "json",
};

/** Whether the WebSocket API is served. */
export function servesWebSocket({ websocket: { port, isEphemeral } }: Config): boolean {
  return port > 0 || isEphemeral === true;
}

/** Makes the relays; `undefined` while the WebSocket API is not served. */
export function buildRelays(
  config: Config,
  { counters, memory, orderBooks }: Pick<FeedDependencies, "counters" | "orderBooks"> & {
    readonly memory: QueueMemory;
  },
): Relays | undefined {
  if (!servesWebSocket(config)) return undefined;
  const { capacity } = config.websocket;
  const relays = MARKET_FEED_IDS.map((feed) => [
    feed,
    new MessageRelay({
      format: FRAME_FORMATS[feed],
      capacity,
      memory,
      counters: counters.relays[RELAY_OF_FEED[feed]],
      orderBooks: feed === "crypto" ? orderBooks : undefined,
    }),
  ]);
  return Object.fromEntries(relays) as Relays;
}

/** What every feed shares. */
type FeedDependencies = Dependencies & {
  readonly channels: Channels;
  readonly counters: ProxyCounters;
  readonly calendar: MarketCalendar;
  /** Resolves contracts to underlyings. */
  readonly directory: UnderlyingDirectory;
  /** Whether messages that a feed missed are being fetched. @default never */
  readonly isBackfilling?: (feed: FeedId) => boolean;
  /** Receives what changes upstream. */
  readonly events: UpstreamEvents;
  /** Distributes messages as Alpaca sent them; absent where that is not served. */
  readonly relays?: Relays | undefined;
  /** Keeps the order books of the crypto feed. */
  readonly orderBooks: OrderBooks;
  /** Completes order updates; `undefined` while the trading feed is disabled. */
  readonly journal: OrderJournal | undefined;
  /** Where the data comes from. @default sessions with Alpaca */
  readonly hub?: Hub | undefined;
  /** Fires when another process may open sessions, so that these end now. @default never */
  readonly revoked?: AbortSignal | undefined;
  /** Where frames and sessions are passed on to. @default nowhere */
  readonly tapOf?: ((feed: FeedId) => UpstreamTap | undefined) | undefined;
};

/** What each feed carries according to the settings. */
export function feedKinds(config: Config): Readonly<Record<FeedId, FeedKind>> {
  return perFeed((feed) => feed === "trading" ? "trade_updates" : MARKET_FEEDS[feed].kind(config));
}

/** Makes the feeds that the settings enable; nothing is dialed yet. */
export function buildFeeds(config: Config, deps: FeedDependencies): Feeds {
  const links: Partial<Record<FeedId, FeedLink>> = {};
  const managers: Partial<Record<MarketFeedId, SubscriptionManager>> = {};
  const freshness: Partial<Record<FeedId, FeedFreshness>> = {};
  const clean = redact(secretsOf(config).map((secret) => secret.reveal()));
  for (const feed of FEEDS) {
    if (!config.feeds.has(feed)) continue;
    const own = { ...deps, feed, log: deps.log.with({ feed }), tap: deps.tapOf?.(feed) };
    const market = feed === "trading" ? undefined : marketSubscriptions(config, { ...own, feed });
    if (feed !== "trading" && market) managers[feed] = market.manager;
    const subscriptions = market?.manager ??
      new TradeUpdatesSubscription(journaled(deps.events, deps.journal));
    const counted = new Map(
      feed === "trading" ? [] : MARKET_FEEDS[feed].counted(deps.channels),
    );
    const kind = feedKinds(config)[feed];
    const counters = deps.counters.feeds[feed];
    const link = links[feed] = new FeedLink({
      ...own,
      kind,
      connector: deps.hub
        ? hubConnector(config, { ...own, hub: deps.hub })
        : feed === "trading"
        ? tradingConnector(config, own)
        : marketConnector(config, { ...own, feed, redact: clean }),
      subscriptions,
      counters,
      redact: clean,
      heartbeat: config.heartbeat,
      reconnect: config.reconnect,
      remedies: REMEDIES[feed],
      ...deps.hub?.links,
      onStateChange: () => freshness[feed]?.linkChanged(),
    });
    freshness[feed] = new FeedFreshness({
      ...own,
      kind,
      link,
      upstream: subscriptions,
      market: market && {
        subscriptions: market.subscriptions,
        messagesOf: ({ channel, symbol }) =>
          symbol === WILDCARD
            ? counters.received[MESSAGE_TYPE_OF[channel]]
            : counted.get(channel)?.messagesOf(symbol),
      },
      messages: () => messagesReceived(counters),
      isBackfilling: () => deps.isBackfilling?.(feed) ?? false,
      onChange: (...change) => deps.events.freshness(...change),
    });
  }
  return { links, managers, freshness };
}

/** Reports the session of the trading stream to the journal, which reports it to streams. */
function journaled(
  events: UpstreamEvents,
  journal: OrderJournal | undefined,
): Pick<UpstreamEvents, "carried" | "notCarried"> {
  if (!journal) return events;
  return {
    carried: () => journal.carried(),
    notCarried: (_pairs, reason) => journal.notCarried(reason),
  };
}

/** Makes what completes the order updates. */
export function buildOrderJournal(
  config: Config,
  deps: Omit<FeedDependencies, "journal"> & { readonly orderStore: OrderStore | undefined },
  { trading }: ApiHosts,
): OrderJournal | undefined {
  if (!config.feeds.has("trading")) return undefined;
  const { intervalMs, timeoutMs } = config.heartbeat;
  return new OrderJournal({
    channel: deps.channels.orderUpdates,
    capacity: config.limits.orderJournalUpdates,
    history: new RestOrderHistory(trading, { keepsSource: servesWebSocket(config) }),
    store: deps.orderStore,
    maxSilenceMs: intervalMs + timeoutMs,
    clock: deps.clock,
    log: deps.log.with({ feed: "trading" }),
    counters: deps.counters.orders,
  });
}

/** The messages of all symbols of an upstream channel. */
const MESSAGE_TYPE_OF: Readonly<Record<UpstreamChannel, MessageType>> = {
  quotes: "quote",
  trades: "trade",
  bars: "bar",
  updatedBars: "updated_bar",
  dailyBars: "daily_bar",
  statuses: "status",
  lulds: "luld",
  imbalances: "imbalance",
  orderbooks: "orderbook",
  news: "article",
};

function marketSubscriptions(
  config: Config,
  deps: FeedDependencies & { readonly feed: MarketFeedId },
): { readonly subscriptions: Subscriptions; readonly manager: SubscriptionManager } {
  const { feed, clock, counters, calendar, directory } = deps;
  const { plan, counting, chunks, graceMs } = config.subscriptions;
  const subscriptions = createSubscriptions({
    plan: planLimit(plan, { feed, counting }),
    limits: chunks,
    graceMs,
    now: () => clock.monotonic(),
    reserved: config.access && reservationsOf(config.access.identities, feed),
  });
  const manager = new SubscriptionManager({
    ...deps,
    subscriptions,
    replyTimeoutMs: SESSION_DEADLINES.replyMs,
    onRejection: () => counters.feeds[feed].errors.upstream_error++,
    ...(feed === "opra" && {
      endOf: contractEnds({ directory, calendar, delayMs: delayOf(feedKinds(config).opra) }),
    }),
  });
  return { subscriptions, manager };
}

/**
 * Slots that are reserved on a feed, by identity. Metrics name these identities, so it has only
 * those whose role limits their slots.
 */
function reservationsOf(
  identities: readonly PolicyIdentity[],
  feed: MarketFeedId,
): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const { name, grants: { limits: { reservedSlots, maxShare } } } of identities) {
    const slots = reservedSlots?.[feed] ?? 0;
    if (slots > 0 || maxShare !== undefined) found.set(name, slots);
  }
  return found;
}

/** Opens sessions with a hub. */
function hubConnector(
  config: Config,
  deps: FeedDependencies & { readonly feed: FeedId; readonly hub: Hub },
): FeedConnector {
  const { feed, hub, counters, orderBooks } = deps;
  const own = { ...deps, counters: counters.feeds[feed] };
  return hub.connector({
    feed,
    kind: feedKinds(config)[feed],
    needsBook: feed === "crypto" ? (symbol) => !orderBooks.has(symbol) : undefined,
    deliveries: feed === "trading" ? undefined : () => deliveriesMade(counters),
    receiver: feed === "trading"
      ? receiveTradingFrames({ ...own, ...orderSink(config, deps) })
      : receiveMarketFrames({ ...own, ...marketSinks(config, { ...deps, feed }) }),
  });
}

/** How the frames of a market data feed are decoded, and where they are passed on. */
function marketSinks(config: Config, deps: FeedDependencies & { readonly feed: MarketFeedId }) {
  const { feed, relays } = deps;
  return {
    format: MARKET_FEEDS[feed].format(config, deps),
    raw: relays && new RawFrames(FRAME_FORMATS[feed], relays[feed]),
  };
}

/** Where order updates are published. */
function orderSink(config: Config, { journal, channels }: FeedDependencies) {
  return { sink: journal ?? channels.orderUpdates, keepsSource: servesWebSocket(config) };
}

function marketConnector(
  config: Config,
  deps: FeedDependencies & {
    readonly feed: MarketFeedId;
    readonly redact: (text: string) => string;
  },
): FeedConnector {
  const { feed, counters } = deps;
  return createMarketConnector({
    ...deps,
    ...marketSinks(config, deps),
    url: MARKET_FEEDS[feed].url(config),
    proxy: upstreamProxy(config),
    credentials: () => reveal(requireCredentials(config).data),
    deliveries: () => deliveriesMade(counters),
    counters: counters.feeds[feed],
    deadlines: SESSION_DEADLINES,
  });
}

function upstreamProxy({ httpsProxy, noProxy }: Config): UpstreamProxy | undefined {
  return httpsProxy === "" ? undefined : { url: httpsProxy, exceptions: noProxy };
}

function tradingConnector(config: Config, deps: FeedDependencies): FeedConnector {
  return createTradingConnector({
    ...deps,
    ...orderSink(config, deps),
    url: config.trading.url,
    proxy: upstreamProxy(config),
    credentials: () => reveal(requireCredentials(config).trading),
    counters: deps.counters.feeds.trading,
    deadlines: SESSION_DEADLINES,
  });
}

const DATA_KEY = "Check ALPACA_KEY and ALPACA_SECRET (or ALPACA_DATA_KEY and ALPACA_DATA_SECRET)";

/** What an operator can do, per feed and kind of failure. */
const REMEDIES: Readonly<Record<FeedId, FeedLinkOptions["remedies"]>> = perFeed((feed) => {
  if (feed === "trading") {
    return remedies(
      "Check ALPACA_KEY and ALPACA_SECRET, and that CREAM_ENV matches their account",
      "ALPACA_TRADING_STREAM_URL",
    );
  }
  const { plan, address } = MARKET_FEEDS[feed];
  return remedies(plan ? `${DATA_KEY}, and that the plan includes ${plan}` : DATA_KEY, address);
});

/** `address` is the variable of the feed's address. */
function remedies(auth: string, address: string): FeedLinkOptions["remedies"] {
  const temporary = `If this persists, check the network and ${address}`;
  return {
    auth,
    connection_limit: "Alpaca allows one session per account: close the other one, or wait about " +
      "90 s for a dead one to expire",
    dial: temporary,
    timeout: temporary,
    heartbeat: temporary,
    closed: temporary,
    upstream_error: temporary,
  };
}

function reveal(pair: KeyPair): { key: string; secret: string } {
  return { key: pair.key.reveal(), secret: pair.secret.reveal() };
}

/** Chains kept in memory; one has about 0.4 MB, that of SPX ten times as much. */
const MAX_CHAINS = 128;

/** Makes the clients of the REST API; each sends one request at a time. */
export function buildRestHosts(
  config: Config,
  { clock, log, counters }: Pick<FeedDependencies, "clock" | "log" | "counters">,
): ApiHosts {
  const { trading, data } = requireCredentials(config);
  const share = new RateShare(clock);
  const client = (pair: KeyPair) =>
    new RestClient({ clock, log, share, counters: counters.rest, credentials: () => reveal(pair) });
  return {
    trading: { client: client(trading), url: config.trading.apiUrl },
    data: { client: client(data), url: config.dataApiUrl },
  };
}

/** The market data of the followed feeds. */
export function buildMarketData(config: Config, { data }: ApiHosts): MarketData {
  return new RestMarketData({
    data,
    stockFeed: stockFeedOf(config),
    optionFeed: config.option.kind,
  });
}

/** The test stream has no real symbols. */
function stockFeedOf({ stock: { kind } }: Config): string | undefined {
  return kind === "test" ? undefined : kind;
}

/** Makes the expansion of underlyings; nothing is looked up yet. */
export function buildExpansions(
  config: Config,
  deps: Omit<ExpansionOptions, "catalog" | "settings"> & {
    readonly hosts: ApiHosts;
    /** Most contracts that may be chosen for all underlyings together. */
    readonly maxContracts: () => number;
  },
): Expansions {
  const { maxContracts, hosts, ...rest } = deps;
  const { chains, selection, priceIntervalMs } = config.options;
  const catalog = new AlpacaCatalog({
    ...hosts,
    stockFeed: config.stock.kind,
    optionFeed: config.option.kind,
  });
  return new Expansions({
    ...rest,
    catalog: chains ? catalog : undefined,
    settings: { selection, priceIntervalMs, maxChains: MAX_CHAINS, maxContracts },
  });
}
