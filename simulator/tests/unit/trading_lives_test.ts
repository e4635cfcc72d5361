import assert from "node:assert/strict";
import { renderOrder } from "../../src/trading/order_json.ts";
import { engineHarness, HIGH_CALL, LOW_CALL, order } from "./trading_harness.ts";

Deno.test("a market order is pending_new, new, filled", () => {
  using harness = engineHarness();
  const placed = harness.engine.submit(order());
  assert.equal(placed.status, "pending_new");
  harness.clock.advance(10);

  assert.deepEqual(harness.events(), ["pending_new", "new", "fill"]);
  const fill = harness.last();
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
  using harness = engineHarness();
  harness.engine.submit(order());
  harness.clock.advance(10);
  const [pending, live, fill] = harness.updates;
  assert.equal(pending?.execution_id, undefined);
  assert.match(live?.execution_id ?? "", /^[0-9a-f-]{36}$/);
  assert.match(fill?.execution_id ?? "", /^[0-9a-f-]{36}$/);
  assert.notEqual(live?.execution_id, fill?.execution_id);
});

Deno.test("event ids sort in the order of the events", () => {
  using harness = engineHarness();
  for (let count = 0; count < 50; count++) harness.engine.submit(order());
  harness.clock.advance(100);
  const ids = harness.updates.map(({ event_id = "" }) => event_id);
  assert.equal(ids.length, 150);
  assert.deepEqual(ids, [...new Set(ids)].sort());
  for (const id of ids) assert.match(id, /^[0-9A-HJKMNP-TV-Z]{26}$/);
});

Deno.test("a large order fills in parts by the size of the quotes", () => {
  using harness = engineHarness();
  harness.prices.set("MSFT", 402, 402.1, 40);
  harness.engine.submit(order({ qty: "100" }));
  harness.clock.advance(6);
  harness.prices.set("MSFT", 402.2, 402.3, 40);
  harness.clock.advance(60);

  assert.deepEqual(harness.events(), [
    "pending_new",
    "new",
    "partial_fill",
    "partial_fill",
    "fill",
  ]);
  const [, , first] = harness.updates;
  assert.equal(first?.order.status, "partially_filled");
  assert.equal(first?.order.filled_qty, "40");
  assert.equal(harness.last().qty, "20");
  // (40 × 402.1 + 60 × 402.3) / 100
  assert.equal(harness.last().order.filled_avg_price, "402.22");
});

Deno.test("a limit order waits for its price and takes the better one", () => {
  using harness = engineHarness();
  harness.engine.submit(order({ type: "limit", limit_price: "400" }));
  harness.clock.advance(1_000);
  assert.deepEqual(harness.events(), ["pending_new", "new"]);
  harness.prices.set("MSFT", 399.4, 399.5);
  harness.clock.advance(100);
  assert.equal(harness.last().event, "fill");
  assert.equal(harness.last().price, "399.5");
});

Deno.test("a stop order waits for its stop price", () => {
  using harness = engineHarness();
  harness.engine.submit(
    order({ side: "sell", type: "stop", stop_price: "400" }),
  );
  harness.clock.advance(1_000);
  assert.equal(harness.last().event, "new");
  harness.prices.set("MSFT", 399.7, 399.9);
  harness.clock.advance(100);
  assert.equal(harness.last().event, "fill");
  assert.equal(harness.last().price, "399.7");
  assert.equal(harness.last().position_qty, "-10");
});

Deno.test("a triggered stop-limit order still respects its limit", () => {
  using harness = engineHarness();
  harness.engine.submit(
    order({ type: "stop_limit", stop_price: "405", limit_price: "405.5" }),
  );
  harness.prices.set("MSFT", 405.9, 406);
  harness.clock.advance(100);
  assert.equal(harness.last().event, "new");
  harness.prices.set("MSFT", 405.3, 405.4);
  harness.clock.advance(100);
  assert.equal(harness.last().price, "405.4");
});

Deno.test("a trailing stop follows the best price by its distance", () => {
  using harness = engineHarness();
  const { id } = harness.engine.submit(
    order({ side: "sell", type: "trailing_stop", trail_price: "2" }),
  );
  harness.prices.set("MSFT", 409.9, 410);
  harness.clock.advance(100);
  const resting = harness.engine.get(id);
  assert.ok(resting);
  assert.equal(renderOrder(resting).hwm, "410");
  assert.equal(renderOrder(resting).stop_price, "408");
  harness.prices.set("MSFT", 407.9, 408);
  harness.clock.advance(100);
  assert.equal(harness.last().event, "fill");
  assert.equal(harness.last().order.hwm, "410");
});

