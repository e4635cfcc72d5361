/**
 * Order updates as the JSON of Alpaca's trading stream, for those that were derived from REST.
 *
 * @module
 */
import type { OrderDetails, OrderLeg, OrderUpdate } from "../../domain/market/order_events.ts";
import type { Timestamp } from "../../domain/market/timestamp.ts";

/** Returns the message of an update. */
export function orderUpdateJson(update: OrderUpdate): string {
  const { event, eventId, executionId, price, qty, positionQty, order } = update;
  const at = timeOf(update.timestamp ?? order.updatedAt);
  return JSON.stringify({
    stream: "trade_updates",
    data: {
      event,
      event_id: eventId,
      execution_id: executionId ?? null,
      at,
      timestamp: at,
      price,
      qty,
      position_qty: positionQty,
      order: orderOf(order),
    },
  });
}

/** An order as REST has it, with the state after the update. */
function orderOf(order: OrderDetails): Readonly<Record<string, unknown>> {
  return {
    ...(order.source ?? fieldsOf(order)),
    updated_at: timeOf(order.updatedAt),
    filled_at: timeOf(order.filledAt),
    expired_at: timeOf(order.expiredAt),
    canceled_at: timeOf(order.canceledAt),
    failed_at: timeOf(order.failedAt),
    filled_qty: order.filledQty || "0",
    filled_avg_price: order.filledAvgPrice || null,
    status: order.status,
  };
}

/** Every field that clients expect; those that are not known are null. */
function fieldsOf(order: OrderDetails): Readonly<Record<string, unknown>> {
  return {
    id: order.id,
    client_order_id: order.clientOrderId,
    created_at: timeOf(order.createdAt),
    submitted_at: timeOf(order.submittedAt),
    replaced_at: null,
    replaced_by: null,
    replaces: null,
    asset_id: null,
    symbol: order.symbol,
    asset_class: order.assetClass,
    notional: null,
    qty: order.qty || null,
    order_class: order.orderClass,
    order_type: order.orderType,
    type: order.orderType,
    side: order.side,
    time_in_force: order.timeInForce,
    limit_price: order.limitPrice ?? null,
    stop_price: order.stopPrice ?? null,
    extended_hours: order.extendedHours,
    legs: order.legs.length === 0 ? null : order.legs.map(legOf),
    trail_percent: null,
    trail_price: null,
    hwm: null,
    commission: order.commission,
  };
}

function legOf(leg: OrderLeg): Readonly<Record<string, unknown>> {
  return {
    id: leg.id,
    symbol: leg.symbol,
    side: leg.side,
    qty: leg.qty || null,
    filled_qty: leg.filledQty || "0",
    filled_avg_price: leg.filledAvgPrice || null,
    ratio_qty: leg.ratioQty || null,
    status: leg.status,
    legs: null,
  };
}

function timeOf(time: Timestamp | undefined): string | null {
  if (time === undefined) return null;
  const second = new Date(time.seconds * 1_000).toISOString().slice(0, -5);
  const fraction = String(time.nanos).padStart(9, "0").replace(/0+$/, "");
  return fraction === "" ? `${second}Z` : `${second}.${fraction}Z`;
}
