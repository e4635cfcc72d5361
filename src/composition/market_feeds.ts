/**
 * What differs between the feeds that have subscriptions: one entry describes one feed.
 *
 * @module
 */
import type { Channel } from "../application/broadcast/channel.ts";
import type { Channels } from "../application/broadcast/channels.ts";
import type { OrderBooks } from "../application/orderbooks/order_books.ts";
import type { FeedKind, MarketFeedId } from "../domain/connection/feed.ts";
import type { UpstreamChannel } from "../domain/subscription/pairs.ts";
import {
  cryptoFormat,
  type MarketFormat,
  newsFormat,
  optionFormat,
  stockFormat,
} from "../infrastructure/alpaca/market.ts";
import type { Config } from "../infrastructure/config/config.ts";

/** Where the messages of feeds are published. */
interface Sinks {
  readonly channels: Channels;
  readonly orderBooks: OrderBooks;
}

/** Counts the messages of each symbol. */
type MessageCounts = Pick<Channel<unknown>, "messagesOf">;

/** One feed. */
interface MarketFeed {
  readonly kind: (config: Config) => FeedKind;
  readonly url: (config: Config) => string;
  readonly format: (config: Config, sinks: Sinks) => MarketFormat;
  /** The broadcast channels whose messages are counted by symbol, to see whether it is stale. */
  readonly counted: (channels: Channels) => readonly (readonly [UpstreamChannel, MessageCounts])[];
  /** The variable of its address. */
  readonly address: string;
  /** What its plan has to include; absent where every plan includes it. */
  readonly plan?: string;
}

/** Every feed that has subscriptions. */
export const MARKET_FEEDS: Readonly<Record<MarketFeedId, MarketFeed>> = {
  sip: {
    kind: ({ stock }) => stock.kind,
    url: ({ stock }) => stock.url,
    format: (_config, { channels }) =>
      stockFormat({
        quotes: channels.stockQuotes,
        trades: channels.stockTrades,
        bars: channels.stockBars,
        updatedBars: channels.stockUpdatedBars,
        dailyBars: channels.stockDailyBars,
        statuses: channels.tradingStatuses,
        bands: channels.priceBands,
        corrections: channels.tradeCorrections,
        imbalances: channels.imbalances,
      }),
    counted: ({ stockQuotes, stockTrades, stockBars, stockDailyBars }) => [
      ["quotes", stockQuotes],
      ["trades", stockTrades],
      ["bars", stockBars],
      ["dailyBars", stockDailyBars],
    ],
    address: "ALPACA_STOCK_STREAM_URL",
    plan: "ALPACA_FEED",
  },
  opra: {
    kind: ({ option }) => option.kind,
    url: ({ option }) => option.url,
    format: (_config, { channels }) =>
      optionFormat({ quotes: channels.optionQuotes, trades: channels.optionTrades }),
    counted: ({ optionQuotes, optionTrades }) => [
      ["quotes", optionQuotes],
      ["trades", optionTrades],
    ],
    address: "ALPACA_OPTION_STREAM_URL",
    plan: "ALPACA_OPTIONS_FEED",
  },
  crypto: {
    kind: () => "crypto",
    url: ({ crypto }) => crypto.url,
    format: (_config, { channels, orderBooks }) =>
      cryptoFormat({
        quotes: channels.cryptoQuotes,
        trades: channels.cryptoTrades,
        bars: channels.cryptoBars,
        updatedBars: channels.cryptoUpdatedBars,
        dailyBars: channels.cryptoDailyBars,
        orderbooks: orderBooks,
      }),
    counted: ({ cryptoQuotes, cryptoTrades, cryptoBars, cryptoDailyBars, orderbooks }) => [
      ["quotes", cryptoQuotes],
      ["trades", cryptoTrades],
      ["bars", cryptoBars],
      ["dailyBars", cryptoDailyBars],
      ["orderbooks", orderbooks],
    ],
    address: "ALPACA_CRYPTO_STREAM_URL",
  },
  news: {
    kind: () => "news",
    url: ({ news }) => news.url,
    format: ({ news }, { channels }) => newsFormat(channels.news, news.maxBytes),
    // Any symbol may have no article for days.
    counted: () => [],
    address: "ALPACA_NEWS_STREAM_URL",
  },
};

/** Their ids. */
export const MARKET_FEED_IDS: readonly MarketFeedId[] = Object.keys(MARKET_FEEDS) as MarketFeedId[];
