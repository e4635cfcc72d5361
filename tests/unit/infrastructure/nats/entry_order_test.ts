import assert from "node:assert/strict";
import { EntryOrder, positionAt } from "../../../../src/infrastructure/nats/entry_order.ts";
import {
  type BatchEntry,
  type EntryContent,
  NO_PAYLOAD,
} from "../../../../src/infrastructure/nats/frame_batch.ts";

function entry(number: number, kind: EntryContent["kind"] = "frame"): BatchEntry {
  return { kind, number, receivedAt: 1_000 + number, payload: NO_PAYLOAD };
}

function orderFrom(next: number, { isSettled = true } = {}): EntryOrder {
  const order = new EntryOrder();
  order.begin(7n, next);
  if (isSettled) order.settle();
  return order;
}

Deno.test("entries follow each other; a beacon takes no number", () => {
  const order = orderFrom(5);
  assert.equal(order.follow(entry(5), 7n), "next");
  assert.equal(order.follow(entry(6, "beacon"), 7n), "known");
  assert.equal(order.follow(entry(6, "down"), 7n), "next");
  assert.equal(order.next, 7);
});

Deno.test("an entry or a beacon with a later number shows a hole, and is still expected", () => {
  for (const kind of ["frame", "beacon"] as const) {
    const order = orderFrom(5);
    assert.equal(order.follow(entry(6, kind), 7n), "hole");
    assert.equal(order.next, 5);
  }
});

Deno.test("what was handled before, or is of an earlier term, is known", () => {
  const order = orderFrom(5);
  assert.equal(order.follow(entry(4), 7n), "known");
  assert.equal(order.follow(entry(9), 6n), "known");
  assert.equal(order.follow(entry(1), 8n), "other_term");
});

Deno.test("a hub that counts from 1 under the same term continues nothing", () => {
  assert.equal(orderFrom(5).follow(entry(1, "up"), 7n), "restart");
  assert.equal(orderFrom(5).follow(entry(1, "beacon"), 7n), "restart");
  const order = orderFrom(5, { isSettled: false });
  assert.equal(order.follow(entry(1, "up"), 7n), "known", "sent before the session was attached");
  assert.equal(orderFrom(1).follow(entry(1, "up"), 7n), "next");
});

Deno.test("a session continues after a hole, but not inside a frame", () => {
  const isUp = { frame: true, up: false, down: false, beacon: undefined } as const;
  for (const kind of ["frame", "up", "down", "beacon"] as const) {
    assert.deepEqual(
      positionAt(entry(9, kind), 7n),
      { term: 7n, next: 9, isUp: isUp[kind], at: 1_009 },
    );
  }
  assert.equal(positionAt(entry(9, "part"), 7n), undefined);
  assert.equal(positionAt(entry(9, "end"), 7n), undefined);
});
