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
  readInteger,
  readNumber,
  readSize,
  readString,
  readStrings,
  readSymbol,
  readText,
  readTime,
} from "./fields.ts";

/** Where stock events are published. */
export interface StockSinks {
  readonly quotes: EventSink<StockQuote>;
  readonly trades: EventSink<StockTrade>;
  readonly bars: EventSink<StockBar>;
}

/** Where option events are published. */
export interface OptionSinks {
  readonly quotes: EventSink<OptionQuote>;
  readonly trades: EventSink<OptionTrade>;
}

/** Every type of the stock stream; no channel carries those without a sink. */
export function stockHandlers(sinks: StockSinks): MessageHandlers {
  const { quotes, trades, bars } = sinks;
  return new Map<string, MessageHandler>([
    ["q", { type: "quote", read: readStockQuote, sink: quotes }],
    ["t", { type: "trade", read: readStockTrade, sink: trades }],
    ["b", { type: "bar", read: readBar("minute"), sink: bars }],
    ["u", { type: "updated_bar", read: readBar("updated") }],
    ["d", { type: "daily_bar", read: readBar("daily") }],
    ["s", { type: "status", read: readTradingStatus }],
    ["l", { type: "luld", read: readStockLuld }],
    ["c", { type: "correction", read: readStockCorrection }],
    ["x", { type: "cancel_error", read: readStockCancel }],
    ["i", { type: "imbalance", read: readStockImbalance }],
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

function readBar(kind: BarKind): (message: Message) => StockBar {
  return (message) => readStockBar(message, kind);
}

/** Stock message `T` = `q`. */
export function readStockQuote(message: Message): StockQuote {
  return {
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    bidExchange: readString(message, "bx"),
    bidPrice: readNumber(message, "bp"),
    bidSize: readSize(message, "bs"),
    askExchange: readString(message, "ax"),
    askPrice: readNumber(message, "ap"),
    askSize: readSize(message, "as"),
    conditions: readStrings(message, "c"),
    tape: readString(message, "z"),
  };
}

/** Stock message `T` = `t`. */
export function readStockTrade(message: Message): StockTrade {
  return {
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    tradeId: readInteger(message, "i"),
    exchange: readString(message, "x"),
    price: readNumber(message, "p"),
    size: readSize(message, "s"),
    conditions: readStrings(message, "c"),
    tape: readString(message, "z"),
  };
}

/** Stock message `T` = `b`, `u` or `d`; `vw` and `n` may be absent. */
export function readStockBar(message: Message, kind: BarKind): StockBar {
  return {
    kind,
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    open: readNumber(message, "o"),
    high: readNumber(message, "h"),
    low: readNumber(message, "l"),
    close: readNumber(message, "c"),
    volume: readInteger(message, "v"),
    vwap: isAbsent(message.vw) ? 0 : readNumber(message, "vw"),
    tradeCount: isAbsent(message.n) ? 0 : readSize(message, "n"),
  };
}

/** Stock message `T` = `c`. */
export function readStockCorrection(message: Message): StockCorrection {
  return {
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    exchange: readString(message, "x"),
    originalId: readInteger(message, "oi"),
    originalPrice: readNumber(message, "op"),
    originalSize: readSize(message, "os"),
    originalConditions: readStrings(message, "oc"),
    correctedId: readInteger(message, "ci"),
    correctedPrice: readNumber(message, "cp"),
    correctedSize: readSize(message, "cs"),
    correctedConditions: readStrings(message, "cc"),
    tape: readString(message, "z"),
  };
}

/** Stock message `T` = `x`. */
export function readStockCancel(message: Message): StockCancel {
  return {
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    tradeId: readInteger(message, "i"),
    exchange: readString(message, "x"),
    price: readNumber(message, "p"),
    size: readSize(message, "s"),
    action: readString(message, "a"),
    tape: readString(message, "z"),
  };
}

/** Stock message `T` = `l`. */
export function readStockLuld(message: Message): StockLuld {
  return {
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    limitUp: readNumber(message, "u"),
    limitDown: readNumber(message, "d"),
    indicator: readString(message, "i"),
    tape: readString(message, "z"),
  };
}

/** Stock message `T` = `s`. */
export function readTradingStatus(message: Message): StockTradingStatus {
  return {
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    statusCode: readString(message, "sc"),
    statusMessage: readText(message, "sm"),
    reasonCode: readString(message, "rc"),
    reasonMessage: readText(message, "rm"),
    tape: readString(message, "z"),
  };
}

/** Stock message `T` = `i`. */
export function readStockImbalance(message: Message): StockImbalance {
  return {
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    price: readNumber(message, "p"),
    tape: readString(message, "z"),
  };
}

/** Option message `T` = `q`. */
function readOptionQuote(message: Message): OptionQuote {
  return {
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    bidExchange: readString(message, "bx"),
    bidPrice: readNumber(message, "bp"),
    bidSize: readSize(message, "bs"),
    askExchange: readString(message, "ax"),
    askPrice: readNumber(message, "ap"),
    askSize: readSize(message, "as"),
    condition: readString(message, "c"),
  };
}

/** Option message `T` = `t`. */
function readOptionTrade(message: Message): OptionTrade {
  return {
    symbol: readSymbol(message),
    timestamp: readTime(message, "t"),
    price: readNumber(message, "p"),
    size: readSize(message, "s"),
    exchange: readString(message, "x"),
    condition: readString(message, "c"),
  };
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
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
