/**
 * Elements of the stock stream as domain events (Alpaca: Real-time Stock Data).
 *
 * Every function throws `BadField` for an element that is not what it should
 * be.
 *
 * @module
 */
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
import type { Element } from "./control.ts";
import {
  codeAt,
  codesAt,
  integerAt,
  numberAt,
  sizeAt,
  symbolOf,
  textAt,
  timeAt,
} from "./fields.ts";

/** `T` = `q`. */
export function readStockQuote(element: Element): StockQuote {
  return {
    symbol: symbolOf(element),
    timestamp: timeAt(element, "t"),
    bidExchange: codeAt(element, "bx"),
    bidPrice: numberAt(element, "bp"),
    bidSize: sizeAt(element, "bs"),
    askExchange: codeAt(element, "ax"),
    askPrice: numberAt(element, "ap"),
    askSize: sizeAt(element, "as"),
    conditions: codesAt(element, "c"),
    tape: codeAt(element, "z"),
  };
}

/** `T` = `t`. */
export function readStockTrade(element: Element): StockTrade {
  return {
    symbol: symbolOf(element),
    timestamp: timeAt(element, "t"),
    tradeId: integerAt(element, "i"),
    exchange: codeAt(element, "x"),
    price: numberAt(element, "p"),
    size: sizeAt(element, "s"),
    conditions: codesAt(element, "c"),
    tape: codeAt(element, "z"),
  };
}

/** `T` = `b`, `u` or `d`; `vw` and `n` may be absent. */
export function readStockBar(element: Element, kind: BarKind): StockBar {
  return {
    kind,
    symbol: symbolOf(element),
    timestamp: timeAt(element, "t"),
    open: numberAt(element, "o"),
    high: numberAt(element, "h"),
    low: numberAt(element, "l"),
    close: numberAt(element, "c"),
    volume: integerAt(element, "v"),
    vwap: isAbsent(element.vw) ? 0 : numberAt(element, "vw"),
    tradeCount: isAbsent(element.n) ? 0 : sizeAt(element, "n"),
  };
}

/** `T` = `c`. */
export function readStockCorrection(element: Element): StockCorrection {
  return {
    symbol: symbolOf(element),
    timestamp: timeAt(element, "t"),
    exchange: codeAt(element, "x"),
    originalId: integerAt(element, "oi"),
    originalPrice: numberAt(element, "op"),
    originalSize: sizeAt(element, "os"),
    originalConditions: codesAt(element, "oc"),
    correctedId: integerAt(element, "ci"),
    correctedPrice: numberAt(element, "cp"),
    correctedSize: sizeAt(element, "cs"),
    correctedConditions: codesAt(element, "cc"),
    tape: codeAt(element, "z"),
  };
}

/** `T` = `x`. */
export function readStockCancel(element: Element): StockCancel {
  return {
    symbol: symbolOf(element),
    timestamp: timeAt(element, "t"),
    tradeId: integerAt(element, "i"),
    exchange: codeAt(element, "x"),
    price: numberAt(element, "p"),
    size: sizeAt(element, "s"),
    action: codeAt(element, "a"),
    tape: codeAt(element, "z"),
  };
}

/** `T` = `l`. */
export function readStockLuld(element: Element): StockLuld {
  return {
    symbol: symbolOf(element),
    timestamp: timeAt(element, "t"),
    limitUp: numberAt(element, "u"),
    limitDown: numberAt(element, "d"),
    indicator: codeAt(element, "i"),
    tape: codeAt(element, "z"),
  };
}

/** `T` = `s`. */
export function readTradingStatus(element: Element): StockTradingStatus {
  return {
    symbol: symbolOf(element),
    timestamp: timeAt(element, "t"),
    statusCode: codeAt(element, "sc"),
    statusMessage: textAt(element, "sm"),
    reasonCode: codeAt(element, "rc"),
    reasonMessage: textAt(element, "rm"),
    tape: codeAt(element, "z"),
  };
}

/** `T` = `i`. */
export function readStockImbalance(element: Element): StockImbalance {
  return {
    symbol: symbolOf(element),
    timestamp: timeAt(element, "t"),
    price: numberAt(element, "p"),
    tape: codeAt(element, "z"),
  };
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}
