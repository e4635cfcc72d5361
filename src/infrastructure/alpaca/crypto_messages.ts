/**
 * The messages of the crypto stream (Alpaca: Real-time Crypto Data) as domain events.
 *
 * @module
 */
import type { EventSink } from "../../application/ports/event_sink.ts";
import type {
  BookLevel,
  CryptoBar,
  CryptoQuote,
  CryptoTrade,
  Orderbook,
} from "../../domain/market/crypto_events.ts";
import type { BarKind } from "../../domain/market/stock_events.ts";
import type { MessageHandler, MessageHandlers } from "./decode.ts";
import {
  InvalidField,
  isMessage,
  type Message,
  type MessageNotes,
  readAmount,
  readNumber,
  readOptional,
  readSize,
  readString,
  readSymbol,
  readTime,
  readTradeId,
} from "./fields.ts";

/** Where crypto events are published. */
export interface CryptoSinks {
  readonly quotes: EventSink<CryptoQuote>;
  readonly trades: EventSink<CryptoTrade>;
  readonly bars: EventSink<CryptoBar>;
  readonly updatedBars: EventSink<CryptoBar>;
  readonly dailyBars: EventSink<CryptoBar>;
  readonly orderbooks: EventSink<Orderbook>;
}

/** Levels of one side of a message; real ones have hundreds. */
const MAX_LEVELS = 10_000;

/** Every type of the crypto stream. */
export function cryptoHandlers(sinks: CryptoSinks): MessageHandlers {
  const bar = (kind: BarKind): MessageHandler["read"] => (message, notes) =>
    readBar(message, kind, notes);
  return new Map<string, MessageHandler>([
    ["q", { type: "quote", read: readQuote, sink: sinks.quotes }],
    ["t", { type: "trade", read: readTrade, sink: sinks.trades }],
    ["b", { type: "bar", read: bar("minute"), sink: sinks.bars }],
    ["u", { type: "updated_bar", read: bar("updated"), sink: sinks.updatedBars }],
    ["d", { type: "daily_bar", read: bar("daily"), sink: sinks.dailyBars }],
    // Order books are kept also while no stream is open.
    [
      "o",
      { type: "orderbook", read: readOrderbook, sink: sinks.orderbooks, isAlwaysRead: true },
    ],
  ]);
}

/** Crypto message `T` = `q`. */
function readQuote(message: Message, notes: MessageNotes): CryptoQuote {
  return {
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    bidPrice: readNumber(message, "bp", notes),
    bidSize: readAmount(message, "bs", notes, "bid_size"),
    askPrice: readNumber(message, "ap", notes),
    askSize: readAmount(message, "as", notes, "ask_size"),
  };
}

/** Crypto message `T` = `t`. */
function readTrade(message: Message, notes: MessageNotes): CryptoTrade {
  return {
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    tradeId: readTradeId(message, "i", notes),
    price: readNumber(message, "p", notes),
    size: readAmount(message, "s", notes, "size"),
    takerSide: readString(message, "tks", notes),
  };
}

/** Crypto message `T` = `b`, `u` or `d`; `vw` and `n` may be absent. */
function readBar(message: Message, kind: BarKind, notes: MessageNotes): CryptoBar {
  const readTradeCount: typeof readNumber = (bar, key) => readSize(bar, key, notes, "trade_count");
  return {
    kind,
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    open: readNumber(message, "o", notes),
    high: readNumber(message, "h", notes),
    low: readNumber(message, "l", notes),
    close: readNumber(message, "c", notes),
    volume: readAmount(message, "v", notes, "volume"),
    vwap: readOptional(readNumber, message, "vw", notes),
    tradeCount: readOptional(readTradeCount, message, "n", notes),
  };
}

/** Crypto message `T` = `o`. */
function readOrderbook(message: Message, notes: MessageNotes): Orderbook {
  return {
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    bids: readLevels(message, "b", notes),
    asks: readLevels(message, "a", notes),
    reset: message.r === true,
  };
}

/** Reads one side of an order book; empty when it is absent or null. */
function readLevels(message: Message, key: string, notes: MessageNotes): readonly BookLevel[] {
  const levels = message[key];
  if (levels === undefined || levels === null) return [];
  if (!Array.isArray(levels) || levels.length > MAX_LEVELS) throw new InvalidField(key, levels);
  return levels.map((level) => {
    if (!isMessage(level)) throw new InvalidField(key, level);
    return {
      price: readNumber(level, "p", notes),
      size: readAmount(level, "s", notes, key === "b" ? "bids" : "asks"),
    };
  });
}
