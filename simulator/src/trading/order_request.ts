/**
 * Reads the body of `POST /v2/orders`: JSON of unknown shape in, typed values
 * out; a malformed field is a rejection in Alpaca's error shape. The rules of
 * the exchange are in `order_rules.ts`.
 *
 * @module
 */
import {
  Decimal,
  MAX_DECIMAL_PLACES,
  type OrderClass,
  type OrderSide,
  type OrderType,
  type PositionIntent,
  type TimeInForce,
} from "./order.ts";

/**
 * A request that is rejected before anything was changed, in Alpaca's error
 * shape: `{"code": 42210000, "message": "…"}` with an HTTP status.
 */
export class OrderRejection extends Error {
  /** Always `OrderRejection`. */
  override readonly name = "OrderRejection";
  /** HTTP status of the reply. */
  readonly status: 400 | 404 | 422;
  /** Alpaca's eight-digit error code; it begins with the status. */
  readonly code: number;

  /** The message is that of the reply. */
  constructor(status: 400 | 404 | 422, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** A field of the request is invalid (422). */
export function invalid(message: string): OrderRejection {
  return new OrderRejection(422, 42210000, message);
}

/** A field of the request is missing or malformed (400). */
function malformed(message: string): OrderRejection {
  return new OrderRejection(400, 40010001, message);
}

/** An order of the request does not exist (404). */
export function notFound(message: string): OrderRejection {
  return new OrderRejection(404, 40410000, message);
}

/** All values of `type`. */
const ORDER_TYPES: readonly OrderType[] = [
  "market",
  "limit",
  "stop",
  "stop_limit",
  "trailing_stop",
];
/** All values of `time_in_force`. */
export const TIMES_IN_FORCE: readonly TimeInForce[] = [
  "day",
  "gtc",
  "ioc",
  "fok",
];
/** All values of `side`. */
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

/** The prices of a stop-loss leg. */
interface StopLoss {
  readonly stopPrice: Decimal;
  readonly limitPrice: Decimal | undefined;
}

/** One leg of a multi-leg option request. */
interface LegRequest {
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
  readonly qty: Decimal;
  readonly limitPrice: Decimal | undefined;
  readonly stopPrice: Decimal | undefined;
  readonly trailPrice: Decimal | undefined;
  readonly trailPercent: Decimal | undefined;
  readonly takeProfit: Decimal | undefined;
  readonly stopLoss: StopLoss | undefined;
  readonly legs: readonly LegRequest[];
}

/** Reads a request body; throws an `OrderRejection` for an invalid field. */
export function parseOrderRequest(body: unknown): OrderRequest {
  const fields = objectOf(body, "request body");
  const orderClass = optionalValue(fields, "order_class", CLASSES) ?? "simple";
  const multiLeg = orderClass === "mleg";
  const symbol = multiLeg ? "" : optionalText(fields, "symbol");
  if (symbol === undefined) throw malformed("symbol is required");
  const qty = optionalPositive(fields, "qty");
  if (qty === undefined) throw malformed("qty is required");
  const readPrice = priceReader(multiLeg);
  return {
    clientOrderId: clientOrderIdOf(fields),
    symbol,
    orderClass,
    type: requiredValue(fields, "type", ORDER_TYPES),
    side: multiLeg ? "" : requiredValue(fields, "side", SIDES),
    positionIntent: optionalValue(fields, "position_intent", INTENTS),
    timeInForce: requiredValue(fields, "time_in_force", TIMES_IN_FORCE),
    extendedHours: flag(fields, "extended_hours"),
    qty,
    limitPrice: readPrice(fields, "limit_price"),
    stopPrice: readPrice(fields, "stop_price"),
    trailPrice: optionalPositive(fields, "trail_price"),
    trailPercent: optionalPositive(fields, "trail_percent"),
    takeProfit: takeProfitOf(fields),
    stopLoss: stopLossOf(fields),
    legs: legsOf(fields),
  };
}

/** Reads and checks `client_order_id`; undefined when absent. */
export function clientOrderIdOf(fields: Fields): string | undefined {
  const id = optionalText(fields, "client_order_id");
  if (id !== undefined && id.length > MAX_CLIENT_ORDER_ID) {
    throw malformed("client_order_id must be no more than 128 characters");
  }
  return id;
}

/** Reads a price; the net price of a multi-leg order may be a credit. */
export function priceReader(
  multiLeg: boolean,
): (fields: Fields, name: string) => Decimal | undefined {
  return multiLeg ? optionalAmount : optionalPrice;
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
  const positionIntent = optionalValue(fields, "position_intent", INTENTS);
  const side = optionalValue(fields, "side", SIDES) ??
    (positionIntent?.startsWith("buy") ? "buy" : positionIntent && "sell");
  if (side === undefined) {
    throw malformed("legs[].side or legs[].position_intent is required");
  }
  const ratioQty = optionalPositive(fields, "ratio_qty");
  if (ratioQty === undefined) throw malformed("legs[].ratio_qty is required");
  if (!ratioQty.isInteger()) throw invalid("legs[].ratio_qty must be whole");
  return { symbol, side, positionIntent, ratioQty };
}

/** A JSON object with unchecked fields. */
export type Fields = Readonly<Record<string, unknown>>;

/** The value as a JSON object; throws a rejection that names `name`. */
export function objectOf(value: unknown, name: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Fields;
  }
  throw malformed(`${name} must be a JSON object`);
}

/** Text of a field; undefined when absent, null or empty. */
function optionalText(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "string") return value;
  throw malformed(`${name} must be a string`);
}

