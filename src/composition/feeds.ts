/**
 * Wires the enabled feeds: connector, subscriptions and feed loop of each.
 *
 * @module
 */
import type { Channels } from "../application/broadcast/channels.ts";
import {
  FeedLink,
  type FeedLinkParts,
} from "../application/feeds/feed_link.ts";
import { SubscriptionManager } from "../application/feeds/subscription_manager.ts";
import {
  TradeUpdatesSubscription,
  type UpstreamSubscriptions,
} from "../application/feeds/upstream_subscriptions.ts";
import type { FeedConnector } from "../application/ports/feed_connector.ts";
import {
  deliveriesMade,
  type ProxyCounters,
} from "../application/status/counters.ts";
import type { FeedId, FeedKind } from "../domain/connection/feed.ts";
import { planLimit } from "../domain/subscription/plans.ts";
import { createSubscriptions } from "../domain/subscription/reconciler.ts";
import type { UpstreamChannel } from "../domain/subscription/symbol_sets.ts";
import {
  FrameDecoder,
  type MarketFormat,
  optionFormat,
  stockFormat,
} from "../infrastructure/alpaca/decode.ts";
import { MarketConnector } from "../infrastructure/alpaca/market.ts";
import { SESSION_DEADLINES } from "../infrastructure/alpaca/session.ts";
import {
  TradingConnector,
  TradingDecoder,
} from "../infrastructure/alpaca/trading.ts";
import {
  type Config,
  type KeyPair,
  secretsOf,
} from "../infrastructure/config/config.ts";
import { redact } from "../infrastructure/logging/redaction.ts";
import type { Tools } from "./tools.ts";

/** What every feed shares. */
export interface FeedSurroundings extends Tools {
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

/** What each feed carries, by the settings. */
export function feedKinds(config: Config): Readonly<Record<FeedId, FeedKind>> {
  return {
    sip: config.stock.kind,
    opra: config.option.kind,
    trading: "trade_updates",
  };
}

/** Wires the feeds that the settings enable; nothing is dialed yet. */
export function buildFeeds(around: FeedSurroundings): Feeds {
  const { feeds } = around.config;
  const sip = feeds.has("sip") ? stockFeed(around) : undefined;
  const opra = feeds.has("opra") ? optionFeed(around) : undefined;
  const trading = feeds.has("trading") ? tradingFeed(around) : undefined;
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

function stockFeed(around: FeedSurroundings): MarketParts {
  const { config, channels, counters } = around;
  return marketFeed(around, {
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

function optionFeed(around: FeedSurroundings): MarketParts {
  const { config, channels, counters } = around;
  return marketFeed(around, {
    feed: "opra",
    url: config.option.url,
    channels: ["trades", "quotes"],
    format: optionFormat({
      quotes: channels.optionQuotes,
      trades: channels.optionTrades,
    }, counters.feeds.opra.received),
  });
}

function tradingFeed(around: FeedSurroundings): FeedLink {
  const { config, channels, counters, clock } = around;
  const log = around.log.with({ feed: "trading" });
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
  return feedLink(around, { feed: "trading", connector, subscriptions });
}

type MarketFeedId = Exclude<FeedId, "trading">;

/** What tells one market data feed from the other. */
interface MarketFeed {
  readonly feed: MarketFeedId;
  readonly url: string;
  readonly channels: readonly UpstreamChannel[];
  readonly format: MarketFormat;
}

function marketFeed(
  around: FeedSurroundings,
  market: MarketFeed,
): MarketParts {
  const { config, counters, clock, tracing } = around;
  const { feed, url, channels, format } = market;
  const log = around.log.with({ feed });
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
  const link = feedLink(around, { feed, connector, subscriptions: manager });
  return { link, manager };
}

/** What a market data feed is made of. */
interface MarketParts {
  readonly link: FeedLink;
  readonly manager: SubscriptionManager;
}

const GHOST =
  "Another session of this account is open, or a dead one is not forgotten yet (about 90 s); only one may be";

/** Remedies of failures that usually pass by themselves. */
function transient(variable: string): FeedLinkParts["remedies"] {
  const remedy = `If this goes on, check the network and ${variable}`;
  return {
    dial: remedy,
    timeout: remedy,
    heartbeat: remedy,
    closed: remedy,
    upstream_error: remedy,
  };
}

const DATA_KEY =
  "Check ALPACA_KEY and ALPACA_SECRET (or ALPACA_DATA_KEY and ALPACA_DATA_SECRET)";

/** What a person can do, per feed and kind of failure. */
const REMEDIES: Readonly<Record<FeedId, FeedLinkParts["remedies"]>> = {
  sip: {
    auth: `${DATA_KEY}, and that the plan has ALPACA_FEED`,
    connection_limit: GHOST,
    ...transient("ALPACA_STOCK_STREAM_URL"),
  },
  opra: {
    auth: `${DATA_KEY}, and that the plan has ALPACA_OPTIONS_FEED`,
    connection_limit: GHOST,
    ...transient("ALPACA_OPTION_STREAM_URL"),
  },
  trading: {
    auth:
      "Check ALPACA_KEY and ALPACA_SECRET, and that CREAM_ENV says what they are for",
    connection_limit: GHOST,
    ...transient("ALPACA_TRADING_STREAM_URL"),
  },
};

function feedLink(
  around: FeedSurroundings,
  parts: {
    readonly feed: FeedId;
    readonly connector: FeedConnector;
    readonly subscriptions: UpstreamSubscriptions;
  },
): FeedLink {
  const { config, counters, clock, random, tracing } = around;
  const { feed, connector, subscriptions } = parts;
  return new FeedLink({
    feed,
    kind: feedKinds(config)[feed],
    connector,
    subscriptions,
    counters: counters.feeds[feed],
    clock,
    random,
    log: around.log.with({ feed }),
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
