import assert from "node:assert/strict";
import { engineHarness, order } from "./trading_harness.ts";

const RESTING = order({ type: "limit", limit_price: "300" });

for (
  const [action, event, status] of [
    ["stop", "stopped", "stopped"],
    ["accept", "accepted", "accepted"],
    ["hold", "held", "held"],
    ["review", "pending_review", "pending_review"],
    ["rejectCancel", "order_cancel_rejected", "new"],
    ["rejectReplace", "order_replace_rejected", "new"],
    ["fill", "fill", "filled"],
    ["suspend", "suspended", "suspended"],
    ["calculate", "calculated", "calculated"],
    ["doneForDay", "done_for_day", "done_for_day"],
    ["expire", "expired", "expired"],
    ["reject", "rejected", "rejected"],
    ["cancel", "canceled", "canceled"],
  ] as const
) {
  Deno.test(`manual fills make an order ${event}`, () => {
    using harness = engineHarness();
    const { id } = harness.engine.submit(RESTING);
    harness.clock.advance(10);
    harness.engine.manualFills[action](id);
    assert.equal(harness.last().event, event);
    assert.equal(harness.last().order.status, status);
    assert.equal(harness.last().order.id, id);
  });
}

Deno.test("a suspended order does not execute until it is resumed", () => {
  using harness = engineHarness();
  const { id } = harness.engine.submit(RESTING);
  harness.clock.advance(10);
  harness.engine.manualFills.suspend(id);
  harness.prices.set("MSFT", 299, 299.5);
  harness.clock.advance(200);
  assert.equal(harness.last().event, "suspended");
  harness.engine.manualFills.resume(id);
  harness.clock.advance(200);
  assert.equal(harness.last().event, "fill");
});

Deno.test("a rejection has a reason and a time", () => {
  using harness = engineHarness();
  const { id } = harness.engine.submit(order());
  harness.engine.manualFills.reject(id, "insufficient buying power");
  harness.clock.advance(50);
  assert.deepEqual(harness.events(), ["pending_new", "rejected"]);
  assert.equal(harness.last().reason, "insufficient buying power");
  assert.ok(harness.last().order.failed_at);
});

Deno.test("a busted trade reverts order and position", () => {
  using harness = engineHarness();
  harness.prices.set("MSFT", 402, 402.1, 4);
  harness.engine.submit(order());
  harness.clock.advance(100);
  const first = harness.updates.find(({ event }) => event === "partial_fill");
  assert.ok(first?.execution_id);
  harness.engine.manualFills.bust(first.execution_id);
  const bust = harness.last();
  assert.equal(bust.event, "trade_bust");
  assert.equal(bust.previous_execution_id, first.execution_id);
  assert.notEqual(bust.execution_id, first.execution_id);
  assert.equal(bust.reason, "TRADE_BUST");
  assert.equal(bust.qty, "4");
  assert.equal(bust.position_qty, "6");
  assert.equal(bust.order.filled_qty, "6");
  assert.equal(harness.engine.executionCount, 2);
});

Deno.test("a corrected trade changes price and average", () => {
  using harness = engineHarness();
  harness.engine.submit(order());
  harness.clock.advance(50);
  const { execution_id: id } = harness.last();
  assert.ok(id);
  harness.engine.manualFills.correct(id, { qty: "10", price: "401.5" });
  assert.equal(harness.last().event, "trade_correct");
  assert.equal(harness.last().previous_execution_id, id);
  assert.equal(harness.last().price, "401.5");
  assert.equal(harness.last().order.filled_avg_price, "401.5");
  assert.equal(harness.last().position_qty, "10");
});

Deno.test("a restated order has its new quantity", () => {
  using harness = engineHarness();
  const { id } = harness.engine.submit(RESTING);
  harness.clock.advance(10);
  harness.engine.manualFills.restate(id, { qty: "20" });
  assert.equal(harness.last().event, "restated");
  assert.equal(harness.last().order.qty, "20");
});

Deno.test("a finished order ignores manual fills", () => {
  using harness = engineHarness();
  const { id } = harness.engine.submit(order());
  harness.clock.advance(50);
  const count = harness.updates.length;
  harness.engine.manualFills.suspend(id);
  harness.engine.manualFills.cancel(id);
  harness.engine.manualFills.fill(id, { qty: "1", price: "1" });
  assert.equal(harness.updates.length, count);
});

Deno.test("the error names an unknown order or execution", () => {
  using harness = engineHarness();
  assert.throws(() => harness.engine.manualFills.stop("nope"), /order nope/);
  assert.throws(
    () => harness.engine.manualFills.bust("nope"),
    /execution nope/,
  );
});
