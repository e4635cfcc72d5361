import assert from "node:assert/strict";
import { CONTRADICTED, REJECTED } from "../../../../src/domain/subscription/rejections.ts";
import { MAX_ATTEMPTS } from "../../../../src/domain/subscription/session_state.ts";
import { countPairs } from "../../../../src/domain/subscription/pairs.ts";
import { subscriptionsOf, symbolSets } from "../../../support/subscriptions.ts";
import { drain, keysOf, ScriptedUpstream } from "./scripted_upstream.ts";

const LIMITS = { maxPairs: 400, maxBytes: 15_000 };
const NOTHING = symbolSets([]);

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `S${index}`);
}

Deno.test("one invalid symbol of 400 is found in 20 requests, the others are subscribed", () => {
  const { refCounts, reconciler } = subscriptionsOf(LIMITS);
  const upstream = new ScriptedUpstream({
    quota: Infinity,
    rejected: new Map([["S137", 400]]),
  });
  refCounts.add("quotes", names(400));
  const requests = drain(reconciler, upstream);
  assert.ok(requests <= 20, `${requests} requests`);
  assert.equal(reconciler.acknowledgedCount, 399);
  assert.deepEqual(reconciler.rejections, [{
    channel: "quotes",
    symbol: "S137",
    error: { code: 400, message: "error 400" },
  }]);
});

Deno.test("a rejection that names its symbol needs no bisection", () => {
  const { refCounts, reconciler } = subscriptionsOf(LIMITS);
  refCounts.add("quotes", ["A", "BAD", "B", "WORSE"]);
  const error = { code: 400, message: "invalid syntax" };
  for (const symbol of ["BAD", "WORSE"]) {
    assert.ok(reconciler.next()?.pairs.some((pair) => pair.symbol === symbol));
    const rejected = { channel: "quotes", symbol } as const;
    assert.deepEqual(reconciler.reject(error, rejected), { ...rejected, error });
  }
  assert.deepEqual(reconciler.next()?.pairs.map(({ symbol }) => symbol), ["A", "B"]);
  assert.equal(reconciler.reject(error, { channel: "quotes", symbol: "OTHER" }), undefined);
  assert.deepEqual(reconciler.next()?.pairs.map(({ symbol }) => symbol), ["A"], "bisected");
});

Deno.test("one invalid symbol is found as fast when thousands wait behind it", () => {
  for (const bad of ["S0", "S137", "S399"]) {
    const { refCounts, reconciler } = subscriptionsOf(LIMITS);
    const upstream = new ScriptedUpstream({
      quota: Infinity,
      rejected: new Map([[bad, 400]]),
    });
    refCounts.add("quotes", names(4_000));
    const requests = drain(reconciler, upstream);
    assert.ok(requests <= 20 + 9, `${requests} requests for ${bad}`);
    assert.equal(reconciler.acknowledgedCount, 3_999);
  }
});

Deno.test("a quota is used to the last slot, then nothing more is requested", () => {
  const { refCounts, reconciler, quota } = subscriptionsOf(LIMITS);
  const upstream = new ScriptedUpstream({ quota: 30, rejected: new Map() });
  refCounts.add("quotes", names(100));
  drain(reconciler, upstream);
  assert.equal(countPairs(upstream.state), 30);
  assert.equal(quota.limit, 30);
  assert.equal(quota.learned, true);

  refCounts.add("quotes", ["LATE"]);
  assert.equal(reconciler.next(), undefined, "no room, so nothing is asked");

  refCounts.remove("quotes", ["S0", "S1"]);
  drain(reconciler, upstream);
  assert.equal(countPairs(upstream.state), 30, "freed slots are used again");
});

Deno.test("a rejected wildcard does not keep named symbols out", () => {
  const { refCounts, reconciler, quota } = subscriptionsOf(LIMITS);
  const upstream = new ScriptedUpstream({
    quota: 30,
    rejected: new Map([["*", 405]]),
  });
  refCounts.add("trades", ["*"]);
  refCounts.add("quotes", ["AAPL", "MSFT"]);
  drain(reconciler, upstream);
  assert.deepEqual(keysOf(upstream.state), ["quotes AAPL", "quotes MSFT"]);
  assert.deepEqual(reconciler.rejections.map(({ symbol }) => symbol), ["*"]);
  assert.equal(quota.limit, undefined);
});

