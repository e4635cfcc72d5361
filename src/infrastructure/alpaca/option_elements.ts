/**
 * Elements of the option stream as domain events (Alpaca: Real-time Option
 * Data). Every function throws `BadField` for an element that is not what it
 * should be.
 *
 * @module
 */
import type {
  OptionQuote,
  OptionTrade,
} from "../../domain/market/option_events.ts";
import type { Element } from "./control.ts";
import { codeAt, numberAt, sizeAt, symbolOf, timeAt } from "./fields.ts";

/** `T` = `q`. */
export function readOptionQuote(element: Element): OptionQuote {
  return {
    symbol: symbolOf(element),
    timestamp: timeAt(element, "t"),
    bidExchange: codeAt(element, "bx"),
    bidPrice: numberAt(element, "bp"),
    bidSize: sizeAt(element, "bs"),
    askExchange: codeAt(element, "ax"),
    askPrice: numberAt(element, "ap"),
    askSize: sizeAt(element, "as"),
    condition: codeAt(element, "c"),
  };
}

/** `T` = `t`. */
export function readOptionTrade(element: Element): OptionTrade {
  return {
    symbol: symbolOf(element),
    timestamp: timeAt(element, "t"),
    price: numberAt(element, "p"),
    size: sizeAt(element, "s"),
    exchange: codeAt(element, "x"),
    condition: codeAt(element, "c"),
  };
}