Deno.test("a trailing stop by percent measures from the water mark", () => {
  using harness = engineHarness();
  const { id } = harness.engine.submit(
    order({ type: "trailing_stop", trail_percent: "1" }),
  );
  harness.prices.set("MSFT", 399.9, 400);
  harness.clock.advance(100);
  const resting = harness.engine.get(id);
  assert.ok(resting);
  assert.equal(renderOrder(resting).stop_price, "404");
});

Deno.test("a cancel is pending, then canceled", () => {
  using harness = engineHarness({ pendingChangeEvents: true });
  const { id } = harness.engine.submit(
    order({ type: "limit", limit_price: "390" }),
  );
  harness.clock.advance(10);
  harness.engine.cancel(id);
  assert.equal(harness.last().event, "pending_cancel");
  assert.ok(harness.last().order.cancel_requested_at);
  harness.clock.advance(10);
  assert.equal(harness.last().event, "canceled");
  assert.equal(harness.last().order.status, "canceled");
  assert.ok(harness.last().order.canceled_at);
  assert.equal(harness.engine.openCount, 0);
});

Deno.test("a late cancel leaves the order open", () => {
  using harness = engineHarness();
  const { id } = harness.engine.submit(
    order({ type: "limit", limit_price: "390" }),
  );
  harness.clock.advance(10);
  harness.engine.manualFills.rejectNextCancels();
  harness.engine.cancel(id);
  harness.clock.advance(10);
  assert.equal(harness.last().event, "order_cancel_rejected");
  assert.equal(harness.last().reason, "TOO_LATE_TO_CANCEL");
  assert.equal(harness.last().order.status, "new");
  harness.prices.set("MSFT", 389, 389.5);
  harness.clock.advance(50);
  assert.equal(harness.last().event, "fill");
});

Deno.test("an order canceled before it was accepted is never new", () => {
  using harness = engineHarness();
  const { id } = harness.engine.submit(order());
  harness.engine.cancel(id);
  harness.clock.advance(100);
  assert.deepEqual(harness.events(), ["pending_new", "canceled"]);
});

