import assert from "node:assert/strict";
import { type Bench, bench, order } from "./trading_support.ts";

/** Each update as `role:event`, told apart by the order's place in its group. */
function story(desk: Bench, names: Record<string, string>): string[] {
  return desk.updates.map(({ event, order }) =>
    `${names[order.id] ?? "?"}:${event}`
  );
}

function placeBracket(desk: Bench) {
  const entry = desk.engine.submit(order({
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
  using desk = bench({ acceptDelayMs: 5 });
  const { profit, stop, names } = placeBracket(desk);
  assert.equal(profit.status, "held");
  assert.equal(stop.status, "held");
  assert.equal(profit.side, "sell");
  assert.equal(stop.type, "stop");
  assert.equal(profit.order_class, "bracket");
  desk.clock.advance(50);
  assert.deepEqual(story(desk, names), [
    "entry:pending_new",
    "entry:new",
    "profit:held",
    "stop:held",
    "entry:fill",
    "profit:new",
  ]);
  assert.equal(desk.engine.get(stop.id)?.status, "held");
});

Deno.test("the profit of a bracket executes and cancels the stop", () => {
  using desk = bench();
  const { names } = placeBracket(desk);
  desk.clock.advance(50);
  desk.prices.set("MSFT", 410.5, 410.6);
  desk.clock.advance(50);
  assert.deepEqual(story(desk, names).slice(6), [
    "profit:fill",
    "stop:canceled",
  ]);
  assert.equal(desk.engine.openCount, 0);
  assert.ok(desk.engine.position("MSFT").isZero());
});

Deno.test("the stop of a bracket comes alive and cancels the profit", () => {
  using desk = bench();
  const { names } = placeBracket(desk);
  desk.clock.advance(50);
  desk.prices.set("MSFT", 394.5, 394.9);
  desk.clock.advance(100);
  assert.deepEqual(story(desk, names).slice(6), [
    "profit:canceled",
    "stop:new",
    "stop:fill",
  ]);
  assert.equal(desk.last().price, "394.5");
  assert.equal(desk.engine.openCount, 0);
});

Deno.test("an entry that is canceled takes its exits with it", () => {
  using desk = bench();
  const { id } = desk.engine.submit(order({
    type: "limit",
    limit_price: "390",
    order_class: "bracket",
    take_profit: { limit_price: "410" },
    stop_loss: { stop_price: "380", limit_price: "379" },
  }));
  desk.clock.advance(50);
  desk.engine.cancel(id);
  desk.clock.advance(50);
  assert.deepEqual(desk.events().slice(-3), [
    "canceled",
    "canceled",
    "canceled",
  ]);
  assert.equal(desk.engine.openCount, 0);
});

Deno.test("a partly executed profit shrinks the stop beside it", () => {
  using desk = bench();
  const { stop } = placeBracket(desk);
  desk.clock.advance(50);
  desk.prices.set("MSFT", 410.5, 410.6, 4);
  desk.clock.advance(26);
  assert.equal(desk.last().event, "partial_fill");
  assert.equal(desk.engine.get(stop.id)?.qty?.toFixed(), "6");
});

Deno.test("a replaced profit keeps guarding the same bracket", () => {
  using desk = bench();
  const { profit, stop } = placeBracket(desk);
  desk.clock.advance(50);
  const next = desk.engine.replace(profit.id, { limit_price: "405" });
  desk.clock.advance(50);
  assert.equal(desk.engine.get(profit.id)?.status, "replaced");
  desk.prices.set("MSFT", 405.5, 405.6);
  desk.clock.advance(50);
  assert.equal(desk.engine.get(next.id)?.status, "filled");
  assert.equal(desk.engine.get(stop.id)?.status, "canceled");
  assert.equal(desk.engine.openCount, 0);
});

Deno.test("of an oco pair one executes and the other is canceled", () => {
  for (const [bid, filled] of [[411, "limit"], [394, "stop"]] as const) {
    using desk = bench();
    const root = desk.engine.submit(order({
      side: "sell",
      type: "limit",
      order_class: "oco",
      take_profit: { limit_price: "410" },
      stop_loss: { stop_price: "395" },
    }));
    assert.equal(root.limit_price, "410");
    assert.equal(root.legs?.length, 1);
    assert.equal(root.legs?.[0]?.side, "sell");
    desk.clock.advance(50);
    desk.prices.set("MSFT", bid, bid + 0.1);
    desk.clock.advance(100);
    const fills = desk.updates.filter(({ event }) => event === "fill");
    assert.deepEqual(fills.map(({ order }) => order.type), [filled]);
    assert.ok(desk.events().includes("canceled"));
    assert.equal(desk.engine.openCount, 0);
  }
});

Deno.test("an oto entry sends its one exit to the venue when filled", () => {
  using desk = bench();
  const entry = desk.engine.submit(order({
    order_class: "oto",
    stop_loss: { stop_price: "395" },
  }));
  desk.clock.advance(50);
  const stop = entry.legs?.[0];
  assert.ok(stop);
  assert.equal(desk.engine.get(stop.id)?.status, "new");
  desk.prices.set("MSFT", 394.5, 394.9);
  desk.clock.advance(50);
  assert.equal(desk.engine.get(stop.id)?.status, "filled");
});

Deno.test("cancel all ends every group exactly once", () => {
  using desk = bench();
  placeBracket(desk);
  desk.engine.submit(order({ type: "limit", limit_price: "300" }));
  desk.clock.advance(50);
  assert.equal(desk.engine.cancelAll().length, 3);
  desk.clock.advance(50);
  const canceled = desk.updates.filter(({ event }) => event === "canceled");
  assert.equal(canceled.length, 3);
  assert.equal(new Set(canceled.map(({ order }) => order.id)).size, 3);
  assert.equal(desk.engine.openCount, 0);
});
