import assert from "node:assert/strict";
import { startSimulator } from "../../src/simulator.ts";
import type { OrderJson } from "../../src/trading/order_json.ts";

const LIMIT = {
  symbol: "AAPL",
  qty: "100",
  side: "buy",
  type: "limit",
  limit_price: "1",
  time_in_force: "gtc",
};

async function started() {
  const simulator = await startSimulator({ messagesPerSecond: 0, ledgerCapacity: 1000 });
  const post = async (name: string, body: unknown) => {
    const response = await fetch(`${simulator.url}/_control/${name}`, {
      method: "POST",
      body: JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  };
  const get = async (name: string) =>
    await (await fetch(`${simulator.url}/_control/${name}`)).json();
  /** Injects an order: it is working immediately. */
  const inject = async (body: object = LIMIT): Promise<OrderJson> => {
    const submittedAt = new Date(Date.now() - 30 * 86_400_000).toISOString();
    return (await post("order", { body, submittedAt })).body;
  };
  return { simulator, post, get, inject };
}

Deno.test("every order event is made through the control API", async () => {
  const { simulator: made, post, get, inject } = await started();
  await using _simulator = made;
  const steps: [object, string][] = [
    [{ event: "accepted" }, "accepted"],
    [{ event: "pending_review" }, "pending_review"],
    [{ event: "held" }, "held"],
    [{ event: "new" }, "new"],
    [{ event: "stopped" }, "stopped"],
    [{ event: "suspended" }, "suspended"],
    [{ event: "calculated" }, "calculated"],
    [{ event: "done_for_day" }, "done_for_day"],
    [{ event: "new" }, "new"],
    [{ event: "order_cancel_rejected" }, "new"],
    [{ event: "order_replace_rejected" }, "new"],
    [{ event: "restated", qty: "90" }, "new"],
    [{ event: "fill", qty: "10", price: "0.99" }, "partially_filled"],
    [{ event: "fill", qty: "5" }, "partially_filled"],
    [{ event: "expired" }, "expired"],
  ];
  const { id } = await inject();
  for (const [event, status] of steps) {
    const reply = await post("order-event", { order: id, ...event });
    assert.deepEqual([reply.status, reply.body.status], [200, status], JSON.stringify(event));
  }
  const { entries } = await get(`order-ledger?order=${id}`);
  const words = steps.map(([step]) => (step as { event: string }).event)
    .map((word) => word === "fill" ? "partial_fill" : word);
  assert.deepEqual(
    entries.map(({ update }: { update: { event: string } }) => update.event),
    words,
  );
  const [order] = await get("orders");
  assert.deepEqual([order.id, order.status, order.filled_qty], [id, "expired", "15"]);
});

Deno.test("executions are corrected and busted, orders replaced and ended", async () => {
  const { simulator: made, post, get, inject } = await started();
  await using _simulator = made;
  const { id: order } = await inject();
  await post("order-event", { order, event: "fill", qty: "10", price: "1" });
  const execution = async () => (await get("order-ledger")).entries.at(-1).update.execution_id;
  const corrected = await post("order-event", {
    order,
    event: "trade_correct",
    execution: await execution(),
    qty: "8",
    price: "0.5",
  });
  assert.deepEqual([corrected.body.filled_qty, corrected.body.filled_avg_price], ["8", "0.5"]);
  const busted = await post("order-event", {
    order,
    event: "trade_bust",
    execution: await execution(),
  });
  assert.equal(busted.body.filled_qty, "0");
  const other = await inject();
  const replaced = await post("order-event", {
    order: other.id,
    event: "replaced",
    body: { limit_price: "1.1" },
  });
  assert.equal(replaced.body.status, "pending_replace");
  for (const event of ["canceled", "rejected"]) {
    const { id } = await inject();
    const ended = await post("order-event", { order: id, event, reason: "A_TEST" });
    assert.equal(ended.body.status, event);
    assert.equal((await get(`order-ledger?order=${id}`)).entries.at(-1).update.reason, "A_TEST");
  }
});

Deno.test("a part of a multi-leg order fills with its legs", async () => {
  const { simulator: made, post, inject } = await started();
  await using simulator = made;
  const [first, second] = simulator.market.optionContracts("AAPL");
  const { id, legs } = await inject({
    order_class: "mleg",
    type: "limit",
    // Far below any net price: it fills on demand only.
    limit_price: "-10000",
    time_in_force: "day",
    qty: "4",
    legs: [
      { symbol: first?.symbol, ratio_qty: "1", side: "buy" },
      { symbol: second?.symbol, ratio_qty: "2", side: "sell" },
    ],
  });
  const { body } = await post("order-event", { order: id, event: "fill", qty: "3" });
  assert.equal(body.status, "partially_filled");
  assert.deepEqual(body.legs.map((leg: OrderJson) => leg.filled_qty), ["3", "6"]);
  const leg = await post("order-event", { order: legs?.[0]?.id, event: "fill" });
  assert.match(leg.body.message, /is a leg/);
});

Deno.test("invalid orders and events are answered with the reason", async () => {
  const { simulator: made, post, inject } = await started();
  await using _simulator = made;
  const { id } = await inject();
  const cases: [string, unknown, RegExp][] = [
    ["order", { body: {} }, /symbol is required/],
    ["order", { body: LIMIT, submittedAt: "then" }, /submittedAt must be.*"then"/],
    ["order", { body: LIMIT, account: "UNKNOWN_KEY" }, /no account with key UNKNOWN_KEY/],
    ["order-event", { order: id, event: "dance" }, /event must be one of accepted/],
    ["order-event", { order: "x", event: "fill" }, /no order x/],
    ["order-event", { order: id, event: "trade_bust", execution: "x" }, /no execution x/],
    ["order-event", { order: id, event: "restated" }, /qty must be text/],
  ];
  for (const [name, body, message] of cases) {
    const reply = await post(name, body);
    assert.equal(reply.status, 400, name);
    assert.match(reply.body.message, message);
  }
});
