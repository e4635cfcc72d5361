import assert from "node:assert/strict";
import { MAX_ATTEMPTS } from "../../../../src/domain/subscription/session_state.ts";
import { subscriptionsOf, symbolSets } from "../../../support/subscriptions.ts";
import { drain, keysOf, ScriptedUpstream } from "./scripted_upstream.ts";

const LIMITS = { maxPairs: 400, maxBytes: 15_000 };

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `S${index}`);
}

for (const code of [405, 413, 400]) {
  Deno.test(`names stay names when * is rejected with ${code}, on the next connection too`, () => {
    const { refCounts, reconciler } = subscriptionsOf(LIMITS);
    const upstream = new ScriptedUpstream({
      quota: Infinity,
      rejected: new Map([["*", code]]),
    });
    refCounts.add("quotes", names(2));
    drain(reconciler, upstream);
    refCounts.add("quotes", ["*", ...names(4)]);
    drain(reconciler, upstream);
    const expected = names(4).map((name) => `quotes ${name}`);
    assert.deepEqual(keysOf(upstream.state), expected);
    const asksForAll = () =>
      upstream.requests.filter(({ pairs }) => pairs.some(({ symbol }) => symbol === "*")).length;
    const untilRejected = asksForAll();
    assert.ok(upstream.requests.every(({ action }) => action === "subscribe"));
    reconciler.reset();
    upstream.reconnect();
    drain(reconciler, upstream);
    assert.deepEqual(keysOf(upstream.state), expected);
    assert.equal(asksForAll(), untilRejected, "the rejection was remembered");
  });
}

Deno.test("names are kept when * is neither rejected nor ever subscribed", () => {
  const { refCounts, reconciler, quota } = subscriptionsOf(LIMITS);
  refCounts.add("quotes", names(2));
  reconciler.next();
  reconciler.acknowledge(symbolSets([["quotes", names(2)]]));
  refCounts.add("quotes", ["*"]);
  for (let ask = 0; ask < MAX_ATTEMPTS; ask++) {
    assert.deepEqual(reconciler.next()?.pairs.map(({ symbol }) => symbol), [
      "*",
    ]);
    reconciler.acknowledge(symbolSets([["quotes", names(2)]]));
  }
  refCounts.add("quotes", ["S2"]);
  assert.deepEqual(reconciler.next(), {
    action: "subscribe",
    pairs: [{ channel: "quotes", symbol: "S2" }],
    probe: false,
  });
  reconciler.acknowledge(symbolSets([["quotes", names(3)]]));
  assert.equal(reconciler.next(), undefined, "and * is not asked for again");
  assert.equal(quota.allowsWildcard("quotes"), true, "no lesson for good");
});

Deno.test("internal errors of upstream exclude * until the next connection", () => {
  const { refCounts, reconciler } = subscriptionsOf(LIMITS);
  refCounts.add("quotes", ["*"]);
  for (let ask = 0; ask < MAX_ATTEMPTS; ask++) {
    assert.ok(reconciler.next());
    reconciler.reject({ code: 500, message: "internal error" });
  }
  assert.equal(reconciler.next(), undefined);
  reconciler.reset();
  assert.deepEqual(reconciler.next()?.pairs.map(({ symbol }) => symbol), ["*"]);
});

Deno.test("nothing is unsubscribed while the acknowledged state is uncertain", () => {
  const { refCounts, reconciler } = subscriptionsOf(LIMITS);
  const upstream = new ScriptedUpstream({
    quota: Infinity,
    rejected: new Map(),
  });
  refCounts.add("bars", ["*", "A"]);
  drain(reconciler, upstream);
  refCounts.remove("bars", ["*"]);
  const lost = reconciler.next();
  assert.equal(lost?.action, "unsubscribe");
  upstream.answer(lost);
  reconciler.expire();
  // `*` is requested again; upstream no longer carries it, unnoticed.
  refCounts.add("bars", ["*"]);
  refCounts.remove("bars", ["A"]);
  const question = reconciler.next();
  assert.equal(question?.probe, true);
  const answer = upstream.answer(question);
  assert.ok("state" in answer);
  reconciler.acknowledge(answer.state);
  for (let next = reconciler.next(); next; next = reconciler.next()) {
    const answer = upstream.answer(next);
    assert.ok("state" in answer);
    reconciler.acknowledge(answer.state);
    const subscribed = upstream.state.get("bars");
    assert.ok(subscribed?.has("*") || subscribed?.has("A"), "A is lost");
  }
  assert.deepEqual(keysOf(upstream.state), ["bars *"]);
});
