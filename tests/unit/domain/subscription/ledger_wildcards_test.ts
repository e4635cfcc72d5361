import assert from "node:assert/strict";
import { MAX_ASKS } from "../../../../src/domain/subscription/asks.ts";
import { symbolSets } from "../../../../src/domain/subscription/symbol_sets.ts";
import { subscriptionsOf } from "../../../support/subscriptions.ts";
import { drain, keysOf, ScriptedUpstream } from "./scripted_upstream.ts";

const LIMITS = { maxPairs: 400, maxBytes: 15_000 };

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `S${index}`);
}

Deno.test("a channel that turns to * is covered all the time, and back again", () => {
  const { interest, ledger } = subscriptionsOf(
    { maxPairs: 3, maxBytes: 1_000 },
    { wildcardAbove: 5 },
  );
  const upstream = new ScriptedUpstream({
    budget: Infinity,
    refused: new Map(),
  });
  interest.add("quotes", names(5));
  drain(ledger, upstream);
  const said = upstream.requests.length;
  interest.add("quotes", ["S5"]);
  drain(ledger, upstream);
  assert.deepEqual(keysOf(upstream.state), ["quotes *"]);
  interest.remove("quotes", ["S4", "S5"]);
  drain(ledger, upstream);
  assert.deepEqual(keysOf(upstream.state), ["quotes *"], "not clearly below");
  interest.remove("quotes", ["S3"]);
  drain(ledger, upstream);
  assert.deepEqual(
    keysOf(upstream.state),
    ["quotes S0", "quotes S1", "quotes S2"],
  );
  assert.deepEqual(
    upstream.requests.slice(said).map(({ action, pairs }) =>
      `${action} ${pairs.map(({ symbol }) => symbol)}`
    ),
    [
      "subscribe *",
      "unsubscribe S0,S1,S2",
      "unsubscribe S3,S4",
      "subscribe S0,S1,S2",
      "unsubscribe *",
    ],
  );
});

for (const code of [405, 413, 400]) {
  Deno.test(`names stay names when * is refused with ${code}, on the next connection too`, () => {
    const { interest, ledger } = subscriptionsOf(LIMITS, { wildcardAbove: 2 });
    const upstream = new ScriptedUpstream({
      budget: Infinity,
      refused: new Map([["*", code]]),
    });
    interest.add("quotes", names(2));
    drain(ledger, upstream);
    interest.add("quotes", names(4));
    drain(ledger, upstream);
    const expected = names(4).map((name) => `quotes ${name}`);
    assert.deepEqual(keysOf(upstream.state), expected);
    const asksForAll = () =>
      upstream.requests.filter(({ pairs }) =>
        pairs.some(({ symbol }) => symbol === "*")
      ).length;
    assert.equal(asksForAll(), 1);
    assert.ok(upstream.requests.every(({ action }) => action === "subscribe"));
    ledger.reset();
    upstream.reconnect();
    drain(ledger, upstream);
    assert.deepEqual(keysOf(upstream.state), expected);
    assert.equal(asksForAll(), 1, "the refusal was remembered");
  });
}

Deno.test("names are kept when * is neither refused nor ever carried", () => {
  const { interest, ledger, budget } = subscriptionsOf(LIMITS, {
    wildcardAbove: 2,
  });
  interest.add("quotes", names(2));
  ledger.next();
  ledger.acknowledge(symbolSets([["quotes", names(2)]]));
  interest.add("quotes", ["S2"]);
  for (let ask = 0; ask < MAX_ASKS; ask++) {
    assert.deepEqual(ledger.next()?.pairs.map(({ symbol }) => symbol), ["*"]);
    ledger.acknowledge(symbolSets([["quotes", names(2)]]));
  }
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
  const { interest, ledger } = subscriptionsOf(LIMITS, { wildcardAbove: 4 });
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
  // The five are to be had by the `*` that is gone, although nobody knows.
  interest.add("bars", ["B", "C", "D", "E"]);
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
