/** Trade updates, field by field. */
import assert from "node:assert/strict";
import type { OrderUpdate } from "../../../../src/domain/market/order_events.ts";
import { readOrderUpdate } from "../../../../src/infrastructure/alpaca/order_messages.ts";
import { OrderHarness } from "./decoder_harness.ts";

const at = (seconds: number, nanos = 0) => ({ seconds, nanos });

const order = {
  id: "b3e4f1c2-0000-4000-8000-000000000001",
  client_order_id: "rebalance-0914-7",
  created_at: "2026-09-14T10:31:07.1-04:00",
  updated_at: "2026-09-14T14:31:07.402118Z",
  submitted_at: "2026-09-14T14:31:07.2Z",
  filled_at: null,
  expired_at: null,
  canceled_at: null,
  failed_at: null,
  replaced_at: null,
  asset_id: "b0b6dd9d-8b9b-48a9-ba46-b9d54906e415",
  symbol: "MSFT",
  asset_class: "us_equity",
  notional: null,
  qty: "100",
  filled_qty: "30",
  filled_avg_price: "402.110000000",
  order_class: "",
  order_type: "limit",
  type: "limit",
  side: "buy",
  position_intent: "buy_to_open",
  time_in_force: "day",
  limit_price: "402.15",
  stop_price: null,
  status: "partially_filled",
  extended_hours: true,
  legs: null,
  trail_percent: null,
  hwm: null,
};

const fill = {
  event: "partial_fill",
  event_id: "01K54Q3V9T6H2D7N8R0A4BCXYZ",
  at: "2026-09-14T14:31:07.402118Z",
  execution_id: "6f0a7d52-3c1e-4b8a-9a55-0d2b7e61c9f4",
  timestamp: "2026-09-14T10:31:07.401977312-04:00",
  price: "402.11",
  qty: "30",
  position_qty: "-130",
  order,
};

/** The one update that data gives on its way through the decoder. */
function received(data: unknown): OrderUpdate {
  const harness = new OrderHarness().update(data);
  assert.deepEqual(harness.errors, {});
  assert.equal(harness.orders.events.length, 1);
  return harness.orders.events[0] as OrderUpdate;
}

Deno.test("a fill keeps every field that the contract carries", () => {
  assert.deepEqual(received(fill), {
    event: "partial_fill",
    eventId: "01K54Q3V9T6H2D7N8R0A4BCXYZ",
    timestamp: at(1_789_396_267, 401_977_312),
    executionId: "6f0a7d52-3c1e-4b8a-9a55-0d2b7e61c9f4",
    price: "402.11",
    qty: "30",
    positionQty: "-130",
    order: {
      id: "b3e4f1c2-0000-4000-8000-000000000001",
      clientOrderId: "rebalance-0914-7",
      symbol: "MSFT",
      assetClass: "us_equity",
      orderClass: "",
      orderType: "limit",
      side: "buy",
      timeInForce: "day",
      qty: "100",
      filledQty: "30",
      filledAvgPrice: "402.110000000",
      limitPrice: "402.15",
      stopPrice: undefined,
      status: "partially_filled",
      extendedHours: true,
      createdAt: at(1_789_396_267, 100_000_000),
      updatedAt: at(1_789_396_267, 402_118_000),
      submittedAt: at(1_789_396_267, 200_000_000),
      filledAt: undefined,
      canceledAt: undefined,
      expiredAt: undefined,
      failedAt: undefined,
      commission: undefined,
      legs: [],
    },
  });
});

Deno.test("all times of an order are read", () => {
  const { order: read } = received({
    ...fill,
    order: {
      ...order,
      filled_at: "1970-01-01T00:00:01Z",
      canceled_at: "1970-01-01T00:00:02Z",
      expired_at: "1970-01-01T00:00:03Z",
      failed_at: "1970-01-01T00:00:04Z",
      stop_price: "",
      commission: "0.01",
    },
  });
  assert.deepEqual(
    [read.filledAt, read.canceledAt, read.expiredAt, read.failedAt],
    [at(1), at(2), at(3), at(4)],
  );
  assert.equal(read.stopPrice, "");
  assert.equal(read.commission, "0.01");
});

Deno.test("an update with only event and order id is read", () => {
  const read = received({ event: "new", order: { id: "o" } });
  assert.equal(read.event, "new");
  assert.equal(read.timestamp, undefined);
  assert.equal(read.executionId, undefined);
  assert.equal(read.price, undefined);
  assert.equal(read.order.qty, "");
  assert.equal(read.order.extendedHours, false);
  assert.equal(read.order.createdAt, undefined);
  assert.deepEqual(read.order.legs, []);
});

Deno.test("decimals written as JSON numbers keep their digits", () => {
  const frame = `{"stream":"trade_updates","data":{"event":"fill",` +
    `"price":402.110000000,"qty":0.123456789012345678901,` +
    `"position_qty":-9007199254740993,` +
    `"order":{"id":"o","qty":1e2,"filled_avg_price":1.10,"limit_price":0}}}`;
  const [read] = new OrderHarness().receive(frame).orders.events;
  assert.equal(read?.price, "402.110000000");
  assert.equal(read?.qty, "0.123456789012345678901");
  assert.equal(read?.positionQty, "-9007199254740993");
  assert.equal(read?.order.qty, "1e2");
  assert.equal(read?.order.filledAvgPrice, "1.10");
  assert.equal(read?.order.limitPrice, "0");
});

