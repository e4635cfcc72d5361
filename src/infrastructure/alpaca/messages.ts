/**
 * The messages of the market data streams (Alpaca: WebSocket Stream, Real-time Stock Data,
 * Real-time Option Data): data as domain events, where each type is published, and control
 * messages.
 *
 * Every reader throws `InvalidField` for a message that is not valid.
 *
 * @module
 */
import type { EventSink } from "../../application/ports/event_sink.ts";
import type { OptionQuote, OptionTrade } from "../../domain/market/option_events.ts";
import type {
  BarKind,
  StockBar,
  StockCancel,
  StockCorrection,
  StockImbalance,
  StockLuld,
  StockQuote,
  StockTrade,
  StockTradingStatus,
  TradeCorrection,
} from "../../domain/market/stock_events.ts";
import {
  type SymbolSets,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
  type UpstreamError,
} from "../../domain/subscription/pairs.ts";
import type { MessageHandler, MessageHandlers } from "./decode.ts";
import {
  errorMessage,
  MAX_SYMBOL_LENGTH,
  type Message,
  type MessageNotes,
  readCode,
  readInteger,
  readNumber,
  readOptional,
  readQuoteSize,
  readSize,
  readString,
  readStrings,
  readSymbol,
  readText,
  readTime,
  readTradeId,
  readVolume,
} from "./fields.ts";

/** Where stock events are published. */
export interface StockSinks {
  readonly quotes: EventSink<StockQuote>;
  readonly trades: EventSink<StockTrade>;
  readonly bars: EventSink<StockBar>;
  readonly updatedBars: EventSink<StockBar>;
  readonly dailyBars: EventSink<StockBar>;
  readonly statuses: EventSink<StockTradingStatus>;
  readonly bands: EventSink<StockLuld>;
  readonly corrections: EventSink<TradeCorrection>;
  readonly imbalances: EventSink<StockImbalance>;
}

/** Where option events are published. */
export interface OptionSinks {
  readonly quotes: EventSink<OptionQuote>;
  readonly trades: EventSink<OptionTrade>;
}

/** Every type of the stock stream. */
export function stockHandlers(sinks: StockSinks): MessageHandlers {
  const { quotes, trades, bars, corrections } = sinks;
  return new Map<string, MessageHandler>([
    ["q", { type: "quote", read: readStockQuote, sink: quotes }],
    ["t", { type: "trade", read: readStockTrade, sink: trades }],
    ["b", { type: "bar", read: readBar("minute"), sink: bars }],
    ["u", { type: "updated_bar", read: readBar("updated"), sink: sinks.updatedBars }],
    ["d", { type: "daily_bar", read: readBar("daily"), sink: sinks.dailyBars }],
    ["s", { type: "status", read: readTradingStatus, sink: sinks.statuses }],
    ["l", { type: "luld", read: readStockLuld, sink: sinks.bands }],
    ["c", { type: "correction", read: readStockCorrection, sink: corrections }],
    ["x", { type: "cancel_error", read: readStockCancel, sink: corrections }],
    ["i", { type: "imbalance", read: readStockImbalance, sink: sinks.imbalances }],
  ]);
}

/** Every type of the option stream. */
export function optionHandlers(sinks: OptionSinks): MessageHandlers {
  const { quotes, trades } = sinks;
  return new Map<string, MessageHandler>([
    ["q", { type: "quote", read: readOptionQuote, sink: quotes }],
    ["t", { type: "trade", read: readOptionTrade, sink: trades }],
  ]);
}

function readBar(kind: BarKind): MessageHandler["read"] {
  return (message, notes) => readStockBar(message, kind, notes);
}

/** Stock message `T` = `q`. */
export function readStockQuote(message: Message, notes: MessageNotes): StockQuote {
  return {
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    bidExchange: readString(message, "bx", notes),
    bidPrice: readNumber(message, "bp", notes),
    bidSize: readQuoteSize(message, "bs", notes, "bid_size"),
    askExchange: readString(message, "ax", notes),
    askPrice: readNumber(message, "ap", notes),
    askSize: readQuoteSize(message, "as", notes, "ask_size"),
    conditions: readStrings(message, "c", notes),
    tape: readString(message, "z", notes),
  };
}

/** Stock message `T` = `t`. */
export function readStockTrade(message: Message, notes: MessageNotes): StockTrade {
  return {
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    tradeId: readTradeId(message, "i", notes),
    exchange: readString(message, "x", notes),
    price: readNumber(message, "p", notes),
    size: readSize(message, "s", notes, "size"),
    conditions: readStrings(message, "c", notes),
    tape: readString(message, "z", notes),
  };
}

