import assert from "node:assert/strict";
import { renderOrder } from "../../src/trading/order_json.ts";
import { bench, HIGH_CALL, LOW_CALL, order } from "./trading_support.ts";

Deno.test("a market order lives pending_new, new, fill", () => {
  using desk = bench();
  const placed = desk.engine.submit(order());
  assert.equal(placed.status, "pending_new");
  desk.clock.advance(10);

  assert.deepEqual(desk.events(), ["pending_new", "new", "fill"]);
  const fill = desk.last();
  assert.equal(fill.price, "402.1");
  assert.equal(fill.qty, "10");
  assert.equal(fill.position_qty, "10");
  assert.equal(fill.order.id, placed.id);
  assert.equal(fill.order.status, "filled");
  assert.equal(fill.order.filled_avg_price, "402.1");
  assert.equal(fill.order.filled_qty, "10");
  assert.equal(fill.order.order_class, "");
  assert.equal(fill.order.position_intent, "buy_to_open");
  assert.equal(fill.order.expires_at, "2026-09-14T20:00:00Z");
});

Deno.test("pending_new has no execution id, every other event has its own", () => {
  using desk = bench();
  desk.engine.submit(order());
  desk.clock.advance(10);
  const [pending, live, fill] = desk.updates;
  assert.equal(pending?.execution_id, undefined);
  assert.match(live?.execution_id ?? "", /^[0-9a-f-]{36}$/);
  assert.match(fill?.execution_id ?? "", /^[0-9a-f-]{36}$/);
  assert.notEqual(live?.execution_id, fill?.execution_id);
});

Deno.test("event ids sort in the order of the events", () => {
  using desk = bench();
  for (let count = 0; count < 50; count++) desk.engine.submit(order());
  desk.clock.advance(100);
  const ids = desk.updates.map(({ event_id }) => event_id);
  assert.equal(ids.length, 150);
  assert.deepEqual(ids, [...new Set(ids)].sort());
  for (const id of ids) assert.match(id, /^[0-9A-HJKMNP-TV-Z]{26}$/);
});

Deno.test("a large order fills in parts as the market shows size", () => {
  using desk = bench();
  desk.prices.set("MSFT", 402, 402.1, 40);
  desk.engine.submit(order({ qty: "100" }));
  desk.clock.advance(6);
  desk.prices.set("MSFT", 402.2, 402.3, 40);
  desk.clock.advance(60);

  assert.deepEqual(desk.events(), [
    "pending_new",
    "new",
    "partial_fill",
    "partial_fill",
    "fill",
  ]);
  const [, , first] = desk.updates;
  assert.equal(first?.order.status, "partially_filled");
  assert.equal(first?.order.filled_qty, "40");
  assert.equal(desk.last().qty, "20");
  // (40 × 402.1 + 60 × 402.3) / 100
  assert.equal(desk.last().order.filled_avg_price, "402.22");
});

Deno.test("a limit order waits for its price and takes the better one", () => {
  using desk = bench();
  desk.engine.submit(order({ type: "limit", limit_price: "400" }));
  desk.clock.advance(1_000);
  assert.deepEqual(desk.events(), ["pending_new", "new"]);
  desk.prices.set("MSFT", 399.4, 399.5);
  desk.clock.advance(100);
  assert.equal(desk.last().event, "fill");
  assert.equal(desk.last().price, "399.5");
});

Deno.test("a stop order sleeps until its price is touched", () => {
  using desk = bench();
  desk.engine.submit(order({ side: "sell", type: "stop", stop_price: "400" }));
  desk.clock.advance(1_000);
  assert.equal(desk.last().event, "new");
  desk.prices.set("MSFT", 399.7, 399.9);
  desk.clock.advance(100);
  assert.equal(desk.last().event, "fill");
  assert.equal(desk.last().price, "399.7");
  assert.equal(desk.last().position_qty, "-10");
});

