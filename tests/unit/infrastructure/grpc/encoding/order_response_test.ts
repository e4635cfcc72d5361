/** Enum values, text and times of order updates. */
import assert from "node:assert/strict";
import { fromBinary } from "@bufbuild/protobuf";
import {
  ORDER_ENUMS,
  type OrderDetails,
  type OrderField,
  type OrderUpdate,
} from "../../../../../src/domain/market/order_events.ts";
import {
  AssetClass,
  OrderClass,
  OrderEvent,
  type OrderUpdate as OrderUpdateMessage,
  StreamOrderUpdatesResponseSchema,
} from "../../../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { OrderType, TimeInForce } from "../../../../../src/gen/cream/v1/common_pb.ts";
import { OrderSide } from "../../../../../src/gen/cream/v1/execution_pb.ts";
import { createEncoders } from "../../../../../src/infrastructure/grpc/encoding/channel_encoders.ts";
import { enumOf } from "../../../../../src/infrastructure/grpc/encoding/order_enums.ts";
import { at, GOLDEN_ORDER_UPDATE } from "../../../../support/grpc_events.ts";

interface Sent {
  readonly update: OrderUpdateMessage;
}

/** Decodes an update like a client. */
function send(change: Partial<OrderUpdate>): Sent {
  const { orderUpdates } = createEncoders();
  const { update } = fromBinary(
    StreamOrderUpdatesResponseSchema,
    orderUpdates({ ...GOLDEN_ORDER_UPDATE, ...change }),
  );
  assert(update?.order);
  return { update };
}

function sendOrder(change: Partial<OrderDetails>): Sent {
  return send({ order: { ...GOLDEN_ORDER_UPDATE.order, ...change } });
}

Deno.test("every event of the contract has its number", () => {
  const words = [
    "new",
    "fill",
    "partial_fill",
    "canceled",
    "expired",
    "rejected",
    "pending_new",
    "stopped",
    "replaced",
    "suspended",
    "pending_cancel",
    "pending_replace",
    "calculated",
    "done_for_day",
    "trade_bust",
  ];
  assert.deepEqual(
    words.map((event) => send({ event }).update.event),
    words.map((_, i) => i + 1),
  );
});

Deno.test("events that the schema does not have are sent as 0", () => {
  for (const event of ["order_cancel_rejected", "order_replace_rejected"]) {
    assert.equal(send({ event }).update.event, OrderEvent.UNSPECIFIED);
  }
});

Deno.test("unknown values are sent as 0", () => {
  const { update } = send({
    event: "restated",
    order: {
      ...GOLDEN_ORDER_UPDATE.order,
      assetClass: "crypto_perp",
      orderClass: "ladder",
      orderType: "pegged",
      side: "borrow",
      timeInForce: "gtd",
    },
  });
  const order = update.order;
  assert.deepEqual(
    [
      update.event,
      order?.assetClass,
      order?.orderClass,
      order?.orderType,
      order?.side,
      order?.timeInForce,
    ],
    [0, 0, 0, 0, 0, 0],
  );
});

Deno.test("values that are property names of objects are unknown", () => {
  const { update } = send({ event: "constructor" });
  assert.equal(update.event, OrderEvent.UNSPECIFIED);
});

Deno.test("every value of the schema belongs to a documented value of Alpaca", () => {
  const enums = {
    event: OrderEvent,
    asset_class: AssetClass,
    order_class: OrderClass,
    order_type: OrderType,
    side: OrderSide,
    time_in_force: TimeInForce,
  };
  for (const [kind, values] of Object.entries(enums)) {
    const field = kind as OrderField;
    const sent: number[] = ORDER_ENUMS[field].map((word) => enumOf(field, word));
    const numbers = Object.values(values).filter((value) => typeof value === "number" && value > 0);
    for (const number of numbers) {
      assert.equal(sent.includes(number), true, `${field} ${number}`);
    }
  }
});

Deno.test("documented events without a number are unspecified", () => {
  const events = ["accepted", "held", "restated", "trade_correct", "pending_review"];
  for (const event of [...events, "order_replace_rejected", "order_cancel_rejected"]) {
    assert.equal(send({ event }).update.event, OrderEvent.UNSPECIFIED, event);
  }
});

Deno.test("a value in other capitals is not documented", () => {
  assert.equal(send({ event: "Fill" }).update.event, OrderEvent.UNSPECIFIED);
});

