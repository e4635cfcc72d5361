import assert from "node:assert/strict";
import { TooManyEntries } from "../../../../src/application/ports/order_history.ts";
import { Account, MAX_SILENCE_MS, timestamp } from "../../../support/order_account.ts";

Deno.test("what was missed before the link was known to be lost is derived", async () => {
  const account = new Account();
  account.set("a");
  await account.connect();
  account.lines();
  // The link is silent from here on, and found to be so after the longest silence.
  account.fill("a", "4", "4");
  account.set("new", { submittedAt: timestamp(account.clock.now()) });
  await account.clock.advance(MAX_SILENCE_MS);
  await account.disconnect(1_000);
  await account.connect();
  assert.deepEqual(account.lines(), ["reconciled a partial_fill 4", "reconciled new new 0"]);
});

Deno.test("the clock of REST may be seconds behind", async () => {
  const account = new Account();
  account.set("a");
  await account.connect();
  account.lines();
  await account.disconnect(0);
  const behind = account.clock.now() - MAX_SILENCE_MS - 9_000;
  account.fill("a", "4", "4");
  account.executions = account.executions.map((each) => ({ ...each, atMs: behind }));
  account.set("new", { submittedAt: timestamp(behind) });
  await account.connect();
  assert.deepEqual(account.lines(), ["reconciled new new 0", "reconciled a partial_fill 4"]);
});

Deno.test("executions that REST has later than the order are waited for", async () => {
  const account = new Account();
  account.set("a");
  await account.startOutage();
  account.fill("a", "4", "4");
  const executions = account.executions.splice(0);
  let readings = 0;
  account.onExecutions = () => {
    if (++readings === 3) account.executions = executions;
  };
  await account.connect(10_000);
  assert.deepEqual(account.lines(), ["reconciled a partial_fill 4"]);
  assert.equal(readings, 3);
});

Deno.test("executions that REST never has are a gap of the order", async () => {
  const account = new Account();
  account.set("a");
  await account.startOutage();
  account.fill("a", "4", "4");
  account.executions = [];
  await account.connect(30_000);
  assert.deepEqual(account.lines(), ["gap upstream_lost AAPL"]);
  assert.equal(account.journal.isComplete, true);
});

Deno.test("an open order that REST does not have any more is a gap, once", async () => {
  const account = new Account();
  account.set("a");
  await account.connect();
  account.orders.clear();
  await account.disconnect(100);
  await account.connect();
  assert.deepEqual(account.lines(), ["gap upstream_lost AAPL"]);
  await account.disconnect(100);
  await account.connect();
  assert.deepEqual(account.lines(), []);
  assert.deepEqual(account.lookups, ["a"]);
  const filter = { symbols: new Set<string>(), secondary: new Set<string>() };
  assert.deepEqual(account.journal.present(filter, "all"), []);
});

Deno.test("of an order that ended long ago nothing is derived", async () => {
  const account = new Account();
  await account.connect();
  account.lines();
  const longAgo = timestamp(account.clock.now() - 86_400_000);
  await account.disconnect(100);
  account.set("old", { submittedAt: longAgo });
  await account.connect();
  assert.deepEqual(account.lines(), []);
});

for (
  const { name, before, after } of [
    { name: "continues the executed quantity of the order it replaces", before: "4", after: "6" },
    { name: "may also count its own executions only", before: "0", after: "2" },
  ]
) {
  Deno.test(`a replacement ${name}`, async () => {
    const account = new Account();
    account.fill("a", "4", "4");
    await account.startOutage();
    account.set("a", { status: "replaced" });
    await account.clock.advance(10);
    account.set("b", { submittedAt: timestamp(account.clock.now()), filledQty: before });
    await account.clock.advance(10);
    const order = account.fill("b", "2", after);
    account.orders.set("b", { order, replaces: "a", replacedAt: undefined });
    await account.connect();
    assert.deepEqual(account.lines(), [
      "reconciled a replaced 4",
      `reconciled b new ${before}`,
      `reconciled b partial_fill ${after}`,
    ]);
  });
}

