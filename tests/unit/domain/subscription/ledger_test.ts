import assert from "node:assert/strict";
import {
  DOUBTED,
  REJECTED,
} from "../../../../src/domain/subscription/retest.ts";
import { MAX_ASKS } from "../../../../src/domain/subscription/asks.ts";
import {
  countPairs,
  symbolSets,
} from "../../../../src/domain/subscription/symbol_sets.ts";
import { subscriptionsOf } from "../../../support/subscriptions.ts";
import { drain, keysOf, ScriptedUpstream } from "./scripted_upstream.ts";

const LIMITS = { maxPairs: 400, maxBytes: 15_000 };
const NOTHING = symbolSets([]);

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `S${index}`);
}

Deno.test("one bad symbol of four hundred is found in twenty requests, the others go through", () => {
  const { interest, ledger } = subscriptionsOf(LIMITS);
  const upstream = new ScriptedUpstream({
    budget: Infinity,
    refused: new Map([["S137", 400]]),
  });
  interest.add("quotes", names(400));
  const requests = drain(ledger, upstream);
  assert.ok(requests <= 20, `${requests} requests`);
  assert.equal(ledger.acknowledgedCount, 399);
  assert.deepEqual(ledger.refusals, [{
    channel: "quotes",
    symbol: "S137",
    error: { code: 400, message: "error 400" },
  }]);
});

Deno.test("one bad symbol is found as fast when thousands wait behind it", () => {
  for (const bad of ["S0", "S137", "S399"]) {
    const { interest, ledger } = subscriptionsOf(LIMITS);
    const upstream = new ScriptedUpstream({
      budget: Infinity,
      refused: new Map([[bad, 400]]),
    });
    interest.add("quotes", names(4_000));
    const requests = drain(ledger, upstream);
    assert.ok(requests <= 20 + 9, `${requests} requests for ${bad}`);
    assert.equal(ledger.acknowledgedCount, 3_999);
  }
});

Deno.test("a full budget is filled to the last place and then left alone", () => {
  const { interest, ledger, budget } = subscriptionsOf(LIMITS);
  const upstream = new ScriptedUpstream({ budget: 30, refused: new Map() });
  interest.add("quotes", names(100));
  drain(ledger, upstream);
  assert.equal(countPairs(upstream.state), 30);
  assert.equal(budget.limit, 30);
  assert.equal(budget.learned, true);

  interest.add("quotes", ["LATE"]);
  assert.equal(ledger.next(), undefined, "no room, so nothing is asked");

  interest.remove("quotes", ["S0", "S1"]);
  drain(ledger, upstream);
  assert.equal(countPairs(upstream.state), 30, "freed places are taken again");
});

Deno.test("a refused wildcard does not keep named symbols out", () => {
  const { interest, ledger, budget } = subscriptionsOf(LIMITS);
  const upstream = new ScriptedUpstream({
    budget: 30,
    refused: new Map([["*", 405]]),
  });
  interest.add("trades", ["*"]);
  interest.add("quotes", ["AAPL", "MSFT"]);
  drain(ledger, upstream);
  assert.deepEqual(keysOf(upstream.state), ["quotes AAPL", "quotes MSFT"]);
  assert.deepEqual(ledger.refusals.map(({ symbol }) => symbol), ["*"]);
  assert.equal(budget.limit, undefined);
});

Deno.test("what is given back goes before what is asked for", () => {
  const { interest, ledger } = subscriptionsOf(LIMITS);
  const upstream = new ScriptedUpstream({ budget: 1, refused: new Map() });
  interest.add("quotes", ["OLD"]);
  drain(ledger, upstream);
  interest.remove("quotes", ["OLD"]);
  interest.add("quotes", ["NEW"]);
  drain(ledger, upstream);
  assert.deepEqual(
    upstream.requests.map(({ action, pairs: [pair] }) =>
      `${action} ${pair?.symbol}`
    ),
    ["subscribe OLD", "unsubscribe OLD", "subscribe NEW"],
  );
});

Deno.test("a pair that is never acknowledged is given up, and told once", () => {
  const { interest, ledger } = subscriptionsOf(LIMITS);
  interest.add("quotes", ["AAPL"]);
  for (let ask = 0; ask < MAX_ASKS; ask++) {
    assert.deepEqual(ledger.takeGivenUp(), []);
    assert.equal(ledger.next()?.pairs.length, 1);
    ledger.acknowledge(NOTHING);
  }
  assert.equal(ledger.next(), undefined);
  const expected = [{
    channel: "quotes",
    symbol: "AAPL",
    error: { code: 0, message: "not acknowledged" },
  }];
  assert.deepEqual(ledger.refusals, expected);
  assert.deepEqual(ledger.takeGivenUp(), expected);
  assert.deepEqual(ledger.takeGivenUp(), []);
});

