/**
 * Maps the enum values of Alpaca's orders to those of the schema.
 *
 * @module
 */
import type { KnownValue, OrderField } from "../../../domain/market/order_events.ts";
import { OrderSide } from "../../../gen/cream/v1/execution_pb.ts";
import { OrderType, TimeInForce } from "../../../gen/cream/v1/common_pb.ts";
import { AssetClass, OrderClass, OrderEvent } from "../../../gen/cream/v1/stream_proxy_pb.ts";

/** Schema values by field and Alpaca's value; values that the schema does not have are 0. */
export const ORDER_NUMBERS = {
  event: {
    new: OrderEvent.NEW,
    fill: OrderEvent.FILL,
    partial_fill: OrderEvent.PARTIAL_FILL,
    canceled: OrderEvent.CANCELED,
    expired: OrderEvent.EXPIRED,
    rejected: OrderEvent.REJECTED,
    pending_new: OrderEvent.PENDING_NEW,
    stopped: OrderEvent.STOPPED,
    replaced: OrderEvent.REPLACED,
    suspended: OrderEvent.SUSPENDED,
    pending_cancel: OrderEvent.PENDING_CANCEL,
    pending_replace: OrderEvent.PENDING_REPLACE,
    calculated: OrderEvent.CALCULATED,
    done_for_day: OrderEvent.DONE_FOR_DAY,
    trade_bust: OrderEvent.TRADE_BUST,
    order_replace_rejected: OrderEvent.UNSPECIFIED,
    order_cancel_rejected: OrderEvent.UNSPECIFIED,
  },
  // Class, type, side and time in force are empty for the parent of a multi-leg order.
  asset_class: {
    "": AssetClass.UNSPECIFIED,
    us_equity: AssetClass.US_EQUITY,
    us_option: AssetClass.US_OPTION,
    crypto: AssetClass.CRYPTO,
  },
  order_class: {
    "": OrderClass.SIMPLE,
    simple: OrderClass.SIMPLE,
    bracket: OrderClass.BRACKET,
    oco: OrderClass.OCO,
    oto: OrderClass.OTO,
    mleg: OrderClass.MLEG,
  },
  order_type: {
    "": OrderType.UNSPECIFIED,
    limit: OrderType.LIMIT,
    market: OrderType.MARKET,
    stop: OrderType.STOP,
    stop_limit: OrderType.STOP_LIMIT,
    trailing_stop: OrderType.TRAILING_STOP,
  },
  side: {
    "": OrderSide.UNSPECIFIED,
    buy: OrderSide.BUY,
    sell: OrderSide.SELL,
  },
  time_in_force: {
    "": TimeInForce.UNSPECIFIED,
    day: TimeInForce.DAY,
    gtc: TimeInForce.GTC,
    ioc: TimeInForce.IOC,
    fok: TimeInForce.FOK,
    opg: TimeInForce.OPG,
    cls: TimeInForce.CLS,
  },
} as const satisfies { readonly [K in OrderField]: Readonly<Record<KnownValue<K>, number>> };

/** The schema type of each field. */
type NumberOf<K extends OrderField> = typeof ORDER_NUMBERS[K][keyof typeof ORDER_NUMBERS[K]];

/**
 * Returns the schema value; 0, which every enum of the schema has as its unspecified value, for an
 * unknown one, which the decoder of order updates has counted.
 */
export function enumOf<K extends OrderField>(field: K, value: string): NumberOf<K> {
  const numbers: Readonly<Record<string, number>> = ORDER_NUMBERS[field];
  return (Object.hasOwn(numbers, value) ? numbers[value] : 0) as NumberOf<K>;
}