/** Stock message `T` = `b`, `u` or `d`; `vw` and `n` may be absent. */
export function readStockBar(message: Message, kind: BarKind, notes: MessageNotes): StockBar {
  return {
    kind,
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    open: readNumber(message, "o", notes),
    high: readNumber(message, "h", notes),
    low: readNumber(message, "l", notes),
    close: readNumber(message, "c", notes),
    volume: readVolume(message, "v", notes),
    vwap: readOptional(readNumber, message, "vw", notes),
    tradeCount: readOptional(readTradeCount, message, "n", notes),
  };
}

function readTradeCount(message: Message, key: string, notes: MessageNotes): number {
  return readSize(message, key, notes, "trade_count");
}

/** Stock message `T` = `c`. */
function readStockCorrection(message: Message, notes: MessageNotes): StockCorrection {
  return {
    kind: "corrected",
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    exchange: readString(message, "x", notes),
    originalId: readInteger(message, "oi", notes),
    originalPrice: readNumber(message, "op", notes),
    originalSize: readSize(message, "os", notes, "original_size"),
    originalConditions: readStrings(message, "oc", notes),
    correctedId: readInteger(message, "ci", notes),
    correctedPrice: readNumber(message, "cp", notes),
    correctedSize: readSize(message, "cs", notes, "corrected_size"),
    correctedConditions: readStrings(message, "cc", notes),
    tape: readString(message, "z", notes),
  };
}

/** Stock message `T` = `x`. */
function readStockCancel(message: Message, notes: MessageNotes): StockCancel {
  return {
    kind: "cancelled",
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    tradeId: readInteger(message, "i", notes),
    exchange: readString(message, "x", notes),
    price: readNumber(message, "p", notes),
    size: readSize(message, "s", notes, "size"),
    action: readString(message, "a", notes),
    tape: readString(message, "z", notes),
  };
}

/** Stock message `T` = `l`. */
function readStockLuld(message: Message, notes: MessageNotes): StockLuld {
  return {
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    limitUp: readNumber(message, "u", notes),
    limitDown: readNumber(message, "d", notes),
    indicator: readString(message, "i", notes),
    tape: readString(message, "z", notes),
  };
}

/** Stock message `T` = `s`. */
function readTradingStatus(message: Message, notes: MessageNotes): StockTradingStatus {
  return {
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    statusCode: readString(message, "sc", notes),
    statusMessage: readText(message, "sm", notes),
    reasonCode: readString(message, "rc", notes),
    reasonMessage: readText(message, "rm", notes),
    tape: readString(message, "z", notes),
  };
}

/** Stock message `T` = `i`. */
function readStockImbalance(message: Message, notes: MessageNotes): StockImbalance {
  return {
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    price: readNumber(message, "p", notes),
    tape: readString(message, "z", notes),
  };
}

/** Option message `T` = `q`. */
export function readOptionQuote(message: Message, notes: MessageNotes): OptionQuote {
  return {
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    bidExchange: readString(message, "bx", notes),
    bidPrice: readNumber(message, "bp", notes),
    bidSize: readQuoteSize(message, "bs", notes, "bid_size"),
    askExchange: readString(message, "ax", notes),
    askPrice: readNumber(message, "ap", notes),
    askSize: readQuoteSize(message, "as", notes, "ask_size"),
    condition: readCode(message, "c", notes),
  };
}

/** Option message `T` = `t`. */
export function readOptionTrade(message: Message, notes: MessageNotes): OptionTrade {
  return {
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    price: readNumber(message, "p", notes),
    size: readSize(message, "s", notes, "size"),
    exchange: readString(message, "x", notes),
    condition: readCode(message, "c", notes),
  };
}

/** A message about the session, not the market. */
export type Control =
  | { readonly type: "success"; readonly message: string }
  | { readonly type: "error"; readonly error: UpstreamError }
  | { readonly type: "subscription"; readonly state: SymbolSets };

/** Reads a control message; `undefined` for any other message. */
export function readControl(message: Message): Control | undefined {
  switch (message.T) {
    case "success":
      return { type: "success", message: errorMessage(message.msg) };
    case "error": {
      const code = Number.isSafeInteger(message.code) ? Number(message.code) : 0;
      const text = errorMessage(message.msg) || "unnamed error";
      return { type: "error", error: { code, message: text } };
    }
    case "subscription": {
      const state = new Map<UpstreamChannel, ReadonlySet<string>>();
      // Channels that are never requested are ignored: corrections follow trades.
      for (const channel of UPSTREAM_CHANNELS) {
        const symbols = message[channel];
        if (!Array.isArray(symbols) || symbols.length === 0) continue;
        state.set(channel, new Set(symbols.filter(isSymbol)));
      }
      return { type: "subscription", state };
    }
    default:
      return undefined;
  }
}

/** Longer symbols are never requested. */
function isSymbol(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_SYMBOL_LENGTH;
}
