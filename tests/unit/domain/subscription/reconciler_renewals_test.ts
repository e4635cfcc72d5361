/** Pairs that are unsubscribed and subscribed again, so that upstream sends their state again. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Pair,
  pairKey,
  type SubscriptionRequest,
  WILDCARD,
} from "../../../../src/domain/subscription/pairs.ts";
import { MAX_ATTEMPTS } from "../../../../src/domain/subscription/session_state.ts";
import { subscriptionsOf } from "../../../support/subscriptions.ts";
import { drain, keysOf, ScriptedUpstream } from "./scripted_upstream.ts";

const LIMITS = { maxPairs: 3, maxBytes: 1_000 };
const CHANNEL = "orderbooks";

function pair(symbol: string): Pair {
  return { channel: CHANNEL, symbol };
}

/** A reconciler whose symbols upstream has acknowledged. */
function subscribed(symbols: readonly string[], quota = Infinity) {
  const parts = subscriptionsOf(LIMITS);
  const upstream = new ScriptedUpstream({ quota, rejected: new Map() });
  parts.refCounts.add(CHANNEL, symbols);
  drain(parts.reconciler, upstream);
  upstream.requests.length = 0;
  return { ...parts, upstream };
}

function short({ action, pairs }: SubscriptionRequest): string {
  return [action, ...pairs.map(({ symbol }) => symbol)].join(" ");
}

function requestsOf({ requests }: ScriptedUpstream): string[] {
  return requests.map(short);
}

Deno.test("a renewed pair is unsubscribed and then subscribed, once; others stay", () => {
  const { reconciler, upstream } = subscribed(["BTC/USD", "ETH/USD"]);
  reconciler.renew([pair("BTC/USD")]);
  reconciler.renew([pair("BTC/USD")]);
  drain(reconciler, upstream);
  assert.deepEqual(requestsOf(upstream), ["unsubscribe BTC/USD", "subscribe BTC/USD"]);
  assert.equal(reconciler.acknowledgedCount, 2);
});

Deno.test("more pairs than a request holds are renewed in several", () => {
  const { reconciler, upstream } = subscribed(["A", "B", "C", "D"]);
  reconciler.renew(["A", "B", "C", "D"].map(pair));
  drain(reconciler, upstream);
  assert.deepEqual(requestsOf(upstream), [
    "unsubscribe A B C",
    "unsubscribe D",
    "subscribe A B C",
    "subscribe D",
  ]);
});

Deno.test("the wildcard is renewed as a pair of its own", () => {
  const { reconciler, upstream } = subscribed(["A", WILDCARD]);
  reconciler.renew([pair(WILDCARD)]);
  drain(reconciler, upstream);
  assert.deepEqual(requestsOf(upstream), ["unsubscribe *", "subscribe *"]);
});

Deno.test("a renewal waits for the reply of the request in flight", () => {
  const { refCounts, reconciler, upstream } = subscribed(["A"]);
  refCounts.add(CHANNEL, ["B"]);
  const request = reconciler.next();
  assert.ok(request);
  reconciler.renew([pair("A")]);
  assert.equal(reconciler.next(), undefined);
  const answer = upstream.answer(request);
  assert.ok("state" in answer);
  reconciler.acknowledge(answer.state);
  drain(reconciler, upstream);
  assert.deepEqual(requestsOf(upstream), ["subscribe B", "unsubscribe A", "subscribe A"]);
});

Deno.test("a pair that upstream has not acknowledged is not renewed", () => {
  const { refCounts, reconciler, upstream } = subscribed(["A"]);
  refCounts.add(CHANNEL, ["B"]);
  reconciler.renew([pair("B"), pair("UNKNOWN")]);
  drain(reconciler, upstream);
  assert.deepEqual(requestsOf(upstream), ["subscribe B"]);
});

Deno.test("a pair that no stream requests any more is unsubscribed only", () => {
  const { refCounts, reconciler, upstream } = subscribed(["A", "B"]);
  reconciler.renew([pair("A")]);
  refCounts.remove(CHANNEL, ["A"], 0);
  drain(reconciler, upstream);
  assert.deepEqual(requestsOf(upstream), ["unsubscribe A"]);
  assert.deepEqual(keysOf(upstream.state), [pairKey(pair("B"))]);
});

Deno.test("a pair that is released while it is renewed is not subscribed again", () => {
  const { refCounts, reconciler, upstream } = subscribed(["A"]);
  reconciler.renew([pair("A")]);
  const request = reconciler.next();
  assert.ok(request);
  refCounts.remove(CHANNEL, ["A"], 0);
  const answer = upstream.answer(request);
  assert.ok("state" in answer);
  reconciler.acknowledge(answer.state);
  assert.equal(reconciler.next(), undefined);
});

Deno.test("at the symbol limit a renewed pair has its slot again before later pairs", () => {
  const { refCounts, reconciler, upstream } = subscribed(["A", "B"], 2);
  refCounts.add(CHANNEL, ["LATE"]);
  drain(reconciler, upstream);
  upstream.requests.length = 0;
  reconciler.renew([pair("A")]);
  drain(reconciler, upstream);
  assert.deepEqual(requestsOf(upstream), ["unsubscribe A", "subscribe A"]);
  assert.deepEqual(keysOf(upstream.state), [pair("A"), pair("B")].map(pairKey));
});