Deno.test("a pair that is carried after all is no longer refused", () => {
  const { interest, ledger } = subscriptionsOf(LIMITS);
  interest.add("quotes", ["AAPL"]);
  ledger.next();
  ledger.refuse({ code: 400, message: "invalid syntax" });
  assert.equal(ledger.refusals.length, 1);
  ledger.acknowledge(symbolSets([["quotes", ["AAPL"]]]));
  assert.equal(ledger.next(), undefined);
  assert.deepEqual(ledger.refusals, []);
});

Deno.test("a refused symbol gets a fresh chance when it was unwanted in between", () => {
  const { interest, ledger } = subscriptionsOf(LIMITS);
  interest.add("quotes", ["AAPL"]);
  ledger.next();
  assert.equal(ledger.refuse({ code: 400, message: "no" })?.symbol, "AAPL");
  assert.equal(ledger.next(), undefined);
  interest.remove("quotes", ["AAPL"]);
  assert.equal(ledger.next(), undefined);
  interest.add("quotes", ["AAPL"]);
  assert.equal(ledger.next()?.action, "subscribe");
});

Deno.test("asks for symbols of the past are forgotten when all is quiet", () => {
  const { interest, ledger } = subscriptionsOf(LIMITS);
  for (let ask = 1; ask < MAX_ASKS; ask++) {
    interest.add("quotes", ["AAPL"]);
    assert.ok(ledger.next());
    ledger.expire();
    interest.remove("quotes", ["AAPL"]);
  }
  assert.equal(ledger.next()?.probe, true);
  ledger.acknowledge(NOTHING);
  assert.equal(ledger.next(), undefined);
  interest.add("quotes", ["AAPL"]);
  for (let ask = 0; ask < MAX_ASKS; ask++) {
    const request = ledger.next();
    assert.equal(request?.pairs.length, 1, "as many asks as a new symbol has");
    ledger.expire();
  }
  assert.equal(ledger.next()?.probe, true);
  ledger.acknowledge(NOTHING);
  assert.equal(ledger.next(), undefined);
});

Deno.test("a fault of upstream is no objection to a symbol until it has lasted", () => {
  const { interest, ledger } = subscriptionsOf(LIMITS);
  const error = { code: 500, message: "internal error" };
  interest.add("quotes", ["AAPL"]);
  for (let ask = 1; ask < MAX_ASKS; ask++) {
    assert.ok(ledger.next());
    assert.equal(ledger.refuse(error), undefined);
  }
  assert.ok(ledger.next());
  assert.deepEqual(ledger.refuse(error), {
    channel: "quotes",
    symbol: "AAPL",
    error,
  });
  assert.equal(ledger.next(), undefined);
});

Deno.test("an unsubscribe that is refused whole is halved and not repeated for ever", () => {
  const { ledger } = subscriptionsOf(LIMITS);
  const stuck = symbolSets([["quotes", names(4)]]);
  ledger.acknowledge(stuck);
  let requests = 0;
  for (let next = ledger.next(); next; next = ledger.next()) {
    assert.equal(next.action, "unsubscribe");
    ledger.refuse({ code: 400, message: "no" });
    assert.ok(++requests < 100, "The ledger never rests");
  }
  assert.deepEqual(ledger.refusals, []);
});

Deno.test("a probe repeats something that is carried and changes nothing", () => {
  const { interest, ledger } = subscriptionsOf(LIMITS);
  assert.deepEqual(ledger.probe(), {
    action: "subscribe",
    pairs: [],
    probe: true,
  });
  assert.equal(ledger.probe(), undefined);
  assert.equal(
    ledger.refuse({ code: 400, message: "invalid syntax" }),
    undefined,
  );

  ledger.acknowledge(symbolSets([["bars", []], ["quotes", ["AAPL"]]]));
  interest.add("quotes", ["AAPL"]);
  assert.deepEqual(ledger.probe()?.pairs, [{
    channel: "quotes",
    symbol: "AAPL",
  }]);
  ledger.acknowledge(symbolSets([["quotes", ["AAPL"]]]));
  assert.equal(ledger.next(), undefined);
});

Deno.test("upstream that objects to what it said it carries is taken at its word", () => {
  const { interest, ledger } = subscriptionsOf(LIMITS);
  interest.add("quotes", ["AAPL", "MSFT"]);
  ledger.acknowledge(symbolSets([["quotes", ["AAPL", "MSFT"]]]));
  assert.equal(ledger.probe()?.pairs.length, 1);
  assert.equal(ledger.refuse({ code: 405, message: "odd" }), undefined);
  assert.deepEqual(ledger.refusals, []);
  assert.deepEqual(ledger.next(), {
    action: "subscribe",
    pairs: [{ channel: "quotes", symbol: "AAPL" }],
    probe: false,
  });
});