Deno.test("every order type, side, class and time in force has its number", () => {
  const table: [keyof OrderDetails & keyof typeof expected, string[]][] = [
    ["orderType", ["limit", "market", "stop", "stop_limit", "trailing_stop"]],
    ["side", ["buy", "sell"]],
    ["orderClass", ["simple", "bracket", "oco", "oto", "mleg"]],
    ["assetClass", ["us_equity", "us_option", "crypto"]],
    ["timeInForce", ["day", "gtc", "ioc", "fok", "opg", "cls"]],
  ];
  const expected = {
    orderType: [
      OrderType.LIMIT,
      OrderType.MARKET,
      OrderType.STOP,
      OrderType.STOP_LIMIT,
      OrderType.TRAILING_STOP,
    ],
    side: [OrderSide.BUY, OrderSide.SELL],
    orderClass: [
      OrderClass.SIMPLE,
      OrderClass.BRACKET,
      OrderClass.OCO,
      OrderClass.OTO,
      OrderClass.MLEG,
    ],
    assetClass: [
      AssetClass.US_EQUITY,
      AssetClass.US_OPTION,
      AssetClass.CRYPTO,
    ],
    timeInForce: [
      TimeInForce.DAY,
      TimeInForce.GTC,
      TimeInForce.IOC,
      TimeInForce.FOK,
      TimeInForce.OPG,
      TimeInForce.CLS,
    ],
  };
  for (const [field, words] of table) {
    const sent = words.map((word) => sendOrder({ [field]: word }));
    assert.deepEqual(
      sent.map(({ update }) => update.order?.[field]),
      expected[field],
      field,
    );
  }
});

Deno.test("an empty order class is a simple order", () => {
  const { update } = sendOrder({ orderClass: "" });
  assert.equal(update.order?.orderClass, OrderClass.SIMPLE);
});

Deno.test("the empty fields of a multi-leg parent are valid", () => {
  const { update } = sendOrder({
    symbol: "",
    side: "",
    assetClass: "",
    orderClass: "mleg",
  });
  assert.equal(update.order?.symbol, "");
  assert.equal(update.order?.side, OrderSide.UNSPECIFIED);
  assert.equal(update.order?.assetClass, AssetClass.UNSPECIFIED);
  assert.equal(update.order?.orderClass, OrderClass.MLEG);
  assert.equal(update.order?.legs[0]?.side, OrderSide.BUY);
});

Deno.test("an absent string is unset, an empty one is present", () => {
  const absent = sendOrder({ limitPrice: undefined, stopPrice: undefined });
  assert.equal(absent.update.order?.limitPrice, undefined);
  const empty = sendOrder({ limitPrice: "", stopPrice: "" });
  assert.equal(empty.update.order?.limitPrice, "");
  assert.equal(empty.update.order?.stopPrice, "");
});

Deno.test("ids, decimal text and times pass through unchanged", () => {
  const { update } = send({
    eventId: "01J0000000000000000000000",
    executionId: "x-9",
    price: "0.000000010",
    qty: "1e3",
    positionQty: "-12.500",
    timestamp: at("2024-01-15T15:00:00Z", 7),
    order: {
      ...GOLDEN_ORDER_UPDATE.order,
      commission: "1.10",
      filledAt: at("2024-01-15T15:00:00Z", 999_999_999),
      canceledAt: at("2024-01-15T15:00:01Z"),
      expiredAt: at("2024-01-15T15:00:02Z"),
      failedAt: at("2024-01-15T15:00:03Z"),
      createdAt: undefined,
    },
  });
  assert.equal(update.eventId, "01J0000000000000000000000");
  assert.equal(update.executionId, "x-9");
  assert.equal(update.price, "0.000000010");
  assert.equal(update.qty, "1e3");
  assert.equal(update.positionQty, "-12.500");
  assert.equal(update.timestamp?.nanos, 7);
  assert.equal(update.order?.commission, "1.10");
  assert.equal(update.order?.filledAt?.nanos, 999_999_999);
  assert.equal(update.order?.canceledAt?.seconds, 1_705_330_801n);
  assert.equal(update.order?.expiredAt?.seconds, 1_705_330_802n);
  assert.equal(update.order?.failedAt?.seconds, 1_705_330_803n);
  assert.equal(update.order?.createdAt, undefined);
});

Deno.test("an event without a usable time is sent without one", () => {
  for (const timestamp of [undefined, { seconds: NaN, nanos: 0 }]) {
    assert.equal(send({ timestamp }).update.timestamp, undefined);
  }
});