Deno.test("a replacement announces the old order as replaced, then its own as new", () => {
  using harness = engineHarness({ pendingChangeEvents: true });
  const old = harness.engine.submit(
    order({ type: "limit", limit_price: "390" }),
  );
  harness.clock.advance(10);
  const next = harness.engine.replace(old.id, {
    limit_price: "391",
    qty: "12",
  });
  assert.equal(next.replaces, old.id);
  harness.clock.advance(10);
  const [replaced, live] = harness.updates.slice(-2);
  assert.deepEqual(harness.events().slice(2), [
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
  harness.prices.set("MSFT", 390, 390.5);
  harness.clock.advance(50);
  assert.equal(harness.last().order.id, next.id);
  assert.equal(harness.last().event, "fill");
});

Deno.test("a rejected replacement leaves the old order open", () => {
  using harness = engineHarness();
  const old = harness.engine.submit(
    order({ type: "limit", limit_price: "390" }),
  );
  harness.clock.advance(10);
  harness.engine.manualFills.rejectNextReplaces();
  const next = harness.engine.replace(old.id, { limit_price: "391" });
  harness.clock.advance(10);
  assert.deepEqual(harness.events().slice(2), [
    "order_replace_rejected",
    "rejected",
  ]);
  assert.equal(harness.last().order.id, next.id);
  harness.prices.set("MSFT", 389, 389.5);
  harness.clock.advance(50);
  assert.equal(harness.last().order.id, old.id);
  assert.equal(harness.last().event, "fill");
});

Deno.test("a replacement of a partly filled order keeps the fills", () => {
  using harness = engineHarness();
  harness.prices.set("MSFT", 402, 402.1, 4);
  const old = harness.engine.submit(
    order({ type: "limit", limit_price: "402.1" }),
  );
  harness.clock.advance(6);
  harness.prices.set("MSFT", 403, 403.1);
  const next = harness.engine.replace(old.id, { limit_price: "403.1" });
  harness.clock.advance(100);
  assert.equal(harness.last().order.id, next.id);
  assert.equal(harness.last().qty, "6");
  assert.equal(harness.last().order.filled_qty, "10");
  // (4 × 402.1 + 6 × 403.1) / 10
  assert.equal(harness.last().order.filled_avg_price, "402.7");
  assert.equal(harness.last().position_qty, "10");
});

Deno.test("an immediate-or-cancel order fills in part and is canceled", () => {
  using harness = engineHarness();
  harness.prices.set("MSFT", 402, 402.1, 3);
  harness.engine.submit(order({ time_in_force: "ioc" }));
  harness.clock.advance(100);
  assert.deepEqual(harness.events(), [
    "pending_new",
    "new",
    "partial_fill",
    "canceled",
  ]);
  assert.equal(harness.last().order.filled_qty, "3");
});

Deno.test("a fill-or-kill order fills completely or not at all", () => {
  using harness = engineHarness();
  harness.prices.set("MSFT", 402, 402.1, 3);
  harness.engine.submit(order({ time_in_force: "fok" }));
  harness.clock.advance(100);
  assert.deepEqual(harness.events(), ["pending_new", "new", "canceled"]);
  harness.prices.set("MSFT", 402, 402.1, 10);
  harness.engine.submit(order({ time_in_force: "fok" }));
  harness.clock.advance(100);
  assert.equal(harness.last().event, "fill");
});

Deno.test("a day order expires at the close in New York", () => {
  using harness = engineHarness({ matchIntervalMs: 60_000 });
  harness.engine.submit(order({ type: "limit", limit_price: "300" }));
  harness.clock.advance(5.4 * 3_600_000);
  assert.equal(harness.last().event, "new");
  harness.clock.advance(0.2 * 3_600_000);
  assert.equal(harness.last().event, "expired");
  assert.equal(harness.last().order.status, "expired");
  assert.ok(harness.last().order.expired_at);
  assert.equal(harness.clock.pending, 0);
});

Deno.test("a good-till-canceled order outlives the day", () => {
  using harness = engineHarness({ matchIntervalMs: 3_600_000 });
  harness.engine.submit(
    order({ type: "limit", limit_price: "300", time_in_force: "gtc" }),
  );
  harness.clock.advance(30 * 86_400_000);
  assert.equal(harness.last().event, "new");
  harness.clock.advance(61 * 86_400_000);
  assert.equal(harness.last().event, "expired");
});

Deno.test("stock and option orders have their asset class", () => {
  using harness = engineHarness();
  const stock = harness.engine.submit(order({ qty: "3" }));
  assert.equal(stock.asset_class, "us_equity");
  const option = harness.engine.submit(order({ symbol: LOW_CALL, qty: "2" }));
  assert.equal(option.asset_class, "us_option");
  harness.clock.advance(20);
  assert.equal(harness.engine.position("MSFT").toFixed(), "3");
  assert.equal(harness.engine.position(LOW_CALL).toFixed(), "2");
});

Deno.test("a multi-leg order fills all legs in one event at the net price", () => {
  using harness = engineHarness();
  const placed = harness.engine.submit({
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
  harness.clock.advance(10);
  const fill = harness.last();
  assert.deepEqual(harness.events(), ["pending_new", "new", "fill"]);
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
  assert.equal(harness.engine.openCount, 0);
});

Deno.test("a multi-leg order above its net limit waits and can be canceled", () => {
  using harness = engineHarness();
  const { id } = harness.engine.submit({
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
  harness.clock.advance(100);
  assert.equal(harness.last().event, "new");
  harness.engine.cancel(id);
  harness.clock.advance(10);
  assert.equal(harness.last().event, "canceled");
  assert.deepEqual(harness.last().order.legs?.map(({ status }) => status), [
    "canceled",
    "canceled",
  ]);
});

Deno.test("while an order is being replaced only the new one can be canceled", () => {
  using harness = engineHarness();
  const old = harness.engine.submit(
    order({ type: "limit", limit_price: "390" }),
  );
  harness.clock.advance(10);
  const next = harness.engine.replace(old.id, { limit_price: "391" });
  assert.throws(() => harness.engine.cancel(old.id), /"pending_replace" state/);
  assert.deepEqual(harness.engine.cancelAll(), [next.id]);
  harness.clock.advance(20);
  assert.equal(harness.engine.get(old.id)?.status, "replaced");
  assert.equal(harness.engine.get(next.id)?.status, "canceled");
  assert.equal(harness.engine.openCount, 0);
});
