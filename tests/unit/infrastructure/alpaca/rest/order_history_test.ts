import assert from "node:assert/strict";
import { ApiUnavailable } from "../../../../../src/application/ports/api_unavailable.ts";
import { TooManyEntries } from "../../../../../src/application/ports/order_history.ts";
import { RestOrderHistory } from "../../../../../src/infrastructure/alpaca/rest/order_history.ts";
import { json, ScriptedApi } from "./scripted_api.ts";

function historyOf(api: ScriptedApi): RestOrderHistory {
  return new RestOrderHistory({ client: api.client, url: api.url });
}

/** An order as REST has it, submitted in the given ms. */
function order(id: string, submittedMs = 0, changes: Record<string, unknown> = {}) {
  const submitted = new Date(Date.UTC(2026, 8, 14) + submittedMs).toISOString();
  return {
    id,
    symbol: "AAPL",
    status: "new",
    filled_qty: "0",
    submitted_at: submitted,
    ...changes,
  };
}

function page(from: number, count: number, submittedMs: (i: number) => number = (i) => i) {
  return json(
    Array.from({ length: count }, (_, i) => order(`o${from + i}`, submittedMs(from + i))),
  );
}

Deno.test("open orders are read page by page after the last id", async () => {
  await using api = new ScriptedApi([page(0, 500), page(500, 500), json([])]);
  const orders = await historyOf(api).openOrders(api.signal);
  assert.deepEqual(
    orders.map(({ order: { id } }) => id),
    Array.from({ length: 1_000 }, (_, i) => `o${i}`),
  );
  assert.deepEqual(api.requests.map(({ url }) => url.searchParams.get("after_order_id")), [
    null,
    "o499",
    "o999",
  ]);
  const { searchParams } = api.requests[0]?.url ?? new URL(api.url);
  assert.equal(searchParams.get("status"), "open");
  assert.equal(searchParams.get("nested"), "true");
  assert.equal(searchParams.get("direction"), "asc");
  assert.equal(api.counters.orders.ok, 3);
});

Deno.test("a page of orders is not the last because it has legs", async () => {
  await using api = new ScriptedApi([page(0, 100), page(100, 99)]);
  const orders = await historyOf(api).openOrders(api.signal);
  assert.equal(orders.length, 199);
});

Deno.test("recent orders are read on from the time of the last one, including it", async () => {
  await using api = new ScriptedApi([page(0, 500, (i) => i), page(499, 2, (i) => i)]);
  const since = Date.UTC(2026, 8, 13);
  const orders = await historyOf(api).submittedAfter(since, api.signal);
  assert.equal(new Set(orders.map(({ order: { id } }) => id)).size, 501);
  assert.deepEqual(api.requests.map(({ url }) => url.searchParams.get("after")), [
    "2026-09-13T00:00:00.000Z",
    "2026-09-14T00:00:00.498Z",
  ]);
});

Deno.test("a page of orders of one ms ends the reading", async () => {
  await using api = new ScriptedApi([page(0, 500, () => 7), page(0, 500, () => 7)]);
  const reading = historyOf(api).submittedAfter(0, api.signal);
  await assert.rejects(reading, TooManyEntries);
});

Deno.test("legs are orders of their own, except those of a multi-leg order", async () => {
  const bracket = order("entry", 0, { order_class: "bracket", legs: [order("exit")] });
  const spread = order("spread", 0, { order_class: "mleg", legs: [order("leg")] });
  const replaced = order("next", 0, { replaces: "old", replaced_at: "2026-09-14T00:00:01Z" });
  await using api = new ScriptedApi([json([bracket, spread, replaced])]);
  const orders = await historyOf(api).openOrders(api.signal);
  assert.deepEqual(orders.map(({ order: { id } }) => id), ["entry", "exit", "spread", "next"]);
  assert.equal(orders.at(-1)?.replaces, "old");
});

Deno.test("an order that does not exist is none; another error is one", async () => {
  const missing = json({ message: "order not found" }, { status: 404 });
  await using api = new ScriptedApi([missing, json([]), json(order("o"))]);
  assert.deepEqual(await historyOf(api).order("o", api.signal), []);
  await assert.rejects(historyOf(api).order("o", api.signal), ApiUnavailable);
  const [found] = await historyOf(api).order("o", api.signal);
  assert.equal(found?.order.id, "o");
});

Deno.test("executions have the quantities of their activities", async () => {
  const activity = (i: number) => ({
    id: `20260914143000010::x${i}`,
    order_id: "o",
    price: "0.99",
    qty: "1",
    cum_qty: String(i + 1),
    transaction_time: "2026-09-14T14:30:00.01Z",
  });
  const activities = (from: number, count: number) =>
    json(Array.from({ length: count }, (_, i) => activity(from + i)));
  await using api = new ScriptedApi([activities(0, 100), activities(100, 1)]);
  const executions = await historyOf(api).executionsAfter(0, api.signal);
  assert.equal(executions.length, 101);
  assert.deepEqual(executions[0], {
    orderId: "o",
    id: "x0",
    at: { seconds: Date.UTC(2026, 8, 14, 14, 30) / 1_000, nanos: 10_000_000 },
    price: "0.99",
    qty: "1",
    cumQty: "1",
  });
  assert.equal(api.requests[1]?.url.searchParams.get("page_token"), "20260914143000010::x99");
});

Deno.test("a page that is not a list of valid entries is an error", async () => {
  const wrong = [
    json({}),
    json([7]),
    json([{ symbol: "AAPL" }]),
    json([order("o", 0, {
      legs: [{ id: "" }],
    })]),
  ];
  for (const response of wrong) {
    await using api = new ScriptedApi([response]);
    await assert.rejects(historyOf(api).openOrders(api.signal), ApiUnavailable);
  }
  await using api = new ScriptedApi([json([{ id: "x" }])]);
  await assert.rejects(historyOf(api).executionsAfter(0, api.signal), ApiUnavailable);
});

Deno.test("more pages than are read are an error of their own", async () => {
  let last = 0;
  await using api = new ScriptedApi([(url) => {
    last += 500;
    return page(last, 500)(url);
  }]);
  await assert.rejects(historyOf(api).openOrders(api.signal), TooManyEntries);
  assert.equal(api.requests.length, 100);
});
