import assert from "node:assert/strict";
import { bench, order } from "./trading_support.ts";

const RESTING = order({ type: "limit", limit_price: "300" });

for (
  const [action, event, status] of [
    ["stop", "stopped", "stopped"],
    ["suspend", "suspended", "suspended"],
    ["calculate", "calculated", "calculated"],
    ["doneForDay", "done_for_day", "done_for_day"],
    ["expire", "expired", "expired"],
    ["reject", "rejected", "rejected"],
    ["cancel", "canceled", "canceled"],
  ] as const
) {
  Deno.test(`an order is made ${event}`, () => {
    using desk = bench();
    const { id } = desk.engine.submit(RESTING);
    desk.clock.advance(10);
    desk.engine.manualFills[action](id);
    assert.equal(desk.last().event, event);
    assert.equal(desk.last().order.status, status);
    assert.equal(desk.last().order.id, id);
  });
}

Deno.test("a suspended order does not execute until it is resumed", () => {
  using desk = bench();
  const { id } = desk.engine.submit(RESTING);
  desk.clock.advance(10);
  desk.engine.manualFills.suspend(id);
  desk.prices.set("MSFT", 299, 299.5);
  desk.clock.advance(200);
  assert.equal(desk.last().event, "suspended");
  desk.engine.manualFills.resume(id);
  desk.clock.advance(200);
  assert.equal(desk.last().event, "fill");
});

Deno.test("a rejection carries its reason and when it failed", () => {
  using desk = bench();
  const { id } = desk.engine.submit(order());
  desk.engine.manualFills.reject(id, "insufficient buying power");
  desk.clock.advance(50);
  assert.deepEqual(desk.events(), ["pending_new", "rejected"]);
  assert.equal(desk.last().reason, "insufficient buying power");
  assert.ok(desk.last().order.failed_at);
});

Deno.test("a busted trade leaves order and position as if it never was", () => {
  using desk = bench();
  desk.prices.set("MSFT", 402, 402.1, 4);
  desk.engine.submit(order());
  desk.clock.advance(100);
  const first = desk.updates.find(({ event }) => event === "partial_fill");
  assert.ok(first?.execution_id);
  desk.engine.manualFills.bust(first.execution_id);
  const bust = desk.last();
  assert.equal(bust.event, "trade_bust");
  assert.equal(bust.previous_execution_id, first.execution_id);
  assert.notEqual(bust.execution_id, first.execution_id);
  assert.equal(bust.reason, "TRADE_BUST");
  assert.equal(bust.qty, "4");
  assert.equal(bust.position_qty, "6");
  assert.equal(bust.order.filled_qty, "6");
  assert.equal(desk.engine.executionCount, 2);
});

Deno.test("a corrected trade changes price and average", () => {
  using desk = bench();
  desk.engine.submit(order());
  desk.clock.advance(50);
  const { execution_id: id } = desk.last();
  assert.ok(id);
  desk.engine.manualFills.correct(id, { qty: "10", price: "401.5" });
  assert.equal(desk.last().event, "trade_correct");
  assert.equal(desk.last().previous_execution_id, id);
  assert.equal(desk.last().price, "401.5");
  assert.equal(desk.last().order.filled_avg_price, "401.5");
  assert.equal(desk.last().position_qty, "10");
});

Deno.test("a restated order has its new quantity", () => {
  using desk = bench();
  const { id } = desk.engine.submit(RESTING);
  desk.clock.advance(10);
  desk.engine.manualFills.restate(id, { qty: "20" });
  assert.equal(desk.last().event, "restated");
  assert.equal(desk.last().order.qty, "20");
});

Deno.test("a finished order ignores manual fills", () => {
  using desk = bench();
  const { id } = desk.engine.submit(order());
  desk.clock.advance(50);
  const told = desk.updates.length;
  desk.engine.manualFills.suspend(id);
  desk.engine.manualFills.cancel(id);
  desk.engine.manualFills.fill(id, { qty: "1", price: "1" });
  assert.equal(desk.updates.length, told);
});

Deno.test("an unknown order or execution is named in the error", () => {
  using desk = bench();
  assert.throws(() => desk.engine.manualFills.stop("nope"), /order nope/);
  assert.throws(() => desk.engine.manualFills.bust("nope"), /execution nope/);
});