Deno.test("fields of another type are treated as absent", () => {
  const read = received({
    ...fill,
    price: {},
    qty: [],
    timestamp: true,
    order: { ...order, symbol: null, extended_hours: "true", legs: {} },
  });
  assert.equal(read.price, undefined);
  assert.equal(read.qty, undefined);
  assert.deepEqual(read.timestamp, at(1_789_396_267, 402_118_000));
  assert.equal(read.order.symbol, "");
  assert.equal(read.order.extendedHours, false);
  assert.deepEqual(read.order.legs, []);
});

Deno.test("the deprecated `order_type` is used where `type` is empty", () => {
  const types = (type: unknown, twin: unknown) =>
    received({ ...fill, order: { ...order, type, order_type: twin } })
      .order.orderType;
  assert.equal(types("stop", "limit"), "stop");
  assert.equal(types("", "trailing_stop"), "trailing_stop");
  assert.equal(types(undefined, "market"), "market");
  assert.equal(types("", ""), "");
});

const spread = {
  event: "fill",
  timestamp: "2026-09-14T14:32:00.5Z",
  execution_id: "",
  price: "-1.35",
  qty: "2",
  order: {
    id: "c0",
    client_order_id: "spread-1",
    order_class: "mleg",
    asset_id: "00000000-0000-0000-0000-000000000000",
    symbol: "",
    asset_class: "",
    side: "",
    position_intent: "",
    type: "limit",
    qty: "2",
    filled_qty: "2",
    limit_price: "-1.3",
    status: "filled",
    legs: [
      {
        id: "c1",
        symbol: "SPY261218C00650000",
        side: "sell",
        ratio_qty: "1",
        qty: "2",
        filled_qty: "2",
        filled_avg_price: "12.3",
        status: "filled",
        type: "",
        legs: null,
      },
      null,
      { symbol: "SPY261218C00660000", side: "buy", ratio_qty: 3 },
    ],
  },
};

Deno.test("a multi-leg order with empty fields keeps its legs", () => {
  const { order: read, executionId, price } = received(spread);
  assert.equal(read.symbol, "");
  assert.equal(read.side, "");
  assert.equal(read.assetClass, "");
  assert.equal(read.orderClass, "mleg");
  assert.equal(read.limitPrice, "-1.3");
  assert.equal(price, "-1.35");
  assert.equal(executionId, undefined);
  assert.deepEqual(read.legs, [
    {
      id: "c1",
      symbol: "SPY261218C00650000",
      side: "sell",
      qty: "2",
      filledQty: "2",
      filledAvgPrice: "12.3",
      ratioQty: "1",
      status: "filled",
    },
    {
      id: "",
      symbol: "SPY261218C00660000",
      side: "buy",
      qty: "",
      filledQty: "",
      filledAvgPrice: "",
      ratioQty: "3",
      status: "",
    },
  ]);
});

Deno.test("the event id of Alpaca is used if present", () => {
  assert.equal(readOrderUpdate(fill).eventId, "01K54Q3V9T6H2D7N8R0A4BCXYZ");
});

Deno.test("a derived event id is the same for a repeat and differs otherwise", () => {
  const { event_id: _, ...bare } = fill;
  const { execution_id: __, ...pending } = { ...bare, event: "pending_new" };
  const later = { timestamp: "2026-09-14T14:31:09Z" };
  const variants: Parameters<typeof readOrderUpdate>[0][] = [
    bare,
    { ...bare, execution_id: "another" },
    { ...bare, event: "fill" },
    { ...bare, order: { ...order, id: "another" } },
    pending,
    { ...pending, ...later },
    { ...pending, order: { ...order, id: "another" } },
    { ...pending, order: { ...order, filled_qty: "40" } },
    spread,
    { ...spread, ...later },
    { ...spread, event: "partial_fill" },
    { ...bare, event: "trade_correct" },
    { ...bare, event: "trade_correct", price: "1" },
    { ...bare, event: "trade_correct", ...later },
  ];
  const ids = variants.map((data) => readOrderUpdate(data).eventId);
  assert.equal(new Set(ids).size, variants.length);
  const again = variants.map((data) => readOrderUpdate(structuredClone(data)).eventId);
  assert.deepEqual(again, ids);
});

Deno.test("an empty or null event id is derived like an absent one", () => {
  const { event_id: _, ...bare } = fill;
  const { eventId } = readOrderUpdate(bare);
  assert.equal(readOrderUpdate({ ...bare, event_id: "" }).eventId, eventId);
  assert.equal(readOrderUpdate({ ...bare, event_id: null }).eventId, eventId);
});

Deno.test("without a time of the event, the time of the order distinguishes events", () => {
  const updated = (updated_at: string) =>
    readOrderUpdate({
      event: "pending_replace",
      order: { ...order, updated_at },
    })
      .eventId;
  const first = updated("2026-09-14T14:31:07Z");
  assert.equal(updated("2026-09-14T14:31:07Z"), first);
  assert.notEqual(updated("2026-09-14T14:31:08Z"), first);
});
