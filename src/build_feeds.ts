/**
 * Wires the three feeds: connector, demand and link of each that is enabled.
 *
 * @module
 */
import type { Channels } from "./application/broadcast/channels.ts";
import {
  type FeedDemand,
  TradeUpdatesDemand,
} from "./application/feeds/feed_demand.ts";
import { FeedLink } from "./application/feeds/feed_link.ts";
import { MarketDemand } from "./application/feeds/market_demand.ts";
import type { Clock } from "./application/ports/clock.ts";
import type { FeedConnector } from "./application/ports/feed_connector.ts";
import type { Log } from "./application/ports/log.ts";
import type { Tracing } from "./application/ports/tracing.ts";
import type { ProxyCounters } from "./application/status/counters.ts";
import type { FeedId, FeedKind } from "./domain/connection/feed.ts";
import type { ChunkLimits } from "./domain/subscription/request.ts";
import type { UpstreamChannel } from "./domain/subscription/symbol_sets.ts";
import {
  type ElementHandlers,
  optionHandlers,
  stockHandlers,
} from "./infrastructure/alpaca/element_handlers.ts";
import { FrameDecoder } from "./infrastructure/alpaca/frame_decoder.ts";
import {
  jsonCodec,
  type MarketCodec,
  msgpackCodec,
} from "./infrastructure/alpaca/market_codec.ts";
import { MarketConnector } from "./infrastructure/alpaca/market_session.ts";
import { SESSION_DEADLINES } from "./infrastructure/alpaca/open_session.ts";
import { TradingDecoder } from "./infrastructure/alpaca/trading_decoder.ts";
import { TradingConnector } from "./infrastructure/alpaca/trading_session.ts";
import type { Config, KeyPair } from "./infrastructure/config/config.ts";

/** What every feed shares. */
export interface FeedSurroundings {
  readonly config: Config;
  readonly channels: Channels;
  readonly counters: ProxyCounters;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly tracing: Tracing;
}

/** The enabled feeds. */
export interface Feeds {
  readonly links: Readonly<Partial<Record<FeedId, FeedLink>>>;
  /** Demand of the market data feeds, for streams to tell their interest. */
  readonly desks: Readonly<Partial<Record<FeedId, MarketDemand>>>;
}

/** A wide request is safe at this size: see Alpaca's clients, which chunk too. */
const CHUNKS: ChunkLimits = { maxPairs: 400, maxBytes: 15_000 };

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
  const { config, channels, counters, clock } = around;
  const links: Partial<Record<FeedId, FeedLink>> = {};
  const desks: Partial<Record<FeedId, MarketDemand>> = {};
  if (config.feeds.has("sip")) {
    [links.sip, desks.sip] = marketFeed(around, {
      feed: "sip",
      url: config.stock.url,
      codec: jsonCodec,
      channels: ["trades", "quotes", "bars"],
      handlers: stockHandlers({
        quotes: channels.stockQuotes,
        trades: channels.stockTrades,
        bars: channels.stockBars,
      }),
    });
  }
  if (config.feeds.has("opra")) {
    [links.opra, desks.opra] = marketFeed(around, {
      feed: "opra",
      url: config.option.url,
      codec: msgpackCodec,
      channels: ["trades", "quotes"],
      handlers: optionHandlers({
        quotes: channels.optionQuotes,
        trades: channels.optionTrades,
      }),
    });
  }
  if (config.feeds.has("trading")) {
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
    const demand = new TradeUpdatesDemand();
    links.trading = feedLink(around, { feed: "trading", connector, demand });
  }
  return { links, desks };
}

/** What tells one market data feed from the other. */
interface MarketFeed {
  readonly feed: FeedId;
  readonly url: string;
  readonly codec: MarketCodec;
  readonly channels: readonly UpstreamChannel[];
  readonly handlers: ElementHandlers;
}

function marketFeed(
  around: FeedSurroundings,
  market: MarketFeed,
): [FeedLink, MarketDemand] {
  const { config, counters, clock, tracing } = around;
  const { feed, url, codec, channels, handlers } = market;
  const log = around.log.with({ feed });
  const connector = new MarketConnector({
    url,
    codec,
    decoder: new FrameDecoder({
      codec,
      handlers,
      counters: counters.feeds[feed],
      clock,
      log,
    }),
    credentials: () => reveal(config.credentials.data),
    channels,
    clock,
    deadlines: SESSION_DEADLINES,
  });
  const demand: MarketDemand = new MarketDemand({
    feed,
    limits: CHUNKS,
    answerTimeoutMs: SESSION_DEADLINES.replyMs,
    clock,
    log,
    tracing,
    onRefusal: (text) => {
      counters.feeds[feed].errors.upstream_error++;
      link.reportError(text);
    },
  });
  const link = feedLink(around, { feed, connector, demand });
  return [link, demand];
}

function feedLink(
  around: FeedSurroundings,
  parts: {
    readonly feed: FeedId;
    readonly connector: FeedConnector;
    readonly demand: FeedDemand;
  },
): FeedLink {
  const { config, counters, clock, random, tracing } = around;
  const { feed, connector, demand } = parts;
  return new FeedLink({
    feed,
    kind: feedKinds(config)[feed],
    connector,
    demand,
    counters: counters.feeds[feed],
    clock,
    random,
    log: around.log.with({ feed }),
    tracing,
    heartbeat: config.heartbeat,
    reconnect: config.reconnect,
  });
}

function reveal(pair: KeyPair): { key: string; secret: string } {
  return { key: pair.key.reveal(), secret: pair.secret.reveal() };
}