Deno.test("an update that was derived is not delivered again when it arrives", async () => {
  const account = new Account();
  const submitted = account.set("a");
  await account.connect();
  account.receive("new", submitted);
  account.lines();
  await account.disconnect(100);
  const filled = account.fill("a", "4", "4");
  await account.connect();
  account.receive("partial_fill", filled, { executionId: "other", qty: "4", price: "1" });
  assert.deepEqual(account.lines(), ["reconciled a partial_fill 4"]);
  await account.clock.advance(100);
  const next = account.fill("a", "2", "6");
  account.receive("partial_fill", next, { executionId: "xa6", qty: "2", price: "1" });
  assert.deepEqual(account.lines(), ["a partial_fill 6"]);
  assert.equal(account.counters.orders.duplicates, 1);
});

Deno.test("an update is not delivered after a later one of its order was derived", async () => {
  const account = new Account();
  await account.startOutage();
  const pending = account.details("a", { status: "pending_new" });
  await account.clock.advance(100);
  account.fill("a", "4", "4");
  account.set("a", { submittedAt: pending.submittedAt });
  await account.connect();
  account.receive("pending_new", pending);
  account.receive("pending_replace", account.details("a", { status: "pending_replace" }));
  assert.deepEqual(account.lines(), [
    "reconciled a new 0",
    "reconciled a partial_fill 4",
    "a pending_replace 4",
  ]);
});

Deno.test("an execution after a bust is delivered, though the quantity is lower", async () => {
  const account = new Account();
  account.set("a");
  await account.startOutage();
  account.fill("a", "4", "4");
  account.fill("a", "4", "8");
  await account.connect();
  await account.clock.advance(1_000);
  account.receive("trade_bust", account.set("a", { filledQty: "4" }));
  await account.clock.advance(1_000);
  const filled = account.fill("a", "1", "5");
  account.receive("partial_fill", filled, { executionId: "xa5", qty: "1", price: "1" });
  assert.deepEqual(account.lines(), [
    "reconciled a partial_fill 4",
    "reconciled a partial_fill 8",
    "a trade_bust 4",
    "a partial_fill 5",
  ]);
});

Deno.test("what arrives while REST is read precedes what is derived of that moment", async () => {
  const account = new Account();
  await account.startOutage();
  const pending = account.set("a", { status: "pending_new" });
  const live = account.set("a", { status: "new" });
  account.fill("a", "4", "4");
  account.journal.carried();
  account.receive("pending_new", pending);
  account.receive("new", live);
  await account.clock.advance(1_000);
  assert.deepEqual(account.lines(), ["a pending_new 0", "a new 0", "reconciled a partial_fill 4"]);
});

Deno.test("more held updates than the capacity end the reading with a gap", async () => {
  const account = new Account({ capacity: 3 });
  await account.startOutage();
  account.journal.carried();
  for (const id of ["a", "b", "c", "d"]) account.receive("new", account.set(id));
  await account.clock.advance(1_000);
  assert.deepEqual(account.lines(), [
    "a new 0",
    "b new 0",
    "c new 0",
    "d new 0",
    "gap upstream_lost ",
  ]);
  assert.equal(account.counters.orders.reconciliations.abandoned, 1);
});

Deno.test("the word of the present status is not delivered again at a later time", async () => {
  const account = new Account();
  account.set("a");
  await account.startOutage();
  const canceled = account.set("a", { status: "canceled" });
  await account.connect();
  account.receive("canceled", canceled, {
    eventId: "other",
    timestamp: timestamp(account.clock.now()),
  });
  assert.deepEqual(account.lines(), ["reconciled a canceled 0"]);
});

Deno.test("a word that was derived is delivered when it occurs again", async () => {
  const account = new Account();
  await account.connect();
  account.receive("pending_cancel", account.set("a", { status: "pending_cancel" }));
  account.lines();
  await account.disconnect(100);
  account.set("a", { status: "new" });
  await account.connect();
  await account.clock.advance(100);
  account.receive("pending_cancel", account.set("a", { status: "pending_cancel" }));
  await account.clock.advance(100);
  account.receive("order_cancel_rejected", account.set("a", { status: "new" }));
  assert.deepEqual(account.lines(), [
    "reconciled a order_cancel_rejected 0",
    "a pending_cancel 0",
    "a order_cancel_rejected 0",
  ]);
});

