/**
 * Orders and trade updates in Alpaca's JSON, in streams and in REST: decimals
 * and timestamps are text, every field is present, unknown ones are null
 * (Alpaca docs "Websocket Streaming", "Orders").
 *
 * @module
 */
import { formatTimestamp, timestampFromNanos } from "../protocol/timestamp.ts";
import { assetClassOf, Decimal, decimalText, MAX_DECIMAL_PLACES, type Order } from "./order.ts";

/** An order as Alpaca sends it; its fields are those of the docs "Orders". */
export type OrderJson = {
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
  legs: OrderJson[] | null;
  trail_percent: string | null;
  trail_price: string | null;
  hwm: string | null;
  ratio_qty: string | null;
  subtag: string | null;
  source: string | null;
};

/** One execution of a leg inside a multi-leg update. */
export type LegFillJson = {
  order_id: string;
  execution_id: string;
  symbol: string;
  qty: string;
  price: string;
  timestamp: string;
};

/** The `data` of a `trade_updates` message. */
export type TradeUpdate = {
  event: string;
  event_id?: string;
  at: string;
  timestamp: string;
  execution_id?: string;
  previous_execution_id?: string;
  price?: string;
  qty?: string;
  position_qty?: string;
  position_qtys?: Record<string, string>;
  legs?: LegFillJson[];
  reason?: string;
  order: OrderJson;
};

/** Writes the current state of an order; legs are null unless `nested`. */
export function renderOrder(order: Order, nested = true): OrderJson {
  const type = order.role === "leg" ? "" : order.type;
  return {
    id: order.id,
    client_order_id: order.clientOrderId,
    created_at: timeText(order.createdAt),
    updated_at: timeText(order.updatedAt),
    submitted_at: timeText(order.submittedAt),
    filled_at: timeOrNull(order.filledAt),
    ...endings(order),
    asset_id: order.assetId,
    symbol: order.symbol,
    asset_class: order.symbol === "" ? "" : assetClassOf(order.symbol),
    notional: null,
    qty: decimalText(order.qty),
    filled_qty: decimalText(order.filledQty),
    filled_avg_price: textOrNull(averagePrice(order)),
    order_class: order.orderClass === "simple" ? "" : order.orderClass,
    order_type: type,
    type,
    side: order.side,
    ...(order.positionIntent === undefined ? {} : { position_intent: order.positionIntent }),
    time_in_force: order.timeInForce,
    limit_price: textOrNull(order.limitPrice),
    stop_price: textOrNull(order.stopPrice),
    status: order.status,
    extended_hours: order.extendedHours,
    legs: nested && order.children.length > 0
      ? order.children.map((child) => renderOrder(child))
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
    expired_at: timeOrNull(order.expiredAt),
    expires_at: timeOrNull(order.expiresAt),
    cancel_requested_at: timeOrNull(order.cancelRequestedAt),
    canceled_at: timeOrNull(order.canceledAt),
    failed_at: timeOrNull(order.failedAt),
    replaced_at: timeOrNull(order.replacedAt),
    replaced_by: order.replacedBy ?? null,
    replaces: order.replaces ?? null,
  };
}

function textOrNull(value: Decimal | undefined): string | null {
  return value === undefined ? null : decimalText(value);
}

/** Average price of what was executed, to nine decimal places. */
function averagePrice({ filledValue, filledQty }: Order): Decimal | undefined {
  if (filledQty.isZero()) return undefined;
  return filledValue.div(filledQty)
    .toDecimalPlaces(MAX_DECIMAL_PLACES, Decimal.ROUND_HALF_UP);
}

/** Nanoseconds since the Unix epoch as RFC 3339 text. */
export function timeText(nanos: bigint): string {
  return formatTimestamp(timestampFromNanos(nanos));
}

function timeOrNull(nanos: bigint | undefined): string | null {
  return nanos === undefined ? null : timeText(nanos);
}
