/**
 * Makes what belongs to one feed: its connector, its subscriptions and the loop
 * that follows it. For options also the expansion of underlyings.
 *
 * @module
 */
import type { Channels } from "./application/broadcast/channels.ts";
import { FeedLink, type FeedLinkParts } from "./application/feeds/feed_link.ts";
import {
  SubscriptionManager,
  type SubscriptionSink,
} from "./application/feeds/subscription_manager.ts";
import {
  TradeUpdatesSubscription,
  type UpstreamSubscriptions,
} from "./application/feeds/upstream_subscriptions.ts";
import { Expansions } from "./application/options/expansions.ts";
import type { Clock } from "./application/ports/clock.ts";
import type { FeedConnector } from "./application/ports/feed_connector.ts";
import type { Log } from "./application/ports/log.ts";
import type { Tracing } from "./application/ports/tracing.ts";
import { deliveriesMade, type ProxyCounters } from "./application/status/counters.ts";
import type { FeedId, FeedKind } from "./domain/connection/feed.ts";
import type { UnderlyingDirectory } from "./domain/options/underlying_directory.ts";
import { planLimit } from "./domain/subscription/quota.ts";
import { createSubscriptions } from "./domain/subscription/reconciler.ts";
import type { UpstreamChannel } from "./domain/subscription/pairs.ts";
import {
  FrameDecoder,
  type MarketFormat,
  optionFormat,
  stockFormat,
} from "./infrastructure/alpaca/decode.ts";
import { MarketConnector } from "./infrastructure/alpaca/market.ts";
import { SESSION_DEADLINES } from "./infrastructure/alpaca/session.ts";
import { TradingConnector, TradingDecoder } from "./infrastructure/alpaca/trading.ts";
import { AlpacaCatalog } from "./infrastructure/catalog/alpaca_catalog.ts";
import { RestClient } from "./infrastructure/catalog/rest_client.ts";
import { type Config, type KeyPair, secretsOf } from "./infrastructure/config/config.ts";
import { redact } from "./infrastructure/logging/redaction.ts";

/** Ports that every part receives; a library user may replace each. */
export interface Dependencies {
  /** Time source. @default the system clock */
  readonly clock: Clock;
  /** Numbers in [0, 1), for jitter. @default `Math.random` */
  readonly random: () => number;
  /** Log. @default JSON lines on stdout */
  readonly log: Log;
  /** Traces of sessions and requests. @default OpenTelemetry */
  readonly tracing: Tracing;
}

/** What every feed shares. */
interface Shared extends Dependencies {
  readonly config: Config;
  readonly channels: Channels;
  readonly counters: ProxyCounters;
}

/** The enabled feeds. */
export interface Feeds {
  readonly links: Readonly<Partial<Record<FeedId, FeedLink>>>;
  /** Subscriptions of the market data feeds. */
  readonly managers: Readonly<
    Partial<Record<MarketFeedId, SubscriptionManager>>
  >;
}

/** What each feed carries according to the settings. */
export function feedKinds(config: Config): Readonly<Record<FeedId, FeedKind>> {
  return {
    sip: config.stock.kind,
    opra: config.option.kind,
    trading: "trade_updates",
  };
}

/** Makes the feeds that the settings enable; nothing is dialed yet. */
export function buildFeeds(
  config: Config,
  deps: Omit<Shared, "config">,
): Feeds {
  const shared = { ...deps, config };
  const { feeds } = config;
  const sip = feeds.has("sip") ? stockFeed(shared) : undefined;
  const opra = feeds.has("opra") ? optionFeed(shared) : undefined;
  const trading = feeds.has("trading") ? tradingFeed(shared) : undefined;
  return {
    links: {
      ...(sip && { sip: sip.link }),
      ...(opra && { opra: opra.link }),
      ...(trading && { trading }),
    },
    managers: {
      ...(sip && { sip: sip.manager }),
      ...(opra && { opra: opra.manager }),
    },
  };
}

function stockFeed(shared: Shared): MarketParts {
  const { config, channels, counters } = shared;
  return marketFeed(shared, {
    feed: "sip",
    url: config.stock.url,
    channels: ["trades", "quotes", "bars"],
    format: stockFormat({
      quotes: channels.stockQuotes,
      trades: channels.stockTrades,
      bars: channels.stockBars,
    }, counters.feeds.sip.received),
  });
}

function optionFeed(shared: Shared): MarketParts {
  const { config, channels, counters } = shared;
  return marketFeed(shared, {
    feed: "opra",
    url: config.option.url,
    channels: ["trades", "quotes"],
    format: optionFormat({
      quotes: channels.optionQuotes,
      trades: channels.optionTrades,
    }, counters.feeds.opra.received),
  });
}

function tradingFeed(shared: Shared): FeedLink {
  const { config, channels, counters, clock } = shared;
  const log = shared.log.with({ feed: "trading" });
  const connector = new TradingConnector({
    url: config.trading.url,
    decoder: new TradingDecoder({
      sink: channels.orderUpdates,
      counters: counters.feeds.trading,
      clock,
      log,
    }),
    credentials: () => reveal(config.credentials.trading),
    clock,
    deadlines: SESSION_DEADLINES,
  });
  const subscriptions = new TradeUpdatesSubscription();
  return feedLink(shared, { feed: "trading", connector, subscriptions });
}

type MarketFeedId = Exclude<FeedId, "trading">;

