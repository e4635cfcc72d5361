/**
 * Orders and trade updates as Alpaca writes them, in streams and in REST:
 * decimals and timestamps are text, every field is there, what is not known
 * is null (Alpaca docs "Websocket Streaming", "Orders").
 *
 * @module
 */
import { averagePrice, type Decimal, decimalText } from "./decimals.ts";
import type { Order } from "./order.ts";
import { formatInstant } from "./timestamps.ts";

const NEW_YORK_SUMMER_OFFSET = -240;

/**
 * How the times of an order are written: all in UTC, or as Alpaca also does,
 * `created_at`, `submitted_at` and `filled_at` with a `-04:00` offset.
 */
export type OrderTimestamps = "utc" | "mixed";

/** Choices of {@linkcode renderOrder}. */
export interface OrderFormat {
  /** Default `utc`. */
  readonly timestamps?: OrderTimestamps;
  /** The word for orders without a class: empty (default) or `simple`. */
  readonly simpleClass?: "" | "simple";
  /** Whether `legs` are written out; default true. */
  readonly nested?: boolean;
}

/** The order object of Alpaca's protocol. */
export interface WireOrder {
  id: string;
  client_order_id: string;
  created_at: string;
  updated_at: string;
  submitted_at: string;
  filled_at: string | null;
  expired_at: string | null;
  expires_at: string | null;
  cancel_requested_at: string | null;
  canceled_at: string | null;
  failed_at: string | null;
  replaced_at: string | null;
  replaced_by: string | null;
  replaces: string | null;
  asset_id: string;
  symbol: string;
  asset_class: string;
  notional: string | null;
  qty: string | null;
  filled_qty: string;
  filled_avg_price: string | null;
  order_class: string;
  order_type: string;
  type: string;
  side: string;
  position_intent?: string;
  time_in_force: string;
  limit_price: string | null;
  stop_price: string | null;
  status: string;
  extended_hours: boolean;
  legs: WireOrder[] | null;
  trail_percent: string | null;
  trail_price: string | null;
  hwm: string | null;
  ratio_qty: string | null;
  subtag: string | null;
  source: string | null;
}

/** One execution of a leg inside a multi-leg update. */
export interface WireLegFill {
  order_id: string;
  execution_id: string;
  symbol: string;
  qty: string;
  price: string;
  timestamp: string;
}

/** The `data` of a `trade_updates` message. */
export interface TradeUpdate {
  event: string;
  event_id: string;
  at: string;
  timestamp: string;
  execution_id?: string;
  previous_execution_id?: string;
  price?: string;
  qty?: string;
  position_qty?: string;
  position_qtys?: Record<string, string>;
  legs?: WireLegFill[];
  reason?: string;
  order: WireOrder;
}

/** Writes an order as it is at this moment. */
export function renderOrder(order: Order, format: OrderFormat = {}): WireOrder {
  const { timestamps = "utc", simpleClass = "", nested = true } = format;
  const local = {
    offsetMinutes: timestamps === "mixed" ? NEW_YORK_SUMMER_OFFSET : 0,
  };
  const type = order.role === "leg" ? "" : order.type;
  return {
    id: order.id,
    client_order_id: order.clientOrderId,
    created_at: formatInstant(order.createdAt, local),
    updated_at: formatInstant(order.updatedAt),
    submitted_at: formatInstant(order.submittedAt, local),
    filled_at: instantOrNull(order.filledAt, local.offsetMinutes),
    ...endings(order),
    asset_id: order.assetId,
    symbol: order.symbol,
    asset_class: order.assetClass,
    notional: textOrNull(order.notional),
    qty: textOrNull(order.qty),
    filled_qty: decimalText(order.filledQty),
    filled_avg_price: textOrNull(
      averagePrice(order.filledValue, order.filledQty),
    ),
    order_class: order.orderClass === "simple" ? simpleClass : order.orderClass,
    order_type: type,
    type,
    side: order.side,
    ...(order.positionIntent === undefined
      ? {}
      : { position_intent: order.positionIntent }),
    time_in_force: order.timeInForce,
    limit_price: textOrNull(order.limitPrice),
    stop_price: textOrNull(order.stopPrice),
    status: order.status,
    extended_hours: order.extendedHours,
    legs: nested && order.children.length > 0
      ? order.children.map((child) => renderOrder(child, format))
      : null,
    trail_percent: textOrNull(order.trailPercent),
    trail_price: textOrNull(order.trailPrice),
    hwm: textOrNull(order.waterMark),
    ratio_qty: textOrNull(order.ratioQty),
    subtag: null,
    source: null,
  };
}

function endings(order: Order) {
  return {
    expired_at: instantOrNull(order.expiredAt),
    expires_at: instantOrNull(order.expiresAt),
    cancel_requested_at: instantOrNull(order.cancelRequestedAt),
    canceled_at: instantOrNull(order.canceledAt),
    failed_at: instantOrNull(order.failedAt),
    replaced_at: instantOrNull(order.replacedAt),
    replaced_by: order.replacedBy ?? null,
    replaces: order.replaces ?? null,
  };
}

function textOrNull(value: Decimal | undefined): string | null {
  return value === undefined ? null : decimalText(value);
}

function instantOrNull(
  nanos: bigint | undefined,
  offsetMinutes = 0,
): string | null {
  return nanos === undefined ? null : formatInstant(nanos, { offsetMinutes });
}
