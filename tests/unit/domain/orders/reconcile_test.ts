import assert from "node:assert/strict";
import type { OrderDetails, OrderUpdate } from "../../../../src/domain/market/order_events.ts";
import {
  type Execution,
  isBefore,
  knownAfter,
  mergeByTime,
  missedEvents,
  occasionOf,
  type RestOrder,
} from "../../../../src/domain/orders/reconcile.ts";
import { multiply, parseQuantity, quantityText } from "../../../../src/domain/orders/quantity.ts";
import { orderDetails } from "../../../support/order_details.ts";

function at(seconds: number) {
  return { seconds, nanos: 0 };
}

function order(changes: Partial<OrderDetails> = {}): OrderDetails {
  return orderDetails(at(1), changes);
}

function rest(changes: Partial<OrderDetails> = {}): RestOrder {
  return { order: order(changes), replaces: undefined, replacedAt: at(9) };
}

function execution(qty: string, cumQty: string, changes: Partial<Execution> = {}): Execution {
  return { orderId: "o", id: `x${cumQty}`, at: at(5), price: "1.5", qty, cumQty, ...changes };
}

/** The derived events in short: word, executed quantity, quantity and price of the execution. */
function derive(
  before: Partial<OrderDetails> | undefined,
  current: RestOrder,
  executions: readonly Execution[] = [],
  inherited = "0",
): readonly string[] | undefined {
  const known = before && knownAfter(order(before), undefined);
  const missed = missedEvents({ known, current, executions, inherited });
  if (!missed.isComplete) return undefined;
  return missed.events.map(({ event, order: { filledQty, status }, qty, price }) =>
    [event, status, filledQty, ...qty === undefined ? [] : [qty, price]].join(" ")
  );
}

Deno.test("executions between two states are derived once each, in order", () => {
  const executions = [
    execution("3", "10"),
    execution("4.0", "7", { price: "1.25" }),
    execution("3", "3"),
  ];
  const filled = rest({ status: "filled", filledQty: "10", filledAvgPrice: "1.4" });
  assert.deepEqual(derive({ filledQty: "3", status: "partially_filled" }, filled, executions), [
    "partial_fill partially_filled 7 4 1.25",
    "fill filled 10 3 1.5",
  ]);
  // An execution after the state was read follows live.
  const partly = rest({ status: "partially_filled", filledQty: "7" });
  assert.deepEqual(derive({ filledQty: "3" }, partly, executions), [
    "partial_fill partially_filled 7 4 1.25",
  ]);
});

Deno.test("a state without all of its executions is not complete", () => {
  const filled = rest({ status: "filled", filledQty: "10" });
  assert.equal(derive({}, filled, [execution("3", "10")]), undefined);
  assert.equal(derive({}, filled), undefined);
  assert.equal(derive({}, filled, [execution("3", "3"), execution("6", "10")]), undefined);
  assert.equal(derive({ filledQty: "5" }, rest({ filledQty: "4" })), undefined);
  assert.equal(derive({ filledQty: "x" }, rest()), undefined);
});

Deno.test("the end of an order is derived after its executions", () => {
  for (const status of ["canceled", "expired", "rejected", "replaced"]) {
    const ended = rest({ status, filledQty: "3" });
    assert.deepEqual(derive({}, ended, [execution("3", "3")]), [
      "partial_fill partially_filled 3 3 1.5",
      `${status} ${status} 3`,
    ]);
    assert.deepEqual(derive({ status, filledQty: "3.0" }, ended), [], "it has ended before");
    assert.equal(derive({ status }, ended), undefined, "it was corrected");
  }
});

Deno.test("`new` is derived where an order became active, and only there", () => {
  assert.deepEqual(derive(undefined, rest()), ["new new 0"]);
  assert.deepEqual(derive({ status: "pending_new" }, rest()), ["new new 0"]);
  assert.deepEqual(derive({ status: "suspended" }, rest()), ["new new 0"]);
  assert.deepEqual(derive({}, rest()), []);
  assert.deepEqual(derive(undefined, rest({ status: "pending_new" })), []);
  assert.deepEqual(derive(undefined, rest({ status: "canceled" })), ["canceled canceled 0"]);
});

Deno.test("a rejected request is derived; a pending one is not", () => {
  assert.deepEqual(derive({ status: "pending_cancel" }, rest()), ["order_cancel_rejected new 0"]);
  assert.deepEqual(derive({ status: "pending_replace" }, rest()), ["order_replace_rejected new 0"]);
  assert.deepEqual(derive({}, rest({ status: "pending_cancel" })), []);
  assert.deepEqual(derive({}, rest({ status: "suspended" })), ["suspended suspended 0"]);
  assert.deepEqual(derive(undefined, rest({ status: "held" })), []);
});

Deno.test("a replacement continues the executed quantity of the order that it replaces", () => {
  const replacement = rest({ status: "partially_filled", filledQty: "7" });
  assert.deepEqual(derive(undefined, replacement, [execution("3", "7")], "4"), [
    "new new 4",
    "partial_fill partially_filled 7 3 1.5",
  ]);
});

