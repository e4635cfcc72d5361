/**
 * What an order is inside the simulated exchange. Times are nanoseconds since
 * the Unix epoch, amounts are exact decimals; the text forms of Alpaca's
 * protocol are made in `order_wire.ts`.
 *
 * @module
 */
import type { Decimal } from "./decimals.ts";

/** Words of Alpaca's `status` field that this exchange uses. */
export type OrderStatus =
  | "pending_new"
  | "accepted"
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
  | "calculated";

/** Words of Alpaca's `type` field. */
export type OrderType =
  | "market"
  | "limit"
  | "stop"
  | "stop_limit"
  | "trailing_stop";

/** How orders belong together; `simple` goes out as an empty word. */
export type OrderClass = "simple" | "bracket" | "oco" | "oto" | "mleg";

/** Words of Alpaca's `side` field. */
export type OrderSide = "buy" | "sell";

/** Words of Alpaca's `time_in_force` field. */
export type TimeInForce = "day" | "gtc" | "opg" | "cls" | "ioc" | "fok";

/** Asset classes this exchange trades. */
export type AssetClass = "us_equity" | "us_option" | "crypto";

/** Words of Alpaca's `position_intent` field. */
export type PositionIntent =
  | "buy_to_open"
  | "buy_to_close"
  | "sell_to_open"
  | "sell_to_close";

/** The part an order plays in its group. */
export type OrderRole =
  | "alone"
  | "entry"
  | "take_profit"
  | "stop_loss"
  | "strategy"
  | "leg";

/** One living or finished order. */
export interface Order {
  readonly id: string;
  readonly clientOrderId: string;
  readonly assetId: string;
  /** Empty for the parent of a multi-leg order. */
  readonly symbol: string;
  readonly assetClass: AssetClass | "";
  readonly orderClass: OrderClass;
  readonly role: OrderRole;
  readonly type: OrderType;
  readonly side: OrderSide | "";
  readonly positionIntent: PositionIntent | "" | undefined;
  readonly timeInForce: TimeInForce;
  readonly extendedHours: boolean;
  readonly notional: Decimal | undefined;
  /** Undefined for orders of a notional amount. */
  qty: Decimal | undefined;
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
  /** The stop price was touched: it behaves as market or limit from now on. */
  triggered: boolean;
  /** A held stop-loss that watches the market beside its take-profit. */
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
  /** When an opening or closing auction order may execute. */
  readonly releaseAt: bigint | undefined;
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

/** Whether nothing can happen to the order any more. */
export function isFinal(order: Order): boolean {
  return FINAL.has(order.status);
}

/** Whether the order rests at the venue and may execute now. */
export function isWorking(order: Order): boolean {
  return WORKING.has(order.status);
}

/** Quantity still to execute; undefined for orders of a notional amount. */
export function remainingQty(order: Order): Decimal | undefined {
  return order.qty?.minus(order.filledQty);
}

/** The order and all that live and end with it: parent first. */
export function orderGroup(order: Order): Order[] {
  const root = order.parent ?? order;
  return [root, ...root.children];
}

/** A change of status and the event that tells of it. */
export interface Move {
  readonly status: OrderStatus;
  readonly event: string;
  readonly reason?: string;
  readonly silent?: boolean;
}
