import assert from "node:assert/strict";
import { type EngineHarness, engineHarness, order } from "./trading_harness.ts";

/** Each update as `role:event`. */
function eventsOf(
  harness: EngineHarness,
  names: Record<string, string>,
): string[] {
  return harness.updates.map(({ event, order }) => `${names[order.id] ?? "?"}:${event}`);
}

function placeBracket(harness: EngineHarness) {
  const entry = harness.engine.submit(order({
    order_class: "bracket",
    take_profit: { limit_price: "410" },
    stop_loss: { stop_price: "395" },
  }));
  const [profit, stop] = entry.legs ?? [];
  assert.ok(profit && stop);
  const names = {
    [entry.id]: "entry",
    [profit.id]: "profit",
    [stop.id]: "stop",
  };
  return { entry, profit, stop, names };
}

Deno.test("the exits of a bracket are held until the entry is filled", () => {
  using harness = engineHarness({ acceptDelayMs: 5 });
  const { profit, stop, names } = placeBracket(harness);
  assert.equal(profit.status, "held");
  assert.equal(stop.status, "held");
  assert.equal(profit.side, "sell");
  assert.equal(stop.type, "stop");
  assert.equal(profit.order_class, "bracket");
  harness.clock.advance(50);
  assert.deepEqual(eventsOf(harness, names), [
    "entry:pending_new",
    "entry:new",
    "profit:held",
    "stop:held",
    "entry:fill",
    "profit:new",
  ]);
  assert.equal(harness.engine.get(stop.id)?.status, "held");
});

Deno.test("the profit of a bracket executes and cancels the stop", () => {
  using harness = engineHarness();
  const { names } = placeBracket(harness);
  harness.clock.advance(50);
  harness.prices.set("MSFT", 410.5, 410.6);
  harness.clock.advance(50);
  assert.deepEqual(eventsOf(harness, names).slice(6), [
    "profit:fill",
    "stop:canceled",
  ]);
  assert.equal(harness.engine.openCount, 0);
  assert.ok(harness.engine.position("MSFT").isZero());
});

Deno.test("the stop of a bracket is triggered and cancels the profit", () => {
  using harness = engineHarness();
  const { names } = placeBracket(harness);
  harness.clock.advance(50);
  harness.prices.set("MSFT", 394.5, 394.9);
  harness.clock.advance(100);
  assert.deepEqual(eventsOf(harness, names).slice(6), [
    "profit:canceled",
    "stop:new",
    "stop:fill",
  ]);
  assert.equal(harness.last().price, "394.5");
  assert.equal(harness.engine.openCount, 0);
});

Deno.test("a canceled entry cancels its exits", () => {
  using harness = engineHarness();
  const { id } = harness.engine.submit(order({
    type: "limit",
    limit_price: "390",
    order_class: "bracket",
    take_profit: { limit_price: "410" },
    stop_loss: { stop_price: "380", limit_price: "379" },
  }));
  harness.clock.advance(50);
  harness.engine.cancel(id);
  harness.clock.advance(50);
  assert.deepEqual(harness.events().slice(-3), [
    "canceled",
    "canceled",
    "canceled",
  ]);
  assert.equal(harness.engine.openCount, 0);
});

Deno.test("a partial fill of the profit reduces the stop", () => {
  using harness = engineHarness();
  const { stop } = placeBracket(harness);
  harness.clock.advance(50);
  harness.prices.set("MSFT", 410.5, 410.6, 4);
  harness.clock.advance(26);
  assert.equal(harness.last().event, "partial_fill");
  assert.equal(harness.engine.get(stop.id)?.qty?.toFixed(), "6");
});

Deno.test("a replaced profit stays in its bracket", () => {
  using harness = engineHarness();
  const { profit, stop } = placeBracket(harness);
  harness.clock.advance(50);
  const next = harness.engine.replace(profit.id, { limit_price: "405" });
  harness.clock.advance(50);
  assert.equal(harness.engine.get(profit.id)?.status, "replaced");
  harness.prices.set("MSFT", 405.5, 405.6);
  harness.clock.advance(50);
  assert.equal(harness.engine.get(next.id)?.status, "filled");
  assert.equal(harness.engine.get(stop.id)?.status, "canceled");
  assert.equal(harness.engine.openCount, 0);
});

Deno.test("of an oco pair one executes and the other is canceled", () => {
  for (const [bid, filled] of [[411, "limit"], [394, "stop"]] as const) {
    using harness = engineHarness();
    const root = harness.engine.submit(order({
      side: "sell",
      type: "limit",
      order_class: "oco",
      take_profit: { limit_price: "410" },
      stop_loss: { stop_price: "395" },
    }));
    assert.equal(root.limit_price, "410");
    assert.equal(root.legs?.length, 1);
    assert.equal(root.legs?.[0]?.side, "sell");
    harness.clock.advance(50);
    harness.prices.set("MSFT", bid, bid + 0.1);
    harness.clock.advance(100);
    const fills = harness.updates.filter(({ event }) => event === "fill");
    assert.deepEqual(fills.map(({ order }) => order.type), [filled]);
    assert.ok(harness.events().includes("canceled"));
    assert.equal(harness.engine.openCount, 0);
  }
});

Deno.test("a filled oto entry activates its exit", () => {
  using harness = engineHarness();
  const entry = harness.engine.submit(order({
    order_class: "oto",
    stop_loss: { stop_price: "395" },
  }));
  harness.clock.advance(50);
  const stop = entry.legs?.[0];
  assert.ok(stop);
  assert.equal(harness.engine.get(stop.id)?.status, "new");
  harness.prices.set("MSFT", 394.5, 394.9);
  harness.clock.advance(50);
  assert.equal(harness.engine.get(stop.id)?.status, "filled");
});

Deno.test("cancel all ends every group exactly once", () => {
  using harness = engineHarness();
  placeBracket(harness);
  harness.engine.submit(order({ type: "limit", limit_price: "300" }));
  harness.clock.advance(50);
  assert.equal(harness.engine.cancelAll().length, 3);
  harness.clock.advance(50);
  const canceled = harness.updates.filter(({ event }) => event === "canceled");
  assert.equal(canceled.length, 3);
  assert.equal(new Set(canceled.map(({ order }) => order.id)).size, 3);
  assert.equal(harness.engine.openCount, 0);
});
