/**
 * The data of an order. Times are nanoseconds since the Unix epoch, amounts are
 * exact decimals; `order_json.ts` writes both as text.
 *
 * @module
 */
import { Decimal as BaseDecimal } from "decimal.js";
import { isOptionSymbol } from "../protocol/option_symbol.ts";

/** Exact decimal arithmetic for quantities and prices. */
export const Decimal: typeof BaseDecimal = BaseDecimal.clone({
  precision: 60,
  defaults: true,
});
/** One exact decimal number. */
export type Decimal = BaseDecimal;

/** Zero; decimals are immutable. */
export const ZERO: Decimal = new Decimal(0);

/** Decimal places of quantities and of average prices in Alpaca's protocol. */
export const MAX_DECIMAL_PLACES = 9;

/** Plain decimal text without trailing zeros: `402.11`, never `4.0211e+2`. */
export function decimalText(value: Decimal): string {
  return value.isZero() ? "0" : value.toFixed();
}

/** Values of Alpaca's `status` field. */
export type OrderStatus =
  | "pending_new"
  | "new"
  | "held"
  | "partially_filled"
  | "filled"
  | "done_for_day"
  | "canceled"
  | "expired"
  | "replaced"
  | "pending_cancel"
  | "pending_replace"
  | "stopped"
  | "rejected"
  | "suspended"
  | "calculated"
  | "accepted"
  | "pending_review";

/** Values of Alpaca's `type` field. */
export type OrderType =
  | "market"
  | "limit"
  | "stop"
  | "stop_limit"
  | "trailing_stop";

/** Values of Alpaca's `order_class` field; `simple` is sent as empty text. */
export type OrderClass = "simple" | "bracket" | "oco" | "oto" | "mleg";

/** Values of Alpaca's `side` field. */
export type OrderSide = "buy" | "sell";

/** Values of Alpaca's `time_in_force` field that are simulated. */
export type TimeInForce = "day" | "gtc" | "ioc" | "fok";

/** Values of Alpaca's `position_intent` field. */
export type PositionIntent =
  | "buy_to_open"
  | "buy_to_close"
  | "sell_to_open"
  | "sell_to_close";

/** The part of an order in its group. */
export type OrderRole =
  | "alone"
  | "entry"
  | "take_profit"
  | "stop_loss"
  | "strategy"
  | "leg";

/** One open or finished order. */
export interface Order {
  readonly id: string;
  readonly clientOrderId: string;
  readonly assetId: string;
  /** Empty for the parent of a multi-leg order. */
  readonly symbol: string;
  readonly orderClass: OrderClass;
  readonly role: OrderRole;
  readonly type: OrderType;
  readonly side: OrderSide | "";
  readonly positionIntent: PositionIntent | "" | undefined;
  readonly timeInForce: TimeInForce;
  readonly extendedHours: boolean;
  qty: Decimal;
  /** Units of this leg in one unit of its multi-leg parent. */
  readonly ratioQty: Decimal | undefined;
  readonly limitPrice: Decimal | undefined;
  stopPrice: Decimal | undefined;
  readonly trailPercent: Decimal | undefined;
  readonly trailPrice: Decimal | undefined;
  /** High (sell) or low (buy) water mark of a trailing stop. */
  waterMark: Decimal | undefined;
  status: OrderStatus;
  filledQty: Decimal;
  /** Sum of price times quantity over all executions. */
  filledValue: Decimal;
  /** The stop price was reached: from now on a market or limit order. */
  triggered: boolean;
  /** A held stop-loss that becomes active when its stop price is reached. */
  watching: boolean;
  readonly createdAt: bigint;
  updatedAt: bigint;
  readonly submittedAt: bigint;
  filledAt: bigint | undefined;
  expiredAt: bigint | undefined;
  expiresAt: bigint | undefined;
  cancelRequestedAt: bigint | undefined;
  canceledAt: bigint | undefined;
  failedAt: bigint | undefined;
  replacedAt: bigint | undefined;
  replacedBy: string | undefined;
  readonly replaces: string | undefined;
  parent: Order | undefined;
  children: Order[];
}

const FINAL: ReadonlySet<OrderStatus> = new Set<OrderStatus>([
  "filled",
  "canceled",
  "expired",
  "replaced",
  "rejected",
]);

/** Statuses in which an order may execute. */
const WORKING: ReadonlySet<OrderStatus> = new Set<OrderStatus>([
  "new",
  "partially_filled",
  "stopped",
]);

/** Whether the order has ended. */
export function isFinal(order: Order): boolean {
  return FINAL.has(order.status);
}

/** Whether the order may execute now. */
export function isWorking(order: Order): boolean {
  return WORKING.has(order.status);
}

/** Quantity still to execute. */
export function remainingQty(order: Order): Decimal {
  return order.qty.minus(order.filledQty);
}

/** The asset class of a symbol: an option for an OCC symbol, else a stock. */
export function assetClassOf(symbol: string): "us_equity" | "us_option" {
  return isOptionSymbol(symbol) ? "us_option" : "us_equity";
}

/** A change of status and its event. */
export interface StatusChange {
  readonly status: OrderStatus;
  readonly event: string;
  readonly reason?: string;
  readonly silent?: boolean;
}