Deno.test("at the start more recent orders than can be read are no failure", async () => {
  const account = new Account();
  account.set("a");
  account.submittedAfter = () => Promise.reject(new TooManyEntries("more than 100 pages"));
  await account.connect();
  assert.equal(account.journal.isComplete, true);
  assert.equal(account.counters.orders.reconciliations.completed, 1);
  await account.disconnect(100);
  await account.connect();
  await account.clock.advance(60_000);
  assert.deepEqual(account.lines(), ["gap upstream_lost "]);
  assert.equal(account.counters.orders.reconciliations.abandoned, 1);
  assert.equal(account.journal.isComplete, true);
});

Deno.test("after an internal error updates follow a gap, and orders are read again", async () => {
  const account = new Account();
  await account.startOutage();
  const { openOrders } = account;
  account.openOrders = () => Promise.reject(new TypeError("fault"));
  await account.connect();
  account.receive("new", account.set("a"));
  assert.deepEqual(account.lines(), ["a new 0", "gap upstream_lost "]);
  assert.equal(account.journal.isComplete, false);
  assert.ok(account.log.records.some(({ message }) => message === "Failed to reconcile orders"));
  account.openOrders = openOrders;
  await account.clock.advance(60_000);
  assert.equal(account.journal.isComplete, true);
  assert.deepEqual(account.lines(), []);
});

Deno.test("after ten minutes without REST updates follow a gap; the rest is later", async () => {
  const account = new Account();
  account.set("a");
  account.set("b");
  await account.startOutage();
  account.fill("a", "10", "10", "filled");
  account.isDown = true;
  await account.connect(1_000);
  account.receive("new", account.set("c"));
  assert.deepEqual(account.lines(), []);
  await account.clock.advance(660_000);
  const filled = account.fill("b", "4", "4");
  account.receive("partial_fill", filled, { executionId: "xb4", qty: "4" });
  assert.deepEqual(account.lines(), ["c new 0", "b partial_fill 4", "gap upstream_lost "]);
  assert.equal(account.journal.isComplete, false);
  account.isDown = false;
  await account.clock.advance(60_000);
  assert.deepEqual(account.lines(), ["reconciled a fill 10"]);
  assert.equal(account.journal.isComplete, true);
});

Deno.test("at the start the state is not complete before REST was read", async () => {
  const account = new Account();
  account.set("a");
  account.isDown = true;
  await account.connect(700_000);
  assert.equal(account.journal.isComplete, false);
  account.isDown = false;
  await account.clock.advance(60_000);
  assert.equal(account.journal.isComplete, true);
  const filter = { symbols: new Set<string>(), secondary: new Set<string>() };
  assert.equal(account.journal.present(filter, "open").length, 1);
});

Deno.test("a known state that is later than that of REST is no reason for a gap", async () => {
  const account = new Account();
  const old = account.set("a");
  await account.connect();
  account.receive("new", old);
  await account.clock.advance(100);
  account.receive("partial_fill", account.fill("a", "4", "4"), { executionId: "xa4" });
  account.lines();
  await account.disconnect(100);
  account.orders.set("a", { order: old, replaces: undefined, replacedAt: undefined });
  await account.connect(30_000);
  assert.deepEqual(account.lines(), []);
});

Deno.test("an exit of which no update was sent has its executions after an outage", async () => {
  const account = new Account();
  await account.connect();
  const exit = account.details("exit", { status: "held" });
  account.receive("new", account.set("entry"));
  await account.clock.advance(600_000);
  account.lines();
  await account.disconnect(1_000);
  account.orders.set("exit", { order: exit, replaces: undefined, replacedAt: undefined });
  account.fill("entry", "10", "10", "filled");
  await account.clock.advance(10);
  account.fill("exit", "4", "4");
  await account.clock.advance(10);
  account.fill("exit", "6", "10", "filled");
  await account.connect();
  assert.deepEqual(account.lines(), [
    "reconciled entry fill 10",
    "reconciled exit partial_fill 4",
    "reconciled exit fill 10",
  ]);
});