Deno.test("an error that answers nothing sets nothing aside", () => {
  const { ledger } = subscriptionsOf(LIMITS);
  assert.equal(ledger.refuse({ code: 400, message: "no" }), undefined);
  assert.deepEqual(ledger.refusals, []);
});

Deno.test("eleven thousand symbols are asked for in chunks, without repeating one", () => {
  const { interest, ledger } = subscriptionsOf(LIMITS);
  const upstream = new ScriptedUpstream({
    budget: Infinity,
    refused: new Map(),
  });
  interest.add("trades", names(11_000));
  const requests = drain(ledger, upstream);
  assert.equal(requests, Math.ceil(11_000 / 400));
  assert.equal(ledger.acknowledgedCount, 11_000);
});

Deno.test("a limit is learned once and kept over connections: the next one asks for no more", () => {
  const { interest, ledger } = subscriptionsOf(LIMITS);
  const upstream = new ScriptedUpstream({ budget: 30, refused: new Map() });
  interest.add("quotes", names(100));
  drain(ledger, upstream);
  const learnedIn = upstream.requests.length;
  ledger.reset();
  upstream.reconnect();
  drain(ledger, upstream);
  assert.equal(upstream.requests.length, learnedIn + 1);
  const expected = names(30).map((name) => `quotes ${name}`).sort();
  assert.deepEqual(keysOf(upstream.state), expected, "first come first served");
});

Deno.test("freed places go to those who have waited longest", () => {
  const { interest, ledger } = subscriptionsOf(LIMITS);
  const upstream = new ScriptedUpstream({ budget: 2, refused: new Map() });
  interest.add("quotes", ["A", "B"]);
  drain(ledger, upstream);
  interest.add("trades", ["FIRST"]);
  interest.add("quotes", ["SECOND"]);
  drain(ledger, upstream);
  assert.deepEqual(keysOf(upstream.state), ["quotes A", "quotes B"]);
  interest.remove("quotes", ["A"]);
  drain(ledger, upstream);
  assert.deepEqual(keysOf(upstream.state), ["quotes B", "trades FIRST"]);
  interest.remove("quotes", ["B"]);
  drain(ledger, upstream);
  assert.deepEqual(keysOf(upstream.state), ["quotes SECOND", "trades FIRST"]);
});

Deno.test("a full upstream of which we do not know all is asked what it carries, and teaches nothing lasting", () => {
  const { interest, ledger, budget } = subscriptionsOf(LIMITS);
  const upstream = new ScriptedUpstream({ budget: 1, refused: new Map() });
  interest.add("quotes", ["GONE"]);
  const lost = ledger.next();
  assert.ok(lost);
  upstream.answer(lost);
  ledger.expire();
  interest.remove("quotes", ["GONE"]);
  interest.add("quotes", ["NEW"]);
  drain(ledger, upstream);
  assert.deepEqual(keysOf(upstream.state), ["quotes NEW"]);
  assert.equal(budget.limit, undefined);
});

Deno.test("an answer that may be another's is not believed at once", () => {
  const { interest, ledger } = subscriptionsOf(LIMITS);
  interest.add("quotes", ["A"]);
  ledger.next();
  ledger.expire();
  ledger.next();
  assert.equal(ledger.refuse({ code: 400, message: "no" }), undefined);
  assert.deepEqual(ledger.refusals, []);
  assert.equal(ledger.next()?.pairs[0]?.symbol, "A");
  assert.equal(ledger.refuse({ code: 400, message: "no" })?.symbol, "A");
});

Deno.test("what a connection with late answers taught is forgotten with it", () => {
  const { interest, ledger, budget } = subscriptionsOf(LIMITS);
  const full = { code: 405, message: "symbol limit exceeded" };
  interest.add("quotes", ["A"]);
  ledger.next();
  ledger.expire();
  ledger.next();
  assert.equal(ledger.refuse(full), undefined);
  assert.equal(ledger.next()?.probe, true);
  ledger.acknowledge(NOTHING);
  assert.equal(ledger.next()?.pairs[0]?.symbol, "A");
  assert.equal(ledger.refuse(full)?.symbol, "A");
  assert.equal(budget.ceiling, 0);
  ledger.reset();
  assert.equal(budget.ceiling, undefined);
  assert.equal(ledger.next()?.pairs[0]?.symbol, "A");
});