Deno.test("unsubscribes are sent before subscribes", () => {
  const { refCounts, reconciler } = subscriptionsOf(LIMITS);
  const upstream = new ScriptedUpstream({ quota: 1, rejected: new Map() });
  refCounts.add("quotes", ["OLD"]);
  drain(reconciler, upstream);
  refCounts.remove("quotes", ["OLD"]);
  refCounts.add("quotes", ["NEW"]);
  drain(reconciler, upstream);
  assert.deepEqual(
    upstream.requests.map(({ action, pairs: [pair] }) => `${action} ${pair?.symbol}`),
    ["subscribe OLD", "unsubscribe OLD", "subscribe NEW"],
  );
});

Deno.test("a pair that is never acknowledged is given up and reported once", () => {
  const { refCounts, reconciler } = subscriptionsOf(LIMITS);
  refCounts.add("quotes", ["AAPL"]);
  for (let ask = 0; ask < MAX_ATTEMPTS; ask++) {
    assert.deepEqual(reconciler.takeGivenUp(), []);
    assert.equal(reconciler.next()?.pairs.length, 1);
    reconciler.acknowledge(NOTHING);
  }
  assert.equal(reconciler.next(), undefined);
  const expected = [{
    channel: "quotes",
    symbol: "AAPL",
    error: { code: 0, message: "not acknowledged" },
  }];
  assert.deepEqual(reconciler.rejections, expected);
  assert.deepEqual(reconciler.takeGivenUp(), expected);
  assert.deepEqual(reconciler.takeGivenUp(), []);
});

Deno.test("a rejected pair that is subscribed after all is no longer rejected", () => {
  const { refCounts, reconciler } = subscriptionsOf(LIMITS);
  refCounts.add("quotes", ["AAPL"]);
  reconciler.next();
  reconciler.reject({ code: 400, message: "invalid syntax" });
  assert.equal(reconciler.rejections.length, 1);
  reconciler.acknowledge(symbolSets([["quotes", ["AAPL"]]]));
  assert.equal(reconciler.next(), undefined);
  assert.deepEqual(reconciler.rejections, []);
});

Deno.test("a rejected symbol is requested again after its streams were closed and reopened", () => {
  const { refCounts, reconciler } = subscriptionsOf(LIMITS);
  refCounts.add("quotes", ["AAPL"]);
  reconciler.next();
  assert.equal(reconciler.reject({ code: 400, message: "no" })?.symbol, "AAPL");
  assert.equal(reconciler.next(), undefined);
  refCounts.remove("quotes", ["AAPL"]);
  assert.equal(reconciler.next(), undefined);
  refCounts.add("quotes", ["AAPL"]);
  assert.equal(reconciler.next()?.action, "subscribe");
});

Deno.test("attempts for unused symbols are dropped when idle", () => {
  const { refCounts, reconciler } = subscriptionsOf(LIMITS);
  for (let ask = 1; ask < MAX_ATTEMPTS; ask++) {
    refCounts.add("quotes", ["AAPL"]);
    assert.ok(reconciler.next());
    reconciler.expire();
    refCounts.remove("quotes", ["AAPL"]);
  }
  assert.equal(reconciler.next()?.probe, true);
  reconciler.acknowledge(NOTHING);
  assert.equal(reconciler.next(), undefined);
  refCounts.add("quotes", ["AAPL"]);
  for (let ask = 0; ask < MAX_ATTEMPTS; ask++) {
    const request = reconciler.next();
    assert.equal(request?.pairs.length, 1, "as many asks as a new symbol has");
    reconciler.expire();
  }
  assert.equal(reconciler.next()?.probe, true);
  reconciler.acknowledge(NOTHING);
  assert.equal(reconciler.next(), undefined);
});

