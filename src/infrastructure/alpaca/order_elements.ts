/**
 * Trade updates as domain events (Alpaca: Websocket Streaming, trading).
 *
 * Money stays the text that the broker wrote. Words stay words. Only what
 * identifies the update has to be there: the event and the order's id; every
 * other field may be absent, null or blank, as in the parent of a multi-leg
 * order.
 *
 * @module
 */
import type {
  OrderDetails,
  OrderLeg,
  OrderUpdate,
} from "../../domain/market/order_events.ts";
import { parseRfc3339 } from "../../domain/market/rfc3339.ts";
import { isTimestamp, type Timestamp } from "../../domain/market/timestamp.ts";
import { type Element, isElement } from "./control.ts";
import { BadField } from "./fields.ts";
import { MAX_LEGS, MAX_TEXT_LENGTH } from "./text_limits.ts";

/**
 * Reads the `data` of a `trade_updates` message whose numbers were kept as
 * text.
 *
 * @throws BadField when the event or the order's id is missing, a text has more
 *   than 1,024 characters, or the order has more than 64 legs
 */
export function readOrderUpdate(data: Element): OrderUpdate {
  const order = data.order;
  if (!isElement(order)) throw new BadField("order", order);
  const details = readOrder(order);
  const event = required(data, "event");
  return {
    event,
    eventId: text(data, "event_id") || deriveEventId(data, order),
    timestamp: time(data, "timestamp") ?? time(data, "at"),
    order: details,
    // Blank at the top of a multi-leg update, where it identifies nothing.
    executionId: text(data, "execution_id") || undefined,
    price: optional(data, "price"),
    qty: optional(data, "qty"),
    positionQty: optional(data, "position_qty"),
  };
}

function readOrder(order: Element): OrderDetails {
  return {
    id: required(order, "id"),
    clientOrderId: text(order, "client_order_id"),
    symbol: text(order, "symbol"),
    assetClass: text(order, "asset_class"),
    orderClass: text(order, "order_class"),
    // The twin key `order_type` is deprecated but has the same value.
    orderType: text(order, "type") || text(order, "order_type"),
    side: text(order, "side"),
    timeInForce: text(order, "time_in_force"),
    qty: text(order, "qty"),
    filledQty: text(order, "filled_qty"),
    filledAvgPrice: text(order, "filled_avg_price"),
    limitPrice: optional(order, "limit_price"),
    stopPrice: optional(order, "stop_price"),
    status: text(order, "status"),
    extendedHours: order.extended_hours === true,
    createdAt: time(order, "created_at"),
    updatedAt: time(order, "updated_at"),
    submittedAt: time(order, "submitted_at"),
    filledAt: time(order, "filled_at"),
    canceledAt: time(order, "canceled_at"),
    expiredAt: time(order, "expired_at"),
    failedAt: time(order, "failed_at"),
    commission: optional(order, "commission"),
    legs: readLegs(order.legs),
  };
}

function readLegs(legs: unknown): readonly OrderLeg[] {
  if (!Array.isArray(legs)) return [];
  if (legs.length > MAX_LEGS) throw new BadField("legs", legs);
  return legs.filter(isElement).map(readLeg);
}

function readLeg(leg: Element): OrderLeg {
  return {
    id: text(leg, "id"),
    symbol: text(leg, "symbol"),
    side: text(leg, "side"),
    qty: text(leg, "qty"),
    filledQty: text(leg, "filled_qty"),
    filledAvgPrice: text(leg, "filled_avg_price"),
    ratioQty: text(leg, "ratio_qty"),
    status: text(leg, "status"),
  };
}

/**
 * The same for every repeat of an event and different for every other one:
 * what upstream itself tells them apart by.
 */
function deriveEventId(data: Element, order: Element): string {
  const moment = text(data, "timestamp") || text(data, "at") ||
    text(order, "updated_at");
  const occasion = text(data, "execution_id") ||
    `${moment}:${text(order, "filled_qty")}`;
  return `${text(order, "id")}:${text(data, "event")}:${occasion}`;
}

function required(element: Element, key: string): string {
  const value = optional(element, key);
  if (value) return value;
  throw new BadField(key, element[key]);
}

function optional(element: Element, key: string): string | undefined {
  const value = element[key];
  if (typeof value !== "string") return undefined;
  if (value.length > MAX_TEXT_LENGTH) throw new BadField(key, value);
  return value;
}

function text(element: Element, key: string): string {
  return optional(element, key) ?? "";
}

/** A time that a client can be sent: one of the years 1 to 9999. */
function time(element: Element, key: string): Timestamp | undefined {
  const value = optional(element, key);
  const time = value === undefined ? undefined : parseRfc3339(value);
  return time !== undefined && isTimestamp(time) ? time : undefined;
}