/** One of a closed set of values; undefined when absent. */
export function optionalValue<V extends string>(
  fields: Fields,
  name: string,
  values: readonly V[],
): V | undefined {
  const text = optionalText(fields, name);
  if (text === undefined) return undefined;
  const value = values.find((candidate) => candidate === text);
  if (value === undefined) throw invalid(`invalid ${name}: "${text}"`);
  return value;
}

/** One of a closed set of values; required. */
function requiredValue<V extends string>(
  fields: Fields,
  name: string,
  values: readonly V[],
): V {
  const value = optionalValue(fields, name, values);
  if (value === undefined) throw malformed(`${name} is required`);
  return value;
}

/** A decimal amount of either sign; undefined when absent. */
function optionalAmount(
  fields: Fields,
  name: string,
): Decimal | undefined {
  const value = fields[name];
  if (value === undefined || value === null || value === "") return undefined;
  const text = typeof value === "number" ? String(value) : value;
  if (
    typeof text !== "string" || !/^[+-]?\d+(\.\d*)?$|^[+-]?\.\d+$/.test(text)
  ) {
    throw malformed(`${name} must be a decimal number`);
  }
  const amount = new Decimal(text);
  if (amount.decimalPlaces() > MAX_DECIMAL_PLACES) {
    throw invalid(`${name} must be limited to 9 decimal places`);
  }
  return amount;
}

/** A decimal amount above zero; undefined when absent. */
export function optionalPositive(
  fields: Fields,
  name: string,
): Decimal | undefined {
  const amount = optionalAmount(fields, name);
  if (amount !== undefined && !amount.greaterThan(0)) {
    throw invalid(`${name} must be > 0`);
  }
  return amount;
}

/** A price above zero within the sub-penny rule of US equities. */
function optionalPrice(
  fields: Fields,
  name: string,
): Decimal | undefined {
  const price = optionalPositive(fields, name);
  if (price === undefined) return undefined;
  const allowed = price.greaterThanOrEqualTo(1) ? 2 : 4;
  if (price.decimalPlaces() > allowed) {
    throw invalid(
      `invalid ${name} ${price.toFixed()}. sub-penny increment does not ` +
        "fulfill minimum pricing criteria",
    );
  }
  return price;
}

/** A boolean; false when absent. */
function flag(fields: Fields, name: string): boolean {
  const value = fields[name];
  if (value === undefined || value === null) return false;
  if (typeof value === "boolean") return value;
  throw malformed(`${name} must be a boolean`);
}