Deno.test("an order that is submitted while REST is read arrives live only", async () => {
  const account = new Account();
  await account.startOutage();
  account.onExecutions = () => {
    account.onExecutions = undefined;
    account.receive("new", account.set("a"));
    account.receive("partial_fill", account.fill("a", "4", "4"), { executionId: "xa4" });
  };
  await account.connect(1_000);
  assert.deepEqual(account.lookups, ["a"]);
  assert.deepEqual(account.lines(), ["a new 0", "a partial_fill 4"]);
});

Deno.test("executions of an order that REST does not have are a gap", async () => {
  const account = new Account();
  await account.startOutage();
  account.fill("a", "4", "4");
  account.orders.clear();
  await account.connect();
  assert.deepEqual(account.lines(), ["gap upstream_lost "]);
});

Deno.test("executions of the legs of a known order are not looked up", async () => {
  const account = new Account();
  const leg = { symbol: "A", side: "buy", qty: "", filledQty: "", filledAvgPrice: "" };
  const legs = [{ ...leg, id: "leg", ratioQty: "1", status: "filled" }];
  await account.connect();
  const spread = { orderClass: "mleg", legs, filledQty: "1", status: "filled" };
  account.receive("fill", account.set("spread", spread));
  account.lines();
  account.orders.delete("spread");
  await account.disconnect(100);
  account.fill("leg", "1", "1", "filled");
  account.orders.clear();
  await account.connect();
  assert.deepEqual(account.lines(), []);
  assert.deepEqual(account.lookups, []);
});

Deno.test("every correction of an execution is delivered", async () => {
  const account = new Account();
  await account.connect();
  account.lines();
  const order = account.set("a", { status: "filled", filledQty: "10" });
  account.receive("trade_correct", order, { executionId: "x", eventId: "1", price: "1" });
  account.receive("trade_correct", order, { executionId: "x", eventId: "2", price: "2" });
  account.receive("trade_correct", order, { executionId: "x", eventId: "2", price: "2" });
  assert.deepEqual(account.lines(), ["a trade_correct 10", "a trade_correct 10"]);
});

Deno.test("a correction of an order whose end was derived is delivered", async () => {
  const account = new Account();
  account.set("a");
  await account.startOutage();
  const filled = account.fill("a", "10", "10", "filled");
  await account.connect();
  account.receive("trade_bust", { ...filled, filledQty: "4", status: "partially_filled" });
  assert.deepEqual(account.lines(), ["reconciled a fill 10", "a trade_bust 4"]);
  const filter = { symbols: new Set<string>(), secondary: new Set<string>() };
  const open = account.journal.present(filter, "open");
  assert.deepEqual(open.map(({ event }) => event.order.filledQty), ["4"]);
});

Deno.test("a correction of a finished order in an outage is a gap", async () => {
  const account = new Account();
  await account.connect();
  account.receive("fill", account.fill("a", "10", "10", "filled"), { executionId: "xa10" });
  account.lines();
  await account.disconnect(100);
  account.set("a", { filledQty: "4", status: "partially_filled" });
  await account.connect(30_000);
  assert.deepEqual(account.lines(), ["gap upstream_lost AAPL"]);
  const filter = { symbols: new Set<string>(), secondary: new Set<string>() };
  const open = account.journal.present(filter, "open");
  assert.deepEqual(open.map(({ event }) => event.order.filledQty), ["4"]);
});

Deno.test("of finished orders that were forgotten nothing is derived again", async () => {
  const account = new Account({ capacity: 3 });
  await account.connect();
  for (const id of ["a", "b", "c", "d", "e"]) {
    account.receive("new", account.set(id));
    const filled = account.fill(id, "10", "10", "filled");
    account.receive("fill", filled, { executionId: `x${id}10` });
    await account.clock.advance(10);
  }
  account.lines();
  await account.disconnect(1_000);
  await account.connect(30_000);
  assert.deepEqual(account.lines(), []);
});

Deno.test("the clock of the proxy may be minutes ahead of that of REST", async () => {
  const account = new Account();
  account.clockAheadMs = 120_000;
  await account.connect();
  account.lines();
  await account.disconnect(1_000);
  const behind = account.clock.now() - account.clockAheadMs;
  const at = timestamp(behind);
  account.set("a", { submittedAt: at, updatedAt: at, status: "filled", filledQty: "10" });
  const execution = { orderId: "a", id: "x", at, price: "1", qty: "10", cumQty: "10" };
  account.executions.push({ ...execution, atMs: behind });
  await account.connect();
  assert.deepEqual(account.lines(), ["reconciled a new 0", "reconciled a fill 10"]);
});

