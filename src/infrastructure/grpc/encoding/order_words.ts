/**
 * The broker's words for orders and their numbers in the schema.
 *
 * Words are open sets: the broker invents new ones without notice. A word
 * without a number becomes 0, because an invented number would be read as
 * something else, and is reported so that somebody finds out.
 *
 * @module
 */
import {
  OrderSide,
  type OrderSide as OrderSideNumber,
} from "../../../gen/cream/v1/execution_pb.ts";
import { OrderType, TimeInForce } from "../../../gen/cream/v1/common_pb.ts";
import {
  AssetClass,
  OrderClass,
  OrderEvent,
} from "../../../gen/cream/v1/stream_proxy_pb.ts";

/** Which of an order's words was not known. */
export type WordKind =
  | "event"
  | "asset_class"
  | "order_class"
  | "order_type"
  | "side"
  | "time_in_force";

/** Told of every word that has no number, once per encoded event. */
export type OnUnknownWord = (kind: WordKind, word: string) => void;

/** The words of one kind; `""` is listed where the broker leaves it blank. */
type Words<N extends number> = ReadonlyMap<string, N>;

/** Events, with those that the schema knows to have no number of their own. */
export const EVENTS: Words<OrderEvent> = new Map<string, OrderEvent>([
  ["new", OrderEvent.NEW],
  ["fill", OrderEvent.FILL],
  ["partial_fill", OrderEvent.PARTIAL_FILL],
  ["canceled", OrderEvent.CANCELED],
  ["expired", OrderEvent.EXPIRED],
  ["rejected", OrderEvent.REJECTED],
  ["pending_new", OrderEvent.PENDING_NEW],
  ["stopped", OrderEvent.STOPPED],
  ["replaced", OrderEvent.REPLACED],
  ["suspended", OrderEvent.SUSPENDED],
  ["pending_cancel", OrderEvent.PENDING_CANCEL],
  ["pending_replace", OrderEvent.PENDING_REPLACE],
  ["calculated", OrderEvent.CALCULATED],
  ["done_for_day", OrderEvent.DONE_FOR_DAY],
  ["trade_bust", OrderEvent.TRADE_BUST],
  ["order_replace_rejected", OrderEvent.UNSPECIFIED],
  ["order_cancel_rejected", OrderEvent.UNSPECIFIED],
]);

/** Asset classes; blank for the parent of a multi-leg order. */
export const ASSET_CLASSES: Words<AssetClass> = new Map<string, AssetClass>([
  ["", AssetClass.UNSPECIFIED],
  ["us_equity", AssetClass.US_EQUITY],
  ["us_option", AssetClass.US_OPTION],
  ["crypto", AssetClass.CRYPTO],
]);

/** Order classes; a simple order is usually left blank by the broker. */
export const ORDER_CLASSES: Words<OrderClass> = new Map<string, OrderClass>([
  ["", OrderClass.SIMPLE],
  ["simple", OrderClass.SIMPLE],
  ["bracket", OrderClass.BRACKET],
  ["oco", OrderClass.OCO],
  ["oto", OrderClass.OTO],
  ["mleg", OrderClass.MLEG],
]);

/** Order types. */
export const ORDER_TYPES: Words<OrderType> = new Map<string, OrderType>([
  ["", OrderType.UNSPECIFIED],
  ["limit", OrderType.LIMIT],
  ["market", OrderType.MARKET],
  ["stop", OrderType.STOP],
  ["stop_limit", OrderType.STOP_LIMIT],
  ["trailing_stop", OrderType.TRAILING_STOP],
]);

/** Sides; blank for the parent of a multi-leg order. */
export const SIDES: Words<OrderSideNumber> = new Map<string, OrderSideNumber>([
  ["", OrderSide.UNSPECIFIED],
  ["buy", OrderSide.BUY],
  ["sell", OrderSide.SELL],
]);

/** Times in force. */
export const TIMES_IN_FORCE: Words<TimeInForce> = new Map<string, TimeInForce>([
  ["", TimeInForce.UNSPECIFIED],
  ["day", TimeInForce.DAY],
  ["gtc", TimeInForce.GTC],
  ["ioc", TimeInForce.IOC],
  ["fok", TimeInForce.FOK],
  ["opg", TimeInForce.OPG],
  ["cls", TimeInForce.CLS],
]);

const KINDS = {
  event: EVENTS,
  asset_class: ASSET_CLASSES,
  order_class: ORDER_CLASSES,
  order_type: ORDER_TYPES,
  side: SIDES,
  time_in_force: TIMES_IN_FORCE,
} as const satisfies Record<WordKind, Words<number>>;

/** The number type of each kind of word. */
type NumberOf<K extends WordKind> = typeof KINDS[K] extends Words<infer N> ? N
  : never;

/** Looks words up, and reports those it does not find. */
export class WordBook {
  readonly #onUnknownWord: OnUnknownWord;

  constructor(onUnknownWord: OnUnknownWord) {
    this.#onUnknownWord = onUnknownWord;
  }

  /** The number of a word; 0 when it has none. */
  numberOf<K extends WordKind>(kind: K, word: string): NumberOf<K> {
    const known = KINDS[kind].get(word);
    if (known === undefined) this.#onUnknownWord(kind, word);
    // Every enum of the schema has 0, its unspecified value.
    return (known ?? 0) as NumberOf<K>;
  }
}