Deno.test("a renewal that upstream rejects leaves the pairs subscribed and is not repeated", () => {
  for (const symbols of [["A"], ["A", "B"]]) {
    const { reconciler } = subscribed(symbols);
    reconciler.renew(symbols.map(pair));
    assert.equal(
      short(reconciler.next() as SubscriptionRequest),
      `unsubscribe ${symbols.join(" ")}`,
    );
    reconciler.reject({ code: 400, message: "invalid syntax" });
    assert.equal(reconciler.next(), undefined);
    assert.deepEqual(reconciler.rejections, []);
    assert.equal(reconciler.acknowledgedCount, symbols.length);
  }
});

Deno.test("an unanswered renewal that upstream has applied is completed", () => {
  const { reconciler, upstream } = subscribed(["A", "B"]);
  reconciler.renew([pair("A")]);
  const request = reconciler.next();
  assert.ok(request);
  upstream.answer(request); // The reply is lost.
  reconciler.expire();
  drain(reconciler, upstream);
  assert.deepEqual(keysOf(upstream.state), [pair("A"), pair("B")].map(pairKey));
  assert.equal(reconciler.acknowledgedCount, 2);
});

Deno.test("an unanswered renewal is completed although the question about it is unanswered", () => {
  const { reconciler, upstream } = subscribed(["A", "B"]);
  reconciler.renew([pair("A")]);
  for (const name of ["renewal", "question", "question"]) {
    const request = reconciler.next();
    assert.equal(request?.probe, name === "question");
    upstream.answer(request as SubscriptionRequest); // The reply is lost.
    assert.equal(reconciler.expire(), true);
  }
  drain(reconciler, upstream);
  assert.deepEqual(keysOf(upstream.state), [pair("A"), pair("B")].map(pairKey));
});

Deno.test("a renewal without effect is repeated only when it is requested again", () => {
  const { reconciler, upstream } = subscribed(["A"]);
  for (let time = 1; time <= MAX_ATTEMPTS + 1; time++) {
    reconciler.renew([pair("A")]);
    const request = reconciler.next();
    assert.equal(request && short(request), "unsubscribe A", `${time}`);
    reconciler.acknowledge(upstream.state);
    assert.equal(reconciler.next(), undefined);
  }
});

Deno.test("renewals do not outlive their session", () => {
  const { reconciler, upstream } = subscribed(["A"]);
  reconciler.renew([pair("A")]);
  reconciler.reset();
  upstream.reconnect();
  drain(reconciler, upstream);
  assert.deepEqual(requestsOf(upstream), ["subscribe A"]);
});

const SYMBOLS = ["A", "B", "C", "D", "E", WILDCARD];
const symbol = fc.constantFrom(...SYMBOLS);
const step = fc.oneof(
  fc.record({ do: fc.constant("renew" as const), symbols: fc.uniqueArray(symbol) }),
  fc.record({ do: fc.constantFrom("add" as const, "remove" as const), symbol }),
  fc.record({ do: fc.constantFrom("answer" as const, "lose" as const, "reconnect" as const) }),
);

Deno.test("after renewals at any time upstream has exactly what streams request", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { refCounts, reconciler, upstream } = subscribed(SYMBOLS.slice(0, 3));
      const held = new Set(SYMBOLS.slice(0, 3));
      const renewed = new Set<string>();
      for (const each of steps) {
        if (each.do === "renew") {
          reconciler.renew(each.symbols.map(pair));
          for (const symbol of each.symbols) renewed.add(symbol);
        } else if (each.do === "add" && !held.has(each.symbol)) {
          held.add(each.symbol);
          refCounts.add(CHANNEL, [each.symbol]);
        } else if (each.do === "remove" && held.delete(each.symbol)) {
          refCounts.remove(CHANNEL, [each.symbol], 0);
        } else if (each.do === "reconnect") {
          upstream.reconnect();
          reconciler.reset();
        } else if (each.do === "answer" || each.do === "lose") {
          const request = reconciler.inFlight ?? reconciler.next();
          const answer = request && upstream.answer(request);
          if (each.do === "lose") reconciler.expire();
          else if (answer && "state" in answer) reconciler.acknowledge(answer.state);
        }
      }
      reconciler.expire();
      drain(reconciler, upstream);
      assert.deepEqual(keysOf(upstream.state), [...held].map(pair).map(pairKey).sort());
      // A pair that stays requested is unsubscribed by a renewal only.
      const unsubscribed = upstream.requests.filter(({ action }) => action === "unsubscribe")
        .flatMap(({ pairs }) => pairs).filter(({ symbol }) => !renewed.has(symbol));
      const removed = new Set(steps.flatMap((each) => each.do === "remove" ? [each.symbol] : []));
      assert.ok(unsubscribed.every(({ symbol }) => removed.has(symbol)));
    }),
    { numRuns: 2_000 },
  );
});
