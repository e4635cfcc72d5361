/**
 * Maps the enum values of Alpaca's orders to those of the schema.
 *
 * An unknown value is mapped to 0, the unspecified value; the decoder of order
 * updates has counted it.
 *
 * @module
 */
import type { KnownValue, OrderField } from "../../../domain/market/order_events.ts";
import {
  OrderSide,
  type OrderSide as OrderSideNumber,
} from "../../../gen/cream/v1/execution_pb.ts";
import { OrderType, TimeInForce } from "../../../gen/cream/v1/common_pb.ts";
import { AssetClass, OrderClass, OrderEvent } from "../../../gen/cream/v1/stream_proxy_pb.ts";

/** Schema values by Alpaca's values. */
type EnumMap<N extends number> = ReadonlyMap<string, N>;

/** Events, including those that the schema does not have. */
export const EVENTS: EnumMap<OrderEvent> = new Map<
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

/** Asset classes; empty for the parent of a multi-leg order. */
export const ASSET_CLASSES: EnumMap<AssetClass> = new Map<
  KnownValue<"asset_class">,
  AssetClass
>([
  ["", AssetClass.UNSPECIFIED],
  ["us_equity", AssetClass.US_EQUITY],
  ["us_option", AssetClass.US_OPTION],
  ["crypto", AssetClass.CRYPTO],
]);

/** Order classes; usually empty for a simple order. */
export const ORDER_CLASSES: EnumMap<OrderClass> = new Map<
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
export const ORDER_TYPES: EnumMap<OrderType> = new Map<
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

/** Sides; empty for the parent of a multi-leg order. */
export const SIDES: EnumMap<OrderSideNumber> = new Map<
  KnownValue<"side">,
  OrderSideNumber
>([
  ["", OrderSide.UNSPECIFIED],
  ["buy", OrderSide.BUY],
  ["sell", OrderSide.SELL],
]);

/** Times in force. */
export const TIMES_IN_FORCE: EnumMap<TimeInForce> = new Map<
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
} as const satisfies Record<OrderField, EnumMap<number>>;

/** The schema type of each enum. */
type EnumOf<K extends OrderField> = typeof KINDS[K] extends EnumMap<infer N> ? N
  : never;

/** Returns the schema value; 0, the unspecified value, for an unknown one. */
export function enumOf<K extends OrderField>(
  kind: K,
  word: string,
): EnumOf<K> {
  // Every enum of the schema has 0, its unspecified value.
  return (KINDS[kind].get(word) ?? 0) as EnumOf<K>;
}

/** Returns the values of Alpaca that are mapped. */
export function mappedValues(kind: OrderField): readonly string[] {
  return [...KINDS[kind].keys()];
}
