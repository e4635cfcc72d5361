/**
 * `POST /v2/orders`: what a request says, before any rule of the exchange is
 * applied to it (those are in `order_rules.ts`). Anything malformed is turned
 * down here with Alpaca's error shape.
 *
 * @module
 */
import type { Decimal } from "./decimals.ts";
import type {
  AssetClass,
  OrderClass,
  OrderSide,
  OrderType,
  PositionIntent,
  TimeInForce,
} from "./order.ts";
import { invalid, malformed } from "./order_refusal.ts";
import {
  type Fields,
  flag,
  objectOf,
  optionalAmount,
  optionalPositive,
  optionalPrice,
  optionalText,
  optionalWord,
  requiredWord,
} from "./request_fields.ts";

/** All words of `type`. */
export const ORDER_TYPES: readonly OrderType[] = [
  "market",
  "limit",
  "stop",
  "stop_limit",
  "trailing_stop",
];
/** All words of `time_in_force`. */
export const TIMES_IN_FORCE: readonly TimeInForce[] = [
  "day",
  "gtc",
  "opg",
  "cls",
  "ioc",
  "fok",
];
/** All words of `side`. */
export const SIDES: readonly OrderSide[] = ["buy", "sell"];
const CLASSES: readonly OrderClass[] = [
  "simple",
  "bracket",
  "oco",
  "oto",
  "mleg",
];
const INTENTS: readonly PositionIntent[] = [
  "buy_to_open",
  "buy_to_close",
  "sell_to_open",
  "sell_to_close",
];
const MAX_CLIENT_ORDER_ID = 128;
const OCC_SYMBOL = /^([A-Z]{1,5}[0-9]?|[A-Z]{1,6})(\d{6})([CP])(\d{8})$/;

/** The prices of a stop-loss leg. */
export interface StopLoss {
  readonly stopPrice: Decimal;
  readonly limitPrice: Decimal | undefined;
}

/** One leg of a multi-leg option request. */
export interface LegRequest {
  readonly symbol: string;
  readonly side: OrderSide;
  readonly positionIntent: PositionIntent | undefined;
  readonly ratioQty: Decimal;
}

/** A well-formed order request; undefined fields were not given. */
export interface OrderRequest {
  readonly clientOrderId: string | undefined;
  readonly symbol: string;
  readonly orderClass: OrderClass;
  readonly type: OrderType;
  readonly side: OrderSide | "";
  readonly positionIntent: PositionIntent | undefined;
  readonly timeInForce: TimeInForce;
  readonly extendedHours: boolean;
  readonly qty: Decimal | undefined;
  readonly notional: Decimal | undefined;
  readonly limitPrice: Decimal | undefined;
  readonly stopPrice: Decimal | undefined;
  readonly trailPrice: Decimal | undefined;
  readonly trailPercent: Decimal | undefined;
  readonly takeProfit: Decimal | undefined;
  readonly stopLoss: StopLoss | undefined;
  readonly legs: readonly LegRequest[];
}

/** Reads a request body; throws an `OrderRefusal` naming the bad field. */
export function parseOrderRequest(body: unknown): OrderRequest {
  const fields = objectOf(body, "request body");
  const orderClass = optionalWord(fields, "order_class", CLASSES) ?? "simple";
  const multiLeg = orderClass === "mleg";
  const symbol = multiLeg ? "" : optionalText(fields, "symbol");
  if (symbol === undefined) throw malformed("symbol is required");
  const readPrice = pricePolicy({ symbol, multiLeg });
  return {
    clientOrderId: clientOrderIdOf(fields),
    symbol,
    orderClass,
    type: requiredWord(fields, "type", ORDER_TYPES),
    side: multiLeg ? "" : requiredWord(fields, "side", SIDES),
    positionIntent: optionalWord(fields, "position_intent", INTENTS),
    timeInForce: requiredWord(fields, "time_in_force", TIMES_IN_FORCE),
    extendedHours: flag(fields, "extended_hours"),
    qty: optionalPositive(fields, "qty"),
    notional: optionalPositive(fields, "notional"),
    limitPrice: readPrice(fields, "limit_price"),
    stopPrice: readPrice(fields, "stop_price"),
    trailPrice: optionalPositive(fields, "trail_price"),
    trailPercent: optionalPositive(fields, "trail_percent"),
    takeProfit: takeProfitOf(fields),
    stopLoss: stopLossOf(fields),
    legs: legsOf(fields),
  };
}

/** The asset class a symbol's shape says: OCC, currency pair, or equity. */
export function assetClassOf(symbol: string): AssetClass {
  if (OCC_SYMBOL.test(symbol)) return "us_option";
  return symbol.includes("/") ? "crypto" : "us_equity";
}

/** Reads and checks `client_order_id`; undefined when absent. */
export function clientOrderIdOf(fields: Fields): string | undefined {
  const id = optionalText(fields, "client_order_id");
  if (id !== undefined && id.length > MAX_CLIENT_ORDER_ID) {
    throw malformed("client_order_id must be no more than 128 characters");
  }
  return id;
}

/** Net prices of strategies may be credits, crypto prices have nine places. */
export function pricePolicy(
  { symbol, multiLeg }: { symbol: string; multiLeg: boolean },
): (fields: Fields, name: string) => Decimal | undefined {
  if (multiLeg) return optionalAmount;
  return assetClassOf(symbol) === "crypto" ? optionalPositive : optionalPrice;
}

function takeProfitOf(fields: Fields): Decimal | undefined {
  const value = fields["take_profit"];
  if (value === undefined || value === null) return undefined;
  const price = optionalPrice(objectOf(value, "take_profit"), "limit_price");
  if (price === undefined) {
    throw malformed("take_profit.limit_price is required");
  }
  return price;
}

function stopLossOf(fields: Fields): StopLoss | undefined {
  const value = fields["stop_loss"];
  if (value === undefined || value === null) return undefined;
  const inner = objectOf(value, "stop_loss");
  const stopPrice = optionalPrice(inner, "stop_price");
  if (stopPrice === undefined) {
    throw malformed("stop_loss.stop_price is required");
  }
  return { stopPrice, limitPrice: optionalPrice(inner, "limit_price") };
}

function legsOf(fields: Fields): LegRequest[] {
  const value = fields["legs"];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw malformed("legs must be an array");
  return value.map((item: unknown) => legOf(objectOf(item, "legs[]")));
}

function legOf(fields: Fields): LegRequest {
  const symbol = optionalText(fields, "symbol");
  if (symbol === undefined) throw malformed("legs[].symbol is required");
  const positionIntent = optionalWord(fields, "position_intent", INTENTS);
  const side = optionalWord(fields, "side", SIDES) ??
    (positionIntent?.startsWith("buy") ? "buy" : positionIntent && "sell");
  if (side === undefined) {
    throw malformed("legs[].side or legs[].position_intent is required");
  }
  const ratioQty = optionalPositive(fields, "ratio_qty");
  if (ratioQty === undefined) throw malformed("legs[].ratio_qty is required");
  if (!ratioQty.isInteger()) throw invalid("legs[].ratio_qty must be whole");
  return { symbol, side, positionIntent, ratioQty };
}