Deno.test("a stop-limit order that was touched still respects its limit", () => {
  using desk = bench();
  desk.engine.submit(
    order({ type: "stop_limit", stop_price: "405", limit_price: "405.5" }),
  );
  desk.prices.set("MSFT", 405.9, 406);
  desk.clock.advance(100);
  assert.equal(desk.last().event, "new");
  desk.prices.set("MSFT", 405.3, 405.4);
  desk.clock.advance(100);
  assert.equal(desk.last().price, "405.4");
});

Deno.test("a trailing stop follows the best price by its distance", () => {
  using desk = bench();
  const { id } = desk.engine.submit(
    order({ side: "sell", type: "trailing_stop", trail_price: "2" }),
  );
  desk.prices.set("MSFT", 409.9, 410);
  desk.clock.advance(100);
  const resting = desk.engine.get(id);
  assert.ok(resting);
  assert.equal(renderOrder(resting).hwm, "410");
  assert.equal(renderOrder(resting).stop_price, "408");
  desk.prices.set("MSFT", 407.9, 408);
  desk.clock.advance(100);
  assert.equal(desk.last().event, "fill");
  assert.equal(desk.last().order.hwm, "410");
});

Deno.test("a trailing stop by percent measures from the water mark", () => {
  using desk = bench();
  const { id } = desk.engine.submit(
    order({ type: "trailing_stop", trail_percent: "1" }),
  );
  desk.prices.set("MSFT", 399.9, 400);
  desk.clock.advance(100);
  const resting = desk.engine.get(id);
  assert.ok(resting);
  assert.equal(renderOrder(resting).stop_price, "404");
});

Deno.test("a canceled order says so after the venue took the request", () => {
  using desk = bench({ pendingChangeEvents: true });
  const { id } = desk.engine.submit(
    order({ type: "limit", limit_price: "390" }),
  );
  desk.clock.advance(10);
  desk.engine.cancel(id);
  assert.equal(desk.last().event, "pending_cancel");
  assert.ok(desk.last().order.cancel_requested_at);
  desk.clock.advance(10);
  assert.equal(desk.last().event, "canceled");
  assert.equal(desk.last().order.status, "canceled");
  assert.ok(desk.last().order.canceled_at);
  assert.equal(desk.engine.openCount, 0);
});

Deno.test("a cancel that comes too late leaves the order alive", () => {
  using desk = bench();
  const { id } = desk.engine.submit(
    order({ type: "limit", limit_price: "390" }),
  );
  desk.clock.advance(10);
  desk.engine.manualFills.rejectNextCancels();
  desk.engine.cancel(id);
  desk.clock.advance(10);
  assert.equal(desk.last().event, "order_cancel_rejected");
  assert.equal(desk.last().reason, "TOO_LATE_TO_CANCEL");
  assert.equal(desk.last().order.status, "new");
  desk.prices.set("MSFT", 389, 389.5);
  desk.clock.advance(50);
  assert.equal(desk.last().event, "fill");
});

Deno.test("an order canceled before it was accepted is never new", () => {
  using desk = bench();
  const { id } = desk.engine.submit(order());
  desk.engine.cancel(id);
  desk.clock.advance(100);
  assert.deepEqual(desk.events(), ["pending_new", "canceled"]);
});

Deno.test("a replacement tells the old order replaced, then its own new", () => {
  using desk = bench({ pendingChangeEvents: true });
  const old = desk.engine.submit(order({ type: "limit", limit_price: "390" }));
  desk.clock.advance(10);
  const next = desk.engine.replace(old.id, { limit_price: "391", qty: "12" });
  assert.equal(next.replaces, old.id);
  desk.clock.advance(10);
  const [replaced, live] = desk.updates.slice(-2);
  assert.deepEqual(desk.events().slice(2), [
    "pending_replace",
    "replaced",
    "new",
  ]);
  assert.equal(replaced?.order.id, old.id);
  assert.equal(replaced?.order.replaced_by, next.id);
  assert.equal(replaced?.order.status, "replaced");
  assert.equal(live?.order.id, next.id);
  assert.equal(live?.order.limit_price, "391");
  assert.equal(live?.order.qty, "12");
  desk.prices.set("MSFT", 390, 390.5);
  desk.clock.advance(50);
  assert.equal(desk.last().order.id, next.id);
  assert.equal(desk.last().event, "fill");
});