Deno.test("units of a multi-leg order are those of which every leg has its part", () => {
  const leg = { qty: "", filledQty: "", filledAvgPrice: "", status: "" };
  const legs = [
    { ...leg, id: "a", symbol: "A", side: "buy", ratioQty: "1" },
    { ...leg, id: "b", symbol: "B", side: "sell", ratioQty: "2" },
  ];
  const spread = rest({ orderClass: "mleg", legs, status: "partially_filled", filledQty: "2" });
  const a = execution("2", "2", { orderId: "a", price: "1.25" });
  const b = execution("4", "4", { orderId: "b", price: "2.1" });
  assert.deepEqual(derive({ orderClass: "mleg" }, spread, [a, b]), [
    "partial_fill partially_filled 2 2 -2.95",
  ]);
  assert.equal(derive({ orderClass: "mleg" }, spread, [a]), undefined);
  const part = { ...b, qty: "2" };
  assert.equal(derive({ orderClass: "mleg" }, spread, [a, part]), undefined);
});

Deno.test("an execution shows that a request was rejected", () => {
  const filled = rest({ status: "partially_filled", filledQty: "3" });
  assert.deepEqual(derive({ status: "pending_cancel" }, filled, [execution("3", "3")]), [
    "partial_fill partially_filled 3 3 1.5",
  ]);
});

Deno.test("a derived event and the same event live report the same occasion", () => {
  const { events: [derived] } = missedEvents({
    known: knownAfter(order(), undefined),
    current: rest({ status: "filled", filledQty: "10" }),
    executions: [execution("10", "10")],
    inherited: "0",
  });
  assert(derived);
  assert.equal(derived.eventId, "o:fill:x10");
  const live = { ...derived, eventId: "other", order: order({ filledQty: "10.0" }) };
  assert.equal(occasionOf(derived), occasionOf(live));
  assert.notEqual(occasionOf(derived), occasionOf({ ...live, order: order({ filledQty: "9" }) }));
});

Deno.test("derived and live events are merged by time, each in its own order", () => {
  const entry = (eventId: string, seconds: number) => ({
    update: {
      event: "new",
      eventId,
      timestamp: at(seconds),
      order: order(),
      executionId: undefined,
      price: undefined,
      qty: undefined,
      positionQty: undefined,
    },
  });
  const merged = mergeByTime(
    [entry("d1", 1), entry("d2", 3), entry("d3", 9)],
    [entry("l1", 2), entry("l2", 3), entry("l3", 2)],
  );
  assert.deepEqual(merged.map(({ update }) => update.eventId), [
    "d1",
    "l1",
    "d2",
    "l2",
    "l3",
    "d3",
  ]);
});

Deno.test("quantities are exact decimals", () => {
  for (const text of ["0", "-2.95", "0.000000001", "12345678901234567890.5", "7"]) {
    assert.equal(quantityText(parseQuantity(text) ?? 0n), text);
  }
  assert.equal(parseQuantity("1e5"), undefined);
  assert.equal(parseQuantity("."), undefined);
  assert.equal(parseQuantity("4.0"), parseQuantity("4"));
  assert.equal(
    quantityText(multiply(parseQuantity("2.5") ?? 0n, parseQuantity("-4") ?? 0n)),
    "-10",
  );
});

Deno.test("an order that was active before is not new again", () => {
  const active = knownAfter(order({ status: "new" }), undefined);
  const reviewed = knownAfter(order({ status: "pending_review" }), active);
  const wordsOf = (known: typeof active) => {
    const inputs = { current: rest({ status: "new" }), executions: [], inherited: "0" };
    return missedEvents({ known, ...inputs }).events.map(({ event }) => event);
  };
  assert.deepEqual(wordsOf(reviewed), []);
  assert.deepEqual(wordsOf(knownAfter(order({ status: "pending_review" }), undefined)), ["new"]);
});

Deno.test("a stopped order that is live again was new again", () => {
  assert.deepEqual(derive({ status: "stopped" }, rest({ status: "new" })), ["new new 0"]);
});

Deno.test("of one order, updates come in the order of the executed quantity and the stage", () => {
  const updateOf = (event: string, filledQty: string, seconds: number): OrderUpdate => ({
    event,
    eventId: "",
    timestamp: at(seconds),
    order: order({ filledQty }),
    executionId: undefined,
    price: undefined,
    qty: undefined,
    positionQty: undefined,
  });
  const sequence = [
    updateOf("pending_new", "0", 2),
    updateOf("new", "0", 1),
    updateOf("pending_replace", "0", 3),
    updateOf("partial_fill", "4", 3),
    updateOf("order_replace_rejected", "4", 3),
    updateOf("pending_cancel", "4", 4),
    updateOf("canceled", "4", 4),
  ];
  for (const [index, some] of sequence.entries()) {
    for (const [otherIndex, other] of sequence.entries()) {
      assert.equal(isBefore(some, other), index < otherIndex, `${some.event}, ${other.event}`);
    }
  }
  // After a bust the executed quantity is lower.
  assert.equal(isBefore(updateOf("partial_fill", "3", 9), updateOf("partial_fill", "4", 5)), false);
});
