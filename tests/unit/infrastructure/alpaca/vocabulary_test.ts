/** The product's tables against the values that Alpaca documents. */
import assert from "node:assert/strict";
import { ORDER_ENUMS, type OrderField } from "../../../../src/domain/market/order_events.ts";
import { optionFormat, stockFormat } from "../../../../src/infrastructure/alpaca/market.ts";
import { readControl } from "../../../../src/infrastructure/alpaca/messages.ts";
import { CONTROL_TYPES, DATA_TYPES, ORDER_VALUES } from "../../../support/alpaca_vocabulary.ts";
import { stockSinks } from "../../../support/stock_sinks.ts";
import { OrderHarness, RecordingSink } from "./decoder_harness.ts";

const sinks = stockSinks(new RecordingSink<unknown>());

Deno.test("the documented types of market data have a handler, and no others", () => {
  const formats = { stocks: stockFormat(sinks), options: optionFormat(sinks) };
  for (const stream of ["stocks", "options"] as const) {
    const types = [...formats[stream].handlers.keys()];
    assert.deepEqual(types.toSorted(), DATA_TYPES[stream].toSorted(), stream);
  }
});

Deno.test("the documented types of control messages are read", () => {
  for (const T of CONTROL_TYPES) assert.equal(readControl({ T })?.type, T);
});

Deno.test("the values of order fields are the documented ones", () => {
  assert.deepEqual(Object.keys(ORDER_ENUMS).toSorted(), Object.keys(ORDER_VALUES).toSorted());
  for (const field of Object.keys(ORDER_VALUES) as OrderField[]) {
    assert.deepEqual(ORDER_ENUMS[field].toSorted(), ORDER_VALUES[field].toSorted(), field);
  }
});

Deno.test("an update with any documented value is delivered and not counted as an error", () => {
  const harness = new OrderHarness();
  const order = { id: "o1" };
  for (const event of ORDER_VALUES.event) harness.update({ event, order });
  const keys = {
    asset_class: "asset_class",
    order_class: "order_class",
    order_type: "type",
    side: "side",
    time_in_force: "time_in_force",
  } as const;
  for (
    const field of ["asset_class", "order_class", "order_type", "side", "time_in_force"] as const
  ) {
    for (const value of ORDER_VALUES[field]) {
      harness.update({ event: "new", order: { ...order, [keys[field]]: value } });
    }
  }
  const expected = Object.values(ORDER_VALUES).reduce((sum, values) => sum + values.length, 0);
  assert.equal(harness.orders.events.length, expected);
  assert.deepEqual(harness.errors, {});
  assert.deepEqual(harness.log.records, []);
  const events = harness.orders.events.map(({ event }) => event);
  assert.deepEqual(events.slice(0, ORDER_VALUES.event.length), ORDER_VALUES.event);
});
