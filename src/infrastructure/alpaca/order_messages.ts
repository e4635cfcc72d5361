/**
 * Trade updates as domain events (Alpaca: Websocket Streaming, trading).
 *
 * Money stays Alpaca's text, and enumerated values stay text. Only the event and the order's id
 * are required; any other field may be absent, null or empty, as in the parent of a multi-leg
 * order.
 *
 * @module
 */
import type { OrderDetails, OrderLeg, OrderUpdate } from "../../domain/market/order_events.ts";
import { isCorrection } from "../../domain/orders/reconcile.ts";
import { isTimestamp, parseRfc3339, type Timestamp } from "../../domain/market/timestamp.ts";
import { InvalidField, isMessage, MAX_TEXT_LENGTH, type Message } from "./fields.ts";

/** Legs of one order; real ones have at most 4. */
export const MAX_LEGS = 64;

/**
 * Reads the `data` of a `trade_updates` message whose numbers are still text.
 *
 * @throws InvalidField when the event or the order's id is missing, a text has more than 1,024
 *   characters, or the order has more than 64 legs
 */
export function readOrderUpdate(data: Message): OrderUpdate {
  const order = data.order;
  if (!isMessage(order)) throw new InvalidField("order", order);
  const details = readOrderDetails(order);
  const event = required(data, "event");
  return {
    event,
    eventId: text(data, "event_id") || deriveEventId(data, order),
    timestamp: time(data, "timestamp") ?? time(data, "at"),
    order: details,
    // Empty in a multi-leg update, where it identifies nothing.
    executionId: text(data, "execution_id") || undefined,
    price: optional(data, "price"),
    qty: optional(data, "qty"),
    positionQty: optional(data, "position_qty"),
  };
}

/**
 * Reads an order whose numbers are text.
 *
 * @throws InvalidField when it has no id, a text that is too long or too many legs
 */
export function readOrderDetails(order: Message): OrderDetails {
  return {
    id: required(order, "id"),
    clientOrderId: text(order, "client_order_id"),
    symbol: text(order, "symbol"),
    assetClass: text(order, "asset_class"),
    orderClass: text(order, "order_class"),
    // `order_type` is deprecated and has the same value.
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
  if (legs.length > MAX_LEGS) throw new InvalidField("legs", legs);
  return legs.filter(isMessage).map(readLeg);
}

function readLeg(leg: Message): OrderLeg {
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
 * Derives an id that is equal for repeats of an event and different for any other, from the fields
 * by which Alpaca identifies an event.
 */
function deriveEventId(data: Message, order: Message): string {
  const moment = text(data, "timestamp") || text(data, "at") ||
    text(order, "updated_at");
  const event = text(data, "event");
  const execution = text(data, "execution_id");
  const state = `${moment}:${text(order, "filled_qty")}`;
  let occasion = execution || state;
  // An execution can be corrected several times.
  if (isCorrection(event)) occasion = `${state}:${text(data, "price")}:${execution}`;
  return `${text(order, "id")}:${event}:${occasion}`;
}

function required(message: Message, key: string): string {
  const value = optional(message, key);
  if (value) return value;
  throw new InvalidField(key, message[key]);
}

function optional(message: Message, key: string): string | undefined {
  const value = message[key];
  if (typeof value !== "string") return undefined;
  if (value.length > MAX_TEXT_LENGTH) throw new InvalidField(key, value);
  return value;
}

function text(message: Message, key: string): string {
  return optional(message, key) ?? "";
}

/** Reads a time in the years 1 to 9999; no message to a client holds another. */
function time(message: Message, key: string): Timestamp | undefined {
  const value = optional(message, key);
  const time = value === undefined ? undefined : parseRfc3339(value);
  return time !== undefined && isTimestamp(time) ? time : undefined;
}
