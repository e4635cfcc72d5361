/**
 * Encodes order updates with the generated code: they are rare and have many
 * fields.
 *
 * Decimal text is copied digit for digit; enum values are mapped by
 * {@linkcode enumOf}.
 *
 * @module
 */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { Timestamp as ProtoTimestamp } from "@bufbuild/protobuf/wkt";
import type { OrderDetails, OrderLeg, OrderUpdate } from "../../../domain/market/order_events.ts";
import type { Timestamp } from "../../../domain/market/timestamp.ts";
import {
  type OrderDetailsSchema,
  type OrderUpdateLegSchema,
  type OrderUpdateSchema,
  StreamOrderUpdatesResponseSchema,
} from "../../../gen/cream/v1/stream_proxy_pb.ts";
import { enumOf } from "./order_enums.ts";
import { toProtoTimestamp } from "./proto_timestamp.ts";

/** Returns an object with the field, without it when undefined. */
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
    side: enumOf("side", leg.side),
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
    assetClass: enumOf("asset_class", order.assetClass),
    orderClass: enumOf("order_class", order.orderClass),
    orderType: enumOf("order_type", order.orderType),
    side: enumOf("side", order.side),
    timeInForce: enumOf("time_in_force", order.timeInForce),
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
    event: enumOf("event", update.event),
    eventId: update.eventId,
    ...time("timestamp", update.timestamp),
    order: orderOf(update.order),
    ...optional("executionId", update.executionId),
    ...optional("price", update.price),
    ...optional("qty", update.qty),
    ...optional("positionQty", update.positionQty),
  };
}

/** Encodes a `StreamOrderUpdatesResponse`. */
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
