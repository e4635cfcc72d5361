/**
 * Order updates: rare enough for the generated code, and too many fields to
 * write twice.
 *
 * Decimal text passes through digit for digit; words become numbers by
 * {@linkcode numberOf}.
 *
 * @module
 */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { Timestamp as ProtoTimestamp } from "@bufbuild/protobuf/wkt";
import type {
  OrderDetails,
  OrderLeg,
  OrderUpdate,
} from "../../../domain/market/order_events.ts";
import type { Timestamp } from "../../../domain/market/timestamp.ts";
import {
  type OrderDetailsSchema,
  type OrderUpdateLegSchema,
  type OrderUpdateSchema,
  StreamOrderUpdatesResponseSchema,
} from "../../../gen/cream/v1/stream_proxy_pb.ts";
import { numberOf } from "./order_words.ts";
import { toProtoTimestamp } from "./proto_timestamp.ts";

/** Fields that are left out when undefined: absent and unset are the same. */
function optional<const K extends string, V>(
  key: K,
  value: V | undefined,
): { readonly [P in K]?: V } {
  // One key of the literal type K; TypeScript widens computed keys.
  return value === undefined ? {} : { [key]: value } as { [P in K]: V };
}

function time<const K extends string>(
  key: K,
  value: Timestamp | undefined,
): { readonly [P in K]?: ProtoTimestamp } {
  return optional(key, value && toProtoTimestamp(value));
}

function legOf(
  leg: OrderLeg,
): MessageInitShape<typeof OrderUpdateLegSchema> {
  return {
    id: leg.id,
    symbol: leg.symbol,
    side: numberOf("side", leg.side),
    qty: leg.qty,
    filledQty: leg.filledQty,
    filledAvgPrice: leg.filledAvgPrice,
    ratioQty: leg.ratioQty,
    status: leg.status,
  };
}

function orderOf(
  order: OrderDetails,
): MessageInitShape<typeof OrderDetailsSchema> {
  return {
    id: order.id,
    clientOrderId: order.clientOrderId,
    symbol: order.symbol,
    assetClass: numberOf("asset_class", order.assetClass),
    orderClass: numberOf("order_class", order.orderClass),
    orderType: numberOf("order_type", order.orderType),
    side: numberOf("side", order.side),
    timeInForce: numberOf("time_in_force", order.timeInForce),
    qty: order.qty,
    filledQty: order.filledQty,
    filledAvgPrice: order.filledAvgPrice,
    ...optional("limitPrice", order.limitPrice),
    ...optional("stopPrice", order.stopPrice),
    status: order.status,
    extendedHours: order.extendedHours,
    ...time("createdAt", order.createdAt),
    ...time("updatedAt", order.updatedAt),
    ...time("submittedAt", order.submittedAt),
    ...time("filledAt", order.filledAt),
    ...time("canceledAt", order.canceledAt),
    ...time("expiredAt", order.expiredAt),
    ...time("failedAt", order.failedAt),
    legs: order.legs.map((leg) => legOf(leg)),
    ...optional("commission", order.commission),
  };
}

function updateOf(
  update: OrderUpdate,
): MessageInitShape<typeof OrderUpdateSchema> {
  return {
    event: numberOf("event", update.event),
    eventId: update.eventId,
    ...time("timestamp", update.timestamp),
    order: orderOf(update.order),
    ...optional("executionId", update.executionId),
    ...optional("price", update.price),
    ...optional("qty", update.qty),
    ...optional("positionQty", update.positionQty),
  };
}

/** A `StreamOrderUpdatesResponse`. */
export function encodeOrderUpdate(
  update: OrderUpdate,
): Uint8Array {
  return toBinary(
    StreamOrderUpdatesResponseSchema,
    create(StreamOrderUpdatesResponseSchema, {
      update: updateOf(update),
    }),
  );
}
