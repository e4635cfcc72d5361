/**
 * Maps the enum values of Alpaca's orders to those of the schema.
 *
 * @module
 */
import { ORDER_ENUMS, type OrderField } from "../../../domain/market/order_events.ts";
import { OrderSide } from "../../../gen/cream/v1/execution_pb.ts";
import { OrderType, TimeInForce } from "../../../gen/cream/v1/common_pb.ts";
import { AssetClass, OrderClass, OrderEvent } from "../../../gen/cream/v1/stream_proxy_pb.ts";

/** The schema's enum of each field; its names are Alpaca's values in capitals. */
interface SchemaEnums {
  readonly event: typeof OrderEvent;
  readonly asset_class: typeof AssetClass;
  readonly order_class: typeof OrderClass;
  readonly order_type: typeof OrderType;
  readonly side: typeof OrderSide;
  readonly time_in_force: typeof TimeInForce;
}

const SCHEMA_ENUMS: SchemaEnums = {
  event: OrderEvent,
  asset_class: AssetClass,
  order_class: OrderClass,
  order_type: OrderType,
  side: OrderSide,
  time_in_force: TimeInForce,
};

/** The schema type of each field. */
type NumberOf<K extends OrderField> = SchemaEnums[K][keyof SchemaEnums[K]];

/**
 * Returns the schema value of one of Alpaca's values; 0, which every enum has as its unspecified
 * value, for one that the schema does not have or that is not documented.
 */
export function enumOf<K extends OrderField>(field: K, value: string): NumberOf<K> {
  const documented: readonly string[] = ORDER_ENUMS[field];
  // A simple order often has no class.
  const name = field === "order_class" && value === "" ? "SIMPLE" : value.toUpperCase();
  const numbers = SCHEMA_ENUMS[field] as unknown as Readonly<Record<string, number>>;
  return (documented.includes(value) ? numbers[name] ?? 0 : 0) as NumberOf<K>;
}