Deno.test("a refused replacement leaves the old order to fill", () => {
  using desk = bench();
  const old = desk.engine.submit(order({ type: "limit", limit_price: "390" }));
  desk.clock.advance(10);
  desk.engine.manualFills.rejectNextReplaces();
  const next = desk.engine.replace(old.id, { limit_price: "391" });
  desk.clock.advance(10);
  assert.deepEqual(desk.events().slice(2), [
    "order_replace_rejected",
    "rejected",
  ]);
  assert.equal(desk.last().order.id, next.id);
  desk.prices.set("MSFT", 389, 389.5);
  desk.clock.advance(50);
  assert.equal(desk.last().order.id, old.id);
  assert.equal(desk.last().event, "fill");
});

Deno.test("a replacement of a partly filled order carries the fills on", () => {
  using desk = bench();
  desk.prices.set("MSFT", 402, 402.1, 4);
  const old = desk.engine.submit(
    order({ type: "limit", limit_price: "402.1" }),
  );
  desk.clock.advance(6);
  desk.prices.set("MSFT", 403, 403.1);
  const next = desk.engine.replace(old.id, { limit_price: "403.1" });
  desk.clock.advance(100);
  assert.equal(desk.last().order.id, next.id);
  assert.equal(desk.last().qty, "6");
  assert.equal(desk.last().order.filled_qty, "10");
  // (4 × 402.1 + 6 × 403.1) / 10
  assert.equal(desk.last().order.filled_avg_price, "402.7");
  assert.equal(desk.last().position_qty, "10");
});

Deno.test("an immediate-or-cancel order takes what there is and is canceled", () => {
  using desk = bench();
  desk.prices.set("MSFT", 402, 402.1, 3);
  desk.engine.submit(order({ time_in_force: "ioc" }));
  desk.clock.advance(100);
  assert.deepEqual(desk.events(), [
    "pending_new",
    "new",
    "partial_fill",
    "canceled",
  ]);
  assert.equal(desk.last().order.filled_qty, "3");
});

Deno.test("a fill-or-kill order is filled whole or not at all", () => {
  using desk = bench();
  desk.prices.set("MSFT", 402, 402.1, 3);
  desk.engine.submit(order({ time_in_force: "fok" }));
  desk.clock.advance(100);
  assert.deepEqual(desk.events(), ["pending_new", "new", "canceled"]);
  desk.prices.set("MSFT", 402, 402.1, 10);
  desk.engine.submit(order({ time_in_force: "fok" }));
  desk.clock.advance(100);
  assert.equal(desk.last().event, "fill");
});

Deno.test("a day order expires at the close in New York", () => {
  using desk = bench({ matchIntervalMs: 60_000 });
  desk.engine.submit(order({ type: "limit", limit_price: "300" }));
  desk.clock.advance(5.4 * 3_600_000);
  assert.equal(desk.last().event, "new");
  desk.clock.advance(0.2 * 3_600_000);
  assert.equal(desk.last().event, "expired");
  assert.equal(desk.last().order.status, "expired");
  assert.ok(desk.last().order.expired_at);
  assert.equal(desk.clock.pending, 0);
});

Deno.test("a good-till-canceled order outlives the day", () => {
  using desk = bench({ matchIntervalMs: 3_600_000 });
  desk.engine.submit(
    order({ type: "limit", limit_price: "300", time_in_force: "gtc" }),
  );
  desk.clock.advance(30 * 86_400_000);
  assert.equal(desk.last().event, "new");
  desk.clock.advance(61 * 86_400_000);
  assert.equal(desk.last().event, "expired");
});