Deno.test("an internal error of upstream rejects a symbol only after repeated attempts", () => {
  const { refCounts, reconciler } = subscriptionsOf(LIMITS);
  const error = { code: 500, message: "internal error" };
  refCounts.add("quotes", ["AAPL"]);
  for (let ask = 1; ask < MAX_ATTEMPTS; ask++) {
    assert.ok(reconciler.next());
    assert.equal(reconciler.reject(error), undefined);
  }
  assert.ok(reconciler.next());
  assert.deepEqual(reconciler.reject(error), {
    channel: "quotes",
    symbol: "AAPL",
    error,
  });
  assert.equal(reconciler.next(), undefined);
});

Deno.test("a rejected unsubscribe is bisected and not repeated without end", () => {
  const { reconciler } = subscriptionsOf(LIMITS);
  const stuck = symbolSets([["quotes", names(4)]]);
  reconciler.acknowledge(stuck);
  let requests = 0;
  for (let next = reconciler.next(); next; next = reconciler.next()) {
    assert.equal(next.action, "unsubscribe");
    reconciler.reject({ code: 400, message: "no" });
    assert.ok(++requests < 100, "The reconciler does not converge");
  }
  assert.deepEqual(reconciler.rejections, []);
});

Deno.test("a probe repeats something that is subscribed and changes nothing", () => {
  const { refCounts, reconciler } = subscriptionsOf(LIMITS);
  assert.deepEqual(reconciler.probe(), {
    action: "subscribe",
    pairs: [],
    probe: true,
  });
  assert.equal(reconciler.probe(), undefined);
  assert.equal(
    reconciler.reject({ code: 400, message: "invalid syntax" }),
    undefined,
  );

  reconciler.acknowledge(symbolSets([["bars", []], ["quotes", ["AAPL"]]]));
  refCounts.add("quotes", ["AAPL"]);
  assert.deepEqual(reconciler.probe()?.pairs, [{
    channel: "quotes",
    symbol: "AAPL",
  }]);
  reconciler.acknowledge(symbolSets([["quotes", ["AAPL"]]]));
  assert.equal(reconciler.next(), undefined);
});

Deno.test("a pair that upstream acknowledged and then rejects is not subscribed", () => {
  const { refCounts, reconciler } = subscriptionsOf(LIMITS);
  refCounts.add("quotes", ["AAPL", "MSFT"]);
  reconciler.acknowledge(symbolSets([["quotes", ["AAPL", "MSFT"]]]));
  assert.equal(reconciler.probe()?.pairs.length, 1);
  assert.equal(reconciler.reject({ code: 405, message: "odd" }), undefined);
  assert.deepEqual(reconciler.rejections, []);
  assert.deepEqual(reconciler.next(), {
    action: "subscribe",
    pairs: [{ channel: "quotes", symbol: "AAPL" }],
    probe: false,
  });
});

Deno.test("an error without a request in flight rejects nothing", () => {
  const { reconciler } = subscriptionsOf(LIMITS);
  assert.equal(reconciler.reject({ code: 400, message: "no" }), undefined);
  assert.deepEqual(reconciler.rejections, []);
});

Deno.test("eleven thousand symbols are requested in chunks, each once", () => {
  const { refCounts, reconciler } = subscriptionsOf(LIMITS);
  const upstream = new ScriptedUpstream({
    quota: Infinity,
    rejected: new Map(),
  });
  refCounts.add("trades", names(11_000));
  const requests = drain(reconciler, upstream);
  assert.equal(requests, Math.ceil(11_000 / 400));
  assert.equal(reconciler.acknowledgedCount, 11_000);
});

Deno.test("a learned limit is kept over sessions: the next one requests no more", () => {
  const { refCounts, reconciler } = subscriptionsOf(LIMITS);
  const upstream = new ScriptedUpstream({ quota: 30, rejected: new Map() });
  refCounts.add("quotes", names(100));
  drain(reconciler, upstream);
  const learnedIn = upstream.requests.length;
  reconciler.reset();
  upstream.reconnect();
  drain(reconciler, upstream);
  assert.equal(upstream.requests.length, learnedIn + 1);
  const expected = names(30).map((name) => `quotes ${name}`).sort();
  assert.deepEqual(keysOf(upstream.state), expected, "first come first served");
});

