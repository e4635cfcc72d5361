/**
 * From the type word of an element to what is done with it.
 *
 * @module
 */
import type { EventSink } from "../../application/ports/event_sink.ts";
import type { MessageType } from "../../application/status/counters.ts";
import type {
  OptionQuote,
  OptionTrade,
} from "../../domain/market/option_events.ts";
import type {
  StockBar,
  StockQuote,
  StockTrade,
} from "../../domain/market/stock_events.ts";
import type { Element } from "./control.ts";
import { symbolOf } from "./fields.ts";
import { readOptionQuote, readOptionTrade } from "./option_elements.ts";
import {
  readStockBar,
  readStockCancel,
  readStockCorrection,
  readStockImbalance,
  readStockLuld,
  readStockQuote,
  readStockTrade,
  readTradingStatus,
} from "./stock_elements.ts";

/** What is done with the elements of one type. */
export interface ElementHandler {
  readonly type: MessageType;
  /** Reads and publishes an element; throws `BadField` when it is malformed. */
  readonly handle: (element: Element, receivedAt: number) => void;
}

/** Handlers by the type word `T`. */
export type ElementHandlers = ReadonlyMap<unknown, ElementHandler>;

/** Where stock events go. */
export interface StockSinks {
  readonly quotes: EventSink<StockQuote>;
  readonly trades: EventSink<StockTrade>;
  readonly bars: EventSink<StockBar>;
}

/** Where option events go. */
export interface OptionSinks {
  readonly quotes: EventSink<OptionQuote>;
  readonly trades: EventSink<OptionTrade>;
}

/**
 * Publishes what a sink wants. The symbol is always checked; the other fields
 * only of a message that is wanted, because the event is not built otherwise.
 */
function into<T>(
  sink: EventSink<T>,
  read: (element: Element) => T,
): ElementHandler["handle"] {
  return (element, receivedAt) => {
    if (!sink.wants(symbolOf(element))) return;
    sink.publish(read(element), receivedAt);
  };
}

/** Every type of the stock stream; those that no stream carries are checked only. */
export function stockHandlers(sinks: StockSinks): ElementHandlers {
  return new Map<string, ElementHandler>([
    ["q", { type: "quote", handle: into(sinks.quotes, readStockQuote) }],
    ["t", { type: "trade", handle: into(sinks.trades, readStockTrade) }],
    ["b", {
      type: "bar",
      handle: into(sinks.bars, (element) => readStockBar(element, "minute")),
    }],
    ["u", {
      type: "updated_bar",
      handle: (element) => readStockBar(element, "updated"),
    }],
    ["d", {
      type: "daily_bar",
      handle: (element) => readStockBar(element, "daily"),
    }],
    ["s", { type: "status", handle: readTradingStatus }],
    ["l", { type: "luld", handle: readStockLuld }],
    ["c", { type: "correction", handle: readStockCorrection }],
    ["x", { type: "cancel_error", handle: readStockCancel }],
    ["i", { type: "imbalance", handle: readStockImbalance }],
  ]);
}

/** Every type of the option stream. */
export function optionHandlers(sinks: OptionSinks): ElementHandlers {
  return new Map<string, ElementHandler>([
    ["q", { type: "quote", handle: into(sinks.quotes, readOptionQuote) }],
    ["t", { type: "trade", handle: into(sinks.trades, readOptionTrade) }],
  ]);
}