/** What differs between the market data feeds. */
interface MarketFeed {
  readonly feed: MarketFeedId;
  readonly url: string;
  readonly channels: readonly UpstreamChannel[];
  readonly format: MarketFormat;
}

function marketFeed(shared: Shared, market: MarketFeed): MarketParts {
  const { config, counters, clock, tracing } = shared;
  const { feed, url, channels, format } = market;
  const log = shared.log.with({ feed });
  const connector = new MarketConnector({
    url,
    codec: format.codec,
    decoder: new FrameDecoder({
      format,
      counters: counters.feeds[feed],
      clock,
      log,
    }),
    credentials: () => reveal(config.credentials.data),
    channels,
    deliveries: () => deliveriesMade(counters),
    clock,
    deadlines: SESSION_DEADLINES,
  });
  const { plan, counting, chunks, graceMs } = config.subscriptions;
  const manager = new SubscriptionManager({
    feed,
    subscriptions: createSubscriptions({
      plan: planLimit(plan, { feed, counting }),
      limits: chunks,
      graceMs,
      now: () => clock.monotonic(),
    }),
    replyTimeoutMs: SESSION_DEADLINES.replyMs,
    clock,
    log,
    tracing,
    onRejection: () => counters.feeds[feed].errors.upstream_error++,
  });
  const link = feedLink(shared, { feed, connector, subscriptions: manager });
  return { link, manager };
}

/** The parts of one market data feed. */
interface MarketParts {
  readonly link: FeedLink;
  readonly manager: SubscriptionManager;
}

const ONE_SESSION = "Alpaca allows one session per account: close the other one, or wait about " +
  "90 s for a dead one to expire";

/** Remedies of failures that are usually temporary. */
function temporary(variable: string): FeedLinkParts["remedies"] {
  const remedy = `If this persists, check the network and ${variable}`;
  return {
    dial: remedy,
    timeout: remedy,
    heartbeat: remedy,
    closed: remedy,
    upstream_error: remedy,
  };
}

const DATA_KEY = "Check ALPACA_KEY and ALPACA_SECRET (or ALPACA_DATA_KEY and ALPACA_DATA_SECRET)";

/** What an operator can do, per feed and kind of failure. */
const REMEDIES: Readonly<Record<FeedId, FeedLinkParts["remedies"]>> = {
  sip: {
    auth: `${DATA_KEY}, and that the plan includes ALPACA_FEED`,
    connection_limit: ONE_SESSION,
    ...temporary("ALPACA_STOCK_STREAM_URL"),
  },
  opra: {
    auth: `${DATA_KEY}, and that the plan includes ALPACA_OPTIONS_FEED`,
    connection_limit: ONE_SESSION,
    ...temporary("ALPACA_OPTION_STREAM_URL"),
  },
  trading: {
    auth: "Check ALPACA_KEY and ALPACA_SECRET, and that CREAM_ENV matches their account",
    connection_limit: ONE_SESSION,
    ...temporary("ALPACA_TRADING_STREAM_URL"),
  },
};

function feedLink(
  shared: Shared,
  parts: {
    readonly feed: FeedId;
    readonly connector: FeedConnector;
    readonly subscriptions: UpstreamSubscriptions;
  },
): FeedLink {
  const { config, counters, clock, random, tracing } = shared;
  const { feed, connector, subscriptions } = parts;
  return new FeedLink({
    feed,
    kind: feedKinds(config)[feed],
    connector,
    subscriptions,
    counters: counters.feeds[feed],
    clock,
    random,
    log: shared.log.with({ feed }),
    tracing,
    redact: redact(secretsOf(config).map((secret) => secret.reveal())),
    heartbeat: config.heartbeat,
    reconnect: config.reconnect,
    remedies: REMEDIES[feed],
  });
}

function reveal(pair: KeyPair): { key: string; secret: string } {
  return { key: pair.key.reveal(), secret: pair.secret.reveal() };
}

/** Chains kept in memory; one has about 0.4 MB, that of SPX ten times as much. */
const MAX_CHAINS = 128;

/** Makes the expansion of underlyings; nothing is looked up yet. */
export function buildExpansions(
  config: Config,
  deps: {
    readonly sink: SubscriptionSink;
    readonly directory: UnderlyingDirectory;
    readonly clock: Clock;
    readonly log: Log;
    /** Most contracts that may be chosen for all underlyings together. */
    readonly maxContracts: () => number;
  },
): Expansions {
  const { maxContracts, ...rest } = deps;
  const { chains, selection, priceIntervalMs } = config.options;
  return new Expansions({
    ...rest,
    catalog: chains ? catalogOf(config, deps) : undefined,
    settings: {
      selection,
      priceIntervalMs,
      maxChains: MAX_CHAINS,
      maxContracts,
    },
  });
}

function catalogOf(
  config: Config,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): AlpacaCatalog {
  const { trading, data } = config.credentials;
  const client = (pair: KeyPair) => new RestClient({ clock, log, credentials: () => reveal(pair) });
  const { kind } = config.stock;
  return new AlpacaCatalog({
    trading: { client: client(trading), url: config.trading.apiUrl },
    data: { client: client(data), url: config.dataApiUrl },
    // The test stream has no prices of real underlyings.
    stockFeed: kind === "test" ? undefined : kind,
    optionFeed: config.option.kind,
  });
}
