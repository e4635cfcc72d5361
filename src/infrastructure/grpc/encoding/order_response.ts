/**
 * Encodes order updates with the generated code: they are rare and have many fields.
 *
 * Decimal text is copied digit for digit; enum values are mapped by {@linkcode enumOf}.
 *
 * @module
 */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type Timestamp as ProtoTimestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import type { OrderDetails, OrderLeg, OrderUpdate } from "../../../domain/market/order_events.ts";
import { isTimestamp, type Timestamp } from "../../../domain/market/timestamp.ts";
import {
  type OrderDetailsSchema,
  type OrderUpdateLegSchema,
  StreamOrderUpdatesResponseSchema,
} from "../../../gen/cream/v1/stream_proxy_pb.ts";
import { enumOf } from "./order_enums.ts";

/** Returns the fields that have a value: an optional field of the schema is unset without one. */
function present<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const set = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** Returns the message of a timestamp; an invalid one is left out. */
function time(timestamp: Timestamp | undefined): ProtoTimestamp | undefined {
  if (timestamp === undefined || !isTimestamp(timestamp)) return undefined;
  const { seconds, nanos } = timestamp;
  return create(TimestampSchema, { seconds: BigInt(seconds), nanos });
}

function legOf(leg: OrderLeg): MessageInitShape<typeof OrderUpdateLegSchema> {
  return { ...leg, side: enumOf("side", leg.side) };
}

function orderOf(order: OrderDetails): MessageInitShape<typeof OrderDetailsSchema> {
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
    status: order.status,
    extendedHours: order.extendedHours,
    legs: order.legs.map(legOf),
    ...present({
      limitPrice: order.limitPrice,
      stopPrice: order.stopPrice,
      commission: order.commission,
      createdAt: time(order.createdAt),
      updatedAt: time(order.updatedAt),
      submittedAt: time(order.submittedAt),
      filledAt: time(order.filledAt),
      canceledAt: time(order.canceledAt),
      expiredAt: time(order.expiredAt),
      failedAt: time(order.failedAt),
    }),
  };
}

/** Encodes a `StreamOrderUpdatesResponse`. */
export function encodeOrderUpdate(update: OrderUpdate): Uint8Array {
  return toBinary(
    StreamOrderUpdatesResponseSchema,
    create(StreamOrderUpdatesResponseSchema, {
      update: {
        event: enumOf("event", update.event),
        eventId: update.eventId,
        order: orderOf(update.order),
        ...present({
          timestamp: time(update.timestamp),
          executionId: update.executionId,
          price: update.price,
          qty: update.qty,
          positionQty: update.positionQty,
        }),
      },
    }),
  );
}