Deno.test("stock and option orders carry their asset class", () => {
  using desk = bench();
  const stock = desk.engine.submit(order({ qty: "3" }));
  assert.equal(stock.asset_class, "us_equity");
  const option = desk.engine.submit(order({ symbol: LOW_CALL, qty: "2" }));
  assert.equal(option.asset_class, "us_option");
  desk.clock.advance(20);
  assert.equal(desk.engine.position("MSFT").toFixed(), "3");
  assert.equal(desk.engine.position(LOW_CALL).toFixed(), "2");
});

Deno.test("a multi-leg order fills all legs in one event at the net price", () => {
  using desk = bench();
  const placed = desk.engine.submit({
    order_class: "mleg",
    type: "limit",
    limit_price: "4.35",
    qty: "2",
    time_in_force: "day",
    legs: [
      { symbol: LOW_CALL, ratio_qty: "1", side: "buy" },
      { symbol: HIGH_CALL, ratio_qty: "2", position_intent: "sell_to_open" },
    ],
  });
  assert.equal(placed.symbol, "");
  assert.equal(placed.side, "");
  assert.equal(placed.asset_class, "");
  assert.equal(placed.position_intent, "");
  assert.equal(placed.asset_id, "00000000-0000-0000-0000-000000000000");
  assert.equal(placed.legs?.[1]?.type, "");
  assert.equal(placed.legs?.[1]?.ratio_qty, "2");
  assert.equal(placed.legs?.[1]?.qty, "4");
  desk.clock.advance(10);
  const fill = desk.last();
  assert.deepEqual(desk.events(), ["pending_new", "new", "fill"]);
  assert.equal(fill.execution_id, undefined);
  assert.equal(fill.price, "-3.8"); // 12.4 − 2 × 8.1: a credit
  assert.equal(fill.qty, "2");
  assert.deepEqual(fill.position_qtys, { [LOW_CALL]: "2", [HIGH_CALL]: "-4" });
  assert.deepEqual(
    fill.legs?.map(({ symbol, qty, price }) => ({ symbol, qty, price })),
    [
      { symbol: LOW_CALL, qty: "2", price: "12.4" },
      { symbol: HIGH_CALL, qty: "4", price: "8.1" },
    ],
  );
  assert.deepEqual(fill.order.legs?.map(({ status }) => status), [
    "filled",
    "filled",
  ]);
  assert.equal(fill.order.filled_avg_price, "-3.8");
  assert.equal(desk.engine.openCount, 0);
});

Deno.test("a multi-leg order above its net limit waits and can be canceled", () => {
  using desk = bench();
  const { id } = desk.engine.submit({
    order_class: "mleg",
    type: "limit",
    limit_price: "-5",
    qty: "1",
    time_in_force: "day",
    legs: [
      { symbol: LOW_CALL, ratio_qty: "1", side: "buy" },
      { symbol: HIGH_CALL, ratio_qty: "2", side: "sell" },
    ],
  });
  desk.clock.advance(100);
  assert.equal(desk.last().event, "new");
  desk.engine.cancel(id);
  desk.clock.advance(10);
  assert.equal(desk.last().event, "canceled");
  assert.deepEqual(desk.last().order.legs?.map(({ status }) => status), [
    "canceled",
    "canceled",
  ]);
});

Deno.test("while an order is being replaced only its successor can be canceled", () => {
  using desk = bench();
  const old = desk.engine.submit(order({ type: "limit", limit_price: "390" }));
  desk.clock.advance(10);
  const next = desk.engine.replace(old.id, { limit_price: "391" });
  assert.throws(() => desk.engine.cancel(old.id), /"pending_replace" state/);
  assert.deepEqual(desk.engine.cancelAll(), [next.id]);
  desk.clock.advance(20);
  assert.equal(desk.engine.get(old.id)?.status, "replaced");
  assert.equal(desk.engine.get(next.id)?.status, "canceled");
  assert.equal(desk.engine.openCount, 0);
});