Deno.test("freed slots go to the pairs that have waited longest", () => {
  const { refCounts, reconciler } = subscriptionsOf(LIMITS);
  const upstream = new ScriptedUpstream({ quota: 2, rejected: new Map() });
  refCounts.add("quotes", ["A", "B"]);
  drain(reconciler, upstream);
  refCounts.add("trades", ["FIRST"]);
  refCounts.add("quotes", ["SECOND"]);
  drain(reconciler, upstream);
  assert.deepEqual(keysOf(upstream.state), ["quotes A", "quotes B"]);
  refCounts.remove("quotes", ["A"]);
  drain(reconciler, upstream);
  assert.deepEqual(keysOf(upstream.state), ["quotes B", "trades FIRST"]);
  refCounts.remove("quotes", ["B"]);
  drain(reconciler, upstream);
  assert.deepEqual(keysOf(upstream.state), ["quotes SECOND", "trades FIRST"]);
});

Deno.test("a 405 while the state is uncertain causes a probe, and no limit is learned", () => {
  const { refCounts, reconciler, quota } = subscriptionsOf(LIMITS);
  const upstream = new ScriptedUpstream({ quota: 1, rejected: new Map() });
  refCounts.add("quotes", ["GONE"]);
  const lost = reconciler.next();
  assert.ok(lost);
  upstream.answer(lost);
  reconciler.expire();
  refCounts.remove("quotes", ["GONE"]);
  refCounts.add("quotes", ["NEW"]);
  drain(reconciler, upstream);
  assert.deepEqual(keysOf(upstream.state), ["quotes NEW"]);
  assert.equal(quota.limit, undefined);
});

Deno.test("a reply that may belong to another request is not conclusive", () => {
  const { refCounts, reconciler } = subscriptionsOf(LIMITS);
  refCounts.add("quotes", ["A"]);
  reconciler.next();
  reconciler.expire();
  reconciler.next();
  assert.equal(reconciler.reject({ code: 400, message: "no" }), undefined);
  assert.deepEqual(reconciler.rejections, []);
  assert.equal(reconciler.next()?.pairs[0]?.symbol, "A");
  assert.equal(reconciler.reject({ code: 400, message: "no" })?.symbol, "A");
});

Deno.test("what was learned in a session with overdue replies is discarded with it", () => {
  const { refCounts, reconciler, quota } = subscriptionsOf(LIMITS);
  const full = { code: 405, message: "symbol limit exceeded" };
  refCounts.add("quotes", ["A"]);
  reconciler.next();
  reconciler.expire();
  reconciler.next();
  assert.equal(reconciler.reject(full), undefined);
  assert.equal(reconciler.next()?.probe, true);
  reconciler.acknowledge(NOTHING);
  assert.equal(reconciler.next()?.pairs[0]?.symbol, "A");
  assert.equal(reconciler.reject(full)?.symbol, "A");
  assert.equal(quota.ceiling, 0);
  reconciler.reset();
  assert.equal(quota.ceiling, undefined);
  assert.equal(reconciler.next()?.pairs[0]?.symbol, "A");
});

Deno.test("rejected recent symbols are retested soon, all of them when one is accepted", () => {
  let now = 0;
  const { refCounts, reconciler } = subscriptionsOf(
    { ...LIMITS, maxPairs: 1 },
    { now: () => now },
  );
  const subscribed = (...symbols: string[]) => symbolSets([["quotes", symbols]]);
  refCounts.add("quotes", ["A", "B", "NEW"]);
  reconciler.next();
  reconciler.acknowledge(subscribed("A", "B"));
  reconciler.reset();
  for (let next = reconciler.next(); next; next = reconciler.next()) {
    reconciler.reject({ code: 400, message: "invalid syntax" });
  }
  assert.equal(reconciler.rejections.length, 3);
  assert.equal(reconciler.dueAt, CONTRADICTED.firstMs);
  now = CONTRADICTED.firstMs;
  assert.deepEqual(reconciler.next()?.pairs.map(({ symbol }) => symbol), ["A"]);
  reconciler.acknowledge(subscribed("A"));
  assert.deepEqual(reconciler.next()?.pairs.map(({ symbol }) => symbol), ["B"]);
  reconciler.acknowledge(subscribed("A", "B"));
  assert.equal(reconciler.next(), undefined, "the other one never worked");
  assert.equal(reconciler.dueAt, REJECTED.firstMs);
});

