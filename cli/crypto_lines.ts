/**
 * Formats messages of crypto and news as parts of a line.
 *
 * @module
 */
import type {
  CryptoBar,
  CryptoQuote,
  CryptoTrade,
  NewsArticle,
  Orderbook,
} from "../src/gen/cream/v1/stream_proxy_pb.ts";
import type { ChannelName } from "../src/domain/market/channels.ts";
import { type Colors, grouped } from "./text.ts";

/** Columns of a pair, a size, a price. */
const PAIR = 9;
const SIZE = 14;
const PRICE = 12;

/** A number in all its digits. */
const NUMBER = new Intl.NumberFormat("en-US", { maximumFractionDigits: 20, useGrouping: false });
const right = (value: number, width: number) => NUMBER.format(value).padStart(width);

/** Messages that this module formats. */
export type CryptoMessage = CryptoQuote | CryptoTrade | CryptoBar | Orderbook | NewsArticle;

const BAR_TITLES: readonly string[] = [
  "PAIR".padEnd(PAIR),
  ["OPEN", "HIGH", "LOW", "CLOSE"].map((name) => name.padStart(PRICE)).join(" "),
  `${"VOLUME".padStart(SIZE)}  ${"TRADES".padStart(7)} ${"VWAP".padStart(PRICE)}`,
];

/** Column titles after the time. */
export const CRYPTO_TITLES = {
  cryptoQuotes: [
    "PAIR".padEnd(PAIR),
    `${"SIZE".padStart(SIZE)} × ${"BID".padStart(PRICE)} ${"ASK".padStart(PRICE)} × SIZE`,
  ],
  cryptoTrades: [
    "PAIR".padEnd(PAIR),
    `${"PRICE".padStart(PRICE)} × ${"SIZE".padStart(SIZE)}  TAKER TRADE ID`,
  ],
  cryptoBars: BAR_TITLES,
  cryptoUpdatedBars: BAR_TITLES,
  cryptoDailyBars: BAR_TITLES,
  orderbooks: ["PAIR".padEnd(PAIR), "KIND    BIDS  ASKS  FIRST LEVELS"],
  news: ["SYMBOLS".padEnd(PAIR), "BYTES", "HEADLINE"],
} as const satisfies Partial<Record<ChannelName, readonly string[]>>;

/** The parts of a line after the time. */
export function cryptoParts(message: CryptoMessage, colors: Colors): string[] {
  switch (message.$typeName) {
    case "cream.v1.CryptoQuote": {
      const bid = `${right(message.bidSize, SIZE)} × ${right(message.bidPrice, PRICE)}`;
      const ask = `${right(message.askPrice, PRICE)} × ${NUMBER.format(message.askSize)}`;
      return [pair(message, colors), `${colors("green", bid)} ${colors("red", ask)}`];
    }
    case "cream.v1.CryptoTrade":
      return [
        pair(message, colors),
        `${colors("bold", right(message.price, PRICE))} × ${right(message.size, SIZE)}`,
        `${message.takerSide.padEnd(5)} ${message.tradeId}`,
      ];
    case "cream.v1.CryptoBar": {
      const { open, high, low, close } = message;
      return [
        pair(message, colors),
        [open, high, low, close].map((value) => right(value, PRICE)).join(" "),
        `${right(message.volume, SIZE)}  ${grouped(message.tradeCount).padStart(7)} ${
          right(message.vwap, PRICE)
        }`,
      ];
    }
    case "cream.v1.Orderbook":
      return [pair(message, colors), orderbookText(message)];
    case "cream.v1.NewsArticle":
      return [
        colors("bold", (message.symbols.join(" ") || "-").padEnd(PAIR)),
        grouped(message.content.length).padStart(5),
        message.headline.replaceAll(/\s+/g, " "),
      ];
  }
}

function pair({ symbol }: { readonly symbol: string }, colors: Colors): string {
  return colors("bold", symbol.padEnd(PAIR));
}

/** `whole     20    20  0.5 × 64249 | 64250 × 1.2`; `deleted` in place of a size of 0. */
function orderbookText({ reset, bids, asks }: Orderbook): string {
  const [bid] = bids;
  const [ask] = asks;
  const size = (level: { size: number }) =>
    level.size === 0 ? "deleted" : NUMBER.format(level.size);
  const levels = [
    bid ? `${size(bid)} × ${NUMBER.format(bid.price)}` : "-",
    ask ? `${NUMBER.format(ask.price)} × ${size(ask)}` : "-",
  ];
  const counts = `${String(bids.length).padStart(5)} ${String(asks.length).padStart(5)}`;
  return `${reset ? "whole " : "change"} ${counts}  ${levels.join(" | ")}`;
}
