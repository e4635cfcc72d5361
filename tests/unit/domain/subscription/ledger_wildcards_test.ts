import assert from "node:assert/strict";
import { MAX_ASKS } from "../../../../src/domain/subscription/asks.ts";
import { symbolSets } from "../../../../src/domain/subscription/symbol_sets.ts";
import { subscriptionsOf } from "../../../support/subscriptions.ts";
import { drain, keysOf, ScriptedUpstream } from "./scripted_upstream.ts";

const LIMITS = { maxPairs: 400, maxBytes: 15_000 };

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `S${index}`);
}

for (const code of [405, 413, 400]) {
  Deno.test(`names stay names when * is refused with ${code}, on the next connection too`, () => {
    const { interest, ledger } = subscriptionsOf(LIMITS);
    const upstream = new ScriptedUpstream({
      budget: Infinity,
      refused: new Map([["*", code]]),
    });
    interest.add("quotes", names(2));
    drain(ledger, upstream);
    interest.add("quotes", ["*", ...names(4)]);
    drain(ledger, upstream);
    const expected = names(4).map((name) => `quotes ${name}`);
    assert.deepEqual(keysOf(upstream.state), expected);
    const asksForAll = () =>
      upstream.requests.filter(({ pairs }) =>
        pairs.some(({ symbol }) => symbol === "*")
      ).length;
    const untilRefused = asksForAll();
    assert.ok(upstream.requests.every(({ action }) => action === "subscribe"));
    ledger.reset();
    upstream.reconnect();
    drain(ledger, upstream);
    assert.deepEqual(keysOf(upstream.state), expected);
    assert.equal(asksForAll(), untilRefused, "the refusal was remembered");
  });
}

Deno.test("names are kept when * is neither refused nor ever carried", () => {
  const { interest, ledger, budget } = subscriptionsOf(LIMITS);
  interest.add("quotes", names(2));
  ledger.next();
  ledger.acknowledge(symbolSets([["quotes", names(2)]]));
  interest.add("quotes", ["*"]);
  for (let ask = 0; ask < MAX_ASKS; ask++) {
    assert.deepEqual(ledger.next()?.pairs.map(({ symbol }) => symbol), ["*"]);
    ledger.acknowledge(symbolSets([["quotes", names(2)]]));
  }
  interest.add("quotes", ["S2"]);
  assert.deepEqual(ledger.next(), {
    action: "subscribe",
    pairs: [{ channel: "quotes", symbol: "S2" }],
    probe: false,
  });
  ledger.acknowledge(symbolSets([["quotes", names(3)]]));
  assert.equal(ledger.next(), undefined, "and * is not asked for again");
  assert.equal(budget.allowsWildcard("quotes"), true, "no lesson for good");
});

Deno.test("faults of upstream cost * this connection only", () => {
  const { interest, ledger } = subscriptionsOf(LIMITS);
  interest.add("quotes", ["*"]);
  for (let ask = 0; ask < MAX_ASKS; ask++) {
    assert.ok(ledger.next());
    ledger.refuse({ code: 500, message: "internal error" });
  }
  assert.equal(ledger.next(), undefined);
  ledger.reset();
  assert.deepEqual(ledger.next()?.pairs.map(({ symbol }) => symbol), ["*"]);
});

Deno.test("on old news nothing is given back", () => {
  const { interest, ledger } = subscriptionsOf(LIMITS);
  const upstream = new ScriptedUpstream({
    budget: Infinity,
    refused: new Map(),
  });
  interest.add("bars", ["*", "A"]);
  drain(ledger, upstream);
  interest.remove("bars", ["*"]);
  const lost = ledger.next();
  assert.equal(lost?.action, "unsubscribe");
  upstream.answer(lost);
  ledger.expire();
  // `*` is wanted again, which is gone, although nobody knows.
  interest.add("bars", ["*"]);
  interest.remove("bars", ["A"]);
  const question = ledger.next();
  assert.equal(question?.probe, true);
  const answer = upstream.answer(question);
  assert.ok("state" in answer);
  ledger.acknowledge(answer.state);
  for (let next = ledger.next(); next; next = ledger.next()) {
    const answer = upstream.answer(next);
    assert.ok("state" in answer);
    ledger.acknowledge(answer.state);
    const carried = upstream.state.get("bars");
    assert.ok(carried?.has("*") || carried?.has("A"), "A is lost");
  }
  assert.deepEqual(keysOf(upstream.state), ["bars *"]);
});