Deno.test("symbols subscribed before an outage of hours are recent", () => {
  let now = 0;
  const { refCounts, reconciler, quota } = subscriptionsOf(LIMITS, {
    now: () => now,
  });
  refCounts.add("quotes", ["A", "B"]);
  reconciler.next();
  reconciler.acknowledge(symbolSets([["quotes", ["A", "B"]]]));
  reconciler.reset();
  now = 5 * 3_600_000;
  reconciler.reset();
  reconciler.next();
  reconciler.reject({ code: 405, message: "symbol limit exceeded" });
  reconciler.next();
  reconciler.acknowledge(symbolSets([["quotes", ["A"]]]));
  reconciler.next();
  reconciler.reject({ code: 405, message: "symbol limit exceeded" });
  assert.equal(reconciler.next(), undefined);
  assert.deepEqual([quota.limit, quota.ceiling], [undefined, 1]);
  assert.equal(reconciler.dueAt, now + CONTRADICTED.firstMs);
});

Deno.test("a retest without a reply, or with an internal error, is repeated later", () => {
  let now = 0;
  const { refCounts, reconciler } = subscriptionsOf(LIMITS, { now: () => now });
  refCounts.add("quotes", ["BAD"]);
  reconciler.next();
  reconciler.reject({ code: 400, message: "invalid syntax" });
  now = reconciler.dueAt ?? 0;
  assert.equal(reconciler.next()?.pairs.length, 1);
  assert.deepEqual(reconciler.retesting, { channel: "quotes", symbol: "BAD" });
  assert.equal(reconciler.reject({ code: 500, message: "oops" }), undefined);
  assert.equal(reconciler.next(), undefined);
  assert.equal(reconciler.dueAt, now + 2 * REJECTED.firstMs);
  now = reconciler.dueAt ?? 0;
  assert.ok(reconciler.next());
  reconciler.expire();
  assert.equal(reconciler.next()?.probe, true, "what is subscribed is asked for");
  reconciler.acknowledge(NOTHING);
  assert.equal(reconciler.next(), undefined);
  assert.equal(reconciler.dueAt, now + 4 * REJECTED.firstMs);
});

Deno.test("a pair rejected by the limit is requested again when slots free up", () => {
  const { refCounts, reconciler } = subscriptionsOf({ ...LIMITS, maxPairs: 1 });
  const subscribed = (...symbols: string[]) => symbolSets([["quotes", symbols]]);
  refCounts.add("quotes", ["A"]);
  // Upstream subscribes it and loses it, until other pairs use its slot.
  reconciler.next();
  reconciler.acknowledge(subscribed("A"));
  reconciler.acknowledge(NOTHING);
  reconciler.next();
  reconciler.acknowledge(subscribed("A"));
  reconciler.acknowledge(subscribed("B", "C"));
  refCounts.add("quotes", ["B", "C"]);
  assert.deepEqual(reconciler.next()?.pairs.map(({ symbol }) => symbol), ["A"]);
  reconciler.reject({ code: 405, message: "symbol limit exceeded" });
  assert.equal(
    reconciler.rejections.length,
    1,
    "it was asked for often enough",
  );
  assert.equal(reconciler.next(), undefined);

  refCounts.remove("quotes", ["C"]);
  assert.equal(reconciler.next()?.action, "unsubscribe");
  reconciler.acknowledge(subscribed("B"));
  assert.deepEqual(reconciler.next()?.pairs.map(({ symbol }) => symbol), ["A"]);
  reconciler.acknowledge(subscribed("A", "B"));
  assert.deepEqual(reconciler.rejections, []);
  assert.equal(reconciler.next(), undefined);
});