Deno.test("the derived updates of several orders are sorted by time", async () => {
  const account = new Account();
  for (const id of ["a", "b"]) account.set(id);
  await account.startOutage();
  for (const [id, cumQty] of [["a", "1"], ["b", "1"], ["a", "2"], ["b", "2"]] as const) {
    await account.clock.advance(10);
    account.fill(id, "1", cumQty);
  }
  await account.connect();
  assert.deepEqual(account.lines(), [
    "reconciled a partial_fill 1",
    "reconciled b partial_fill 1",
    "reconciled a partial_fill 2",
    "reconciled b partial_fill 2",
  ]);
});

Deno.test("an execution is a repeat although Alpaca gives it another event id", async () => {
  const account = new Account();
  account.set("a");
  await account.connect();
  account.lines();
  const filled = account.fill("a", "4", "4");
  account.receive("partial_fill", filled, { executionId: "xa4", eventId: "1", qty: "4" });
  account.receive("partial_fill", filled, { executionId: "xa4", eventId: "2", qty: "4" });
  assert.deepEqual(account.lines(), ["a partial_fill 4"]);
});

Deno.test("a gap of an order without a symbol concerns every symbol", async () => {
  const account = new Account();
  account.set("a");
  account.set("spread", { symbol: "", orderClass: "mleg" });
  await account.startOutage();
  account.orders.clear();
  await account.connect();
  assert.deepEqual(account.lines(), ["gap upstream_lost "]);
});

Deno.test("the present state of an order is the latest, not the last that arrived", async () => {
  const account = new Account();
  const filter = { symbols: new Set<string>(), secondary: new Set<string>() };
  const present = () =>
    account.journal.present(filter, "all")
      .map(({ event: { event, order }, origin }) => `${origin} ${event} ${order.filledQty}`);
  account.set("a");
  await account.connect();
  assert.deepEqual(present(), ["snapshot new 0"]);
  const earlier = account.set("a", { status: "pending_replace" });
  await account.clock.advance(10);
  account.receive("partial_fill", account.fill("a", "4", "4"), { executionId: "xa4" });
  account.receive("pending_replace", earlier);
  assert.deepEqual(present(), ["live partial_fill 4"]);
  // The state is that of the last update, or another one.
  await account.disconnect(10);
  await account.connect();
  assert.deepEqual(present(), ["live partial_fill 4"]);
  await account.disconnect(10);
  account.set("a", { status: "pending_cancel" });
  account.openOrders = () => Promise.resolve([account.orders.get("a") ?? assert.fail()]);
  await account.connect();
  assert.deepEqual(present(), ["snapshot pending_cancel 4"]);
});

Deno.test("finished orders are kept up to the capacity", async () => {
  const account = new Account({ capacity: 2 });
  const filter = { symbols: new Set<string>(), secondary: new Set<string>() };
  await account.connect();
  for (const id of ["a", "b", "c"]) {
    account.receive("canceled", account.set(id, { status: "canceled" }));
    await account.clock.advance(10);
  }
  account.receive("new", account.set("d"));
  const ids = (which: "open" | "all") =>
    account.journal.present(filter, which).map(({ event }) => event.order.id);
  assert.deepEqual([ids("all"), ids("open")], [["b", "c", "d"], ["d"]]);
});

Deno.test("many old orders that ended in an outage are read in a list", async () => {
  const account = new Account();
  const submittedAt = timestamp(account.clock.now() - 30 * 86_400_000);
  const ids = Array.from({ length: 300 }, (_, i) => `o${i}`);
  for (const id of ids) account.set(id, { submittedAt });
  account.set("finished", { submittedAt, status: "canceled" });
  await account.startOutage();
  for (const id of ids) account.set(id, { status: "canceled" });
  await account.connect();
  assert.deepEqual(account.lines(), ids.map((id) => `reconciled ${id} canceled 0`));
  assert.deepEqual(account.lookups, []);
});