Deno.test("symbols that were carried a moment ago and are rejected are requested again soon, all of them when one is accepted", () => {
  let now = 0;
  const { interest, ledger } = subscriptionsOf(
    { ...LIMITS, maxPairs: 1 },
    { now: () => now },
  );
  const carried = (...symbols: string[]) => symbolSets([["quotes", symbols]]);
  interest.add("quotes", ["A", "B", "NEW"]);
  ledger.next();
  ledger.acknowledge(carried("A", "B"));
  ledger.reset();
  for (let next = ledger.next(); next; next = ledger.next()) {
    ledger.refuse({ code: 400, message: "invalid syntax" });
  }
  assert.equal(ledger.refusals.length, 3);
  assert.equal(ledger.dueAt, DOUBTED.firstMs);
  now = DOUBTED.firstMs;
  assert.deepEqual(ledger.next()?.pairs.map(({ symbol }) => symbol), ["A"]);
  ledger.acknowledge(carried("A"));
  assert.deepEqual(ledger.next()?.pairs.map(({ symbol }) => symbol), ["B"]);
  ledger.acknowledge(carried("A", "B"));
  assert.equal(ledger.next(), undefined, "the other one never worked");
  assert.equal(ledger.dueAt, REJECTED.firstMs);
});

Deno.test("what was carried before an outage of hours is not taken for refused, nor its number for too high", () => {
  let now = 0;
  const { interest, ledger, budget } = subscriptionsOf(LIMITS, {
    now: () => now,
  });
  interest.add("quotes", ["A", "B"]);
  ledger.next();
  ledger.acknowledge(symbolSets([["quotes", ["A", "B"]]]));
  ledger.reset();
  now = 5 * 3_600_000;
  ledger.reset();
  ledger.next();
  ledger.refuse({ code: 405, message: "symbol limit exceeded" });
  ledger.next();
  ledger.acknowledge(symbolSets([["quotes", ["A"]]]));
  ledger.next();
  ledger.refuse({ code: 405, message: "symbol limit exceeded" });
  assert.equal(ledger.next(), undefined);
  assert.deepEqual([budget.limit, budget.ceiling], [undefined, 1]);
  assert.equal(ledger.dueAt, now + DOUBTED.firstMs);
});

Deno.test("a retest that is not answered, or with an error of upstream's own, is made again later", () => {
  let now = 0;
  const { interest, ledger } = subscriptionsOf(LIMITS, { now: () => now });
  interest.add("quotes", ["BAD"]);
  ledger.next();
  ledger.refuse({ code: 400, message: "invalid syntax" });
  now = ledger.dueAt ?? 0;
  assert.equal(ledger.next()?.pairs.length, 1);
  assert.deepEqual(ledger.retesting, { channel: "quotes", symbol: "BAD" });
  assert.equal(ledger.refuse({ code: 500, message: "oops" }), undefined);
  assert.equal(ledger.next(), undefined);
  assert.equal(ledger.dueAt, now + 2 * REJECTED.firstMs);
  now = ledger.dueAt ?? 0;
  assert.ok(ledger.next());
  ledger.expire();
  assert.equal(ledger.next()?.probe, true, "what is carried is asked for");
  ledger.acknowledge(NOTHING);
  assert.equal(ledger.next(), undefined);
  assert.equal(ledger.dueAt, now + 4 * REJECTED.firstMs);
});

Deno.test("a pair that found no place has one when fewer are taken, however often it was asked for", () => {
  const { interest, ledger } = subscriptionsOf({ ...LIMITS, maxPairs: 1 });
  const carried = (...symbols: string[]) => symbolSets([["quotes", symbols]]);
  interest.add("quotes", ["A"]);
  // Upstream carries it and forgets it, until others have its place.
  ledger.next();
  ledger.acknowledge(carried("A"));
  ledger.acknowledge(NOTHING);
  ledger.next();
  ledger.acknowledge(carried("A"));
  ledger.acknowledge(carried("B", "C"));
  interest.add("quotes", ["B", "C"]);
  assert.deepEqual(ledger.next()?.pairs.map(({ symbol }) => symbol), ["A"]);
  ledger.refuse({ code: 405, message: "symbol limit exceeded" });
  assert.equal(ledger.refusals.length, 1, "it was asked for often enough");
  assert.equal(ledger.next(), undefined);

  interest.remove("quotes", ["C"]);
  assert.equal(ledger.next()?.action, "unsubscribe");
  ledger.acknowledge(carried("B"));
  assert.deepEqual(ledger.next()?.pairs.map(({ symbol }) => symbol), ["A"]);
  ledger.acknowledge(carried("A", "B"));
  assert.deepEqual(ledger.refusals, []);
  assert.equal(ledger.next(), undefined);
});
