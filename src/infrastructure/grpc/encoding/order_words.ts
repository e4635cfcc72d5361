/**
 * The broker's words for orders and their numbers in the schema.
 *
 * An unknown word becomes 0, the unspecified value, because an invented number
 * would be read as something else. The decoder of order updates counts it.
 *
 * @module
 */
import type {
  KnownValue,
  OrderField,
} from "../../../domain/market/order_events.ts";
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

/** The numbers of the words of one kind. */
type Words<N extends number> = ReadonlyMap<string, N>;

/** Events, with those that the schema knows to have no number of their own. */
export const EVENTS: Words<OrderEvent> = new Map<
  KnownValue<"event">,
  OrderEvent
>([
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
export const ASSET_CLASSES: Words<AssetClass> = new Map<
  KnownValue<"asset_class">,
  AssetClass
>([
  ["", AssetClass.UNSPECIFIED],
  ["us_equity", AssetClass.US_EQUITY],
  ["us_option", AssetClass.US_OPTION],
  ["crypto", AssetClass.CRYPTO],
]);

/** Order classes; a simple order is usually left blank by the broker. */
export const ORDER_CLASSES: Words<OrderClass> = new Map<
  KnownValue<"order_class">,
  OrderClass
>([
  ["", OrderClass.SIMPLE],
  ["simple", OrderClass.SIMPLE],
  ["bracket", OrderClass.BRACKET],
  ["oco", OrderClass.OCO],
  ["oto", OrderClass.OTO],
  ["mleg", OrderClass.MLEG],
]);

/** Order types. */
export const ORDER_TYPES: Words<OrderType> = new Map<
  KnownValue<"order_type">,
  OrderType
>([
  ["", OrderType.UNSPECIFIED],
  ["limit", OrderType.LIMIT],
  ["market", OrderType.MARKET],
  ["stop", OrderType.STOP],
  ["stop_limit", OrderType.STOP_LIMIT],
  ["trailing_stop", OrderType.TRAILING_STOP],
]);

/** Sides; blank for the parent of a multi-leg order. */
export const SIDES: Words<OrderSideNumber> = new Map<
  KnownValue<"side">,
  OrderSideNumber
>([
  ["", OrderSide.UNSPECIFIED],
  ["buy", OrderSide.BUY],
  ["sell", OrderSide.SELL],
]);

/** Times in force. */
export const TIMES_IN_FORCE: Words<TimeInForce> = new Map<
  KnownValue<"time_in_force">,
  TimeInForce
>([
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
} as const satisfies Record<OrderField, Words<number>>;

/** The number type of each kind of word. */
type NumberOf<K extends OrderField> = typeof KINDS[K] extends Words<infer N> ? N
  : never;

/** The number of a word; 0, the unspecified value, when it has none. */
export function numberOf<K extends OrderField>(
  kind: K,
  word: string,
): NumberOf<K> {
  // Every enum of the schema has 0, its unspecified value.
  return (KINDS[kind].get(word) ?? 0) as NumberOf<K>;
}

/** The words that have a number, by field. */
export function numberedWords(kind: OrderField): readonly string[] {
  return [...KINDS[kind].keys()];
}
