import assert from "node:assert/strict";
import {
  DEFAULT_COUNTING,
  planLimit,
} from "../../../../src/domain/subscription/plans.ts";
import {
  DOUBTED,
  LEARNED_LIMIT,
  RECENT_MS,
  REJECTED,
} from "../../../../src/domain/subscription/retest.ts";
import { symbolSets } from "../../../../src/domain/subscription/symbol_sets.ts";
import { subscriptionsOf } from "../../../support/subscriptions.ts";

const FULL = { code: 405, message: "symbol limit exceeded" };
const BAD = { code: 400, message: "invalid syntax" };
const AUTO = planLimit({ name: "auto" }, {
  feed: "sip",
  counting: DEFAULT_COUNTING,
});

/** A ledger whose requests name one pair each, on a clock set by the test. */
function stage() {
  const time = { now: 0 };
  const subscriptions = subscriptionsOf({ maxPairs: 1, maxBytes: 100 }, {
    plan: AUTO,
    now: () => time.now,
  });
  return { ...subscriptions, time };
}

type Stage = ReturnType<typeof stage>;

/** The pair that is requested next, as text. */
function requested({ ledger }: Stage): string | undefined {
  const pair = ledger.next()?.pairs[0];
  return pair && `${pair.channel} ${pair.symbol}`;
}

/** Moves the clock to what is due and gives the pair that is then requested. */
function retested(stage: Stage): string | undefined {
  const { ledger, time } = stage;
  assert.equal(ledger.next(), undefined, "something is to be requested before");
  const { dueAt } = ledger;
  assert.ok(dueAt !== undefined && dueAt > time.now);
  time.now = dueAt;
  return requested(stage);
}

function quotes(...symbols: string[]) {
  return symbolSets([["quotes", symbols]]);
}

/** Teaches that there is one place, counted on every channel. */
function learnOnePlace(stage: Stage): void {
  const { interest, ledger, budget } = stage;
  interest.add("quotes", ["A"]);
  assert.equal(requested(stage), "quotes A");
  ledger.acknowledge(quotes("A"));
  interest.add("bars", ["FIRST"]);
  assert.equal(requested(stage), "bars FIRST");
  ledger.refuse(FULL);
  assert.deepEqual([budget.limit, budget.learned], [1, true]);
}

Deno.test("a limit is tested with a pair of each channel, a second apart", () => {
  const story = stage();
  const { interest, ledger, time, budget } = story;
  learnOnePlace(story);
  interest.add("quotes", ["B", "C"]);
  interest.add("trades", ["B", "C"]);
  assert.equal(retested(story), "trades B");
  assert.equal(time.now, LEARNED_LIMIT.firstMs);
  ledger.refuse(FULL);
  assert.equal(retested(story), "quotes B");
  assert.equal(time.now, LEARNED_LIMIT.firstMs + 1_000);
  ledger.refuse(FULL);
  assert.equal(retested(story), "bars FIRST");
  assert.equal(time.now, LEARNED_LIMIT.firstMs + 2_000);
  ledger.refuse(FULL);
  assert.equal(ledger.next(), undefined);
  assert.equal(ledger.dueAt, 3 * LEARNED_LIMIT.firstMs);
  assert.equal(retested(story), "trades B");
  ledger.refuse(FULL);
  assert.equal(retested(story), "quotes B");
  ledger.refuse(FULL);
  assert.equal(retested(story), "bars FIRST");
  const state = symbolSets([["quotes", ["A"]], ["bars", ["FIRST"]]]);
  ledger.acknowledge(state);
  assert.equal(budget.limit, undefined);
  assert.equal(requested(story), "quotes B", "all that waits is requested");
});

Deno.test("a pair that is rejected as such leaves the test of the limit to the next one", () => {
  const story = stage();
  const { interest, ledger, time } = story;
  learnOnePlace(story);
  interest.add("bars", ["SECOND"]);
  assert.equal(retested(story), "bars FIRST");
  ledger.refuse(BAD);
  assert.equal(retested(story), "bars SECOND");
  assert.equal(time.now, LEARNED_LIMIT.firstMs + 1_000);
  ledger.refuse(FULL);
  assert.equal(ledger.next(), undefined);
  assert.equal(ledger.dueAt, 3 * LEARNED_LIMIT.firstMs);
});

Deno.test("a pair that found no place and is then rejected is not tested again and again", () => {
  const story = stage();
  const { interest, ledger, time } = story;
  interest.add("quotes", ["A"]);
  for (let round = 0; round < 3; round++) {
    assert.equal(requested(story), "quotes A");
    ledger.acknowledge(quotes("A"));
    ledger.acknowledge(quotes());
  }
  while (ledger.next()) ledger.refuse(FULL);
  const tests: number[] = [];
  while (time.now < 600_000) {
    assert.equal(retested(story), "quotes A");
    tests.push(time.now);
    ledger.refuse(BAD);
  }
  assert.ok(tests.length < 15, `${tests.length} tests in ten minutes`);
});

Deno.test("what a stream was refused for is tested once", () => {
  const story = stage();
  const { interest, ledger, time } = story;
  learnOnePlace(story);
  interest.remove("bars", ["FIRST"]);
  assert.equal(ledger.next(), undefined);
  assert.equal(ledger.dueAt, undefined);
  ledger.wish({ channel: "bars", symbol: "X" });
  time.now = 1_000_000;
  assert.equal(requested(story), "bars X");
  ledger.refuse(FULL);
  assert.equal(ledger.next(), undefined);
  assert.equal(ledger.dueAt, undefined);
  ledger.wish({ channel: "quotes", symbol: "Y" });
  time.now = 2_000_000;
  assert.equal(requested(story), "quotes Y");
  ledger.acknowledge(quotes("A"));
  assert.equal(ledger.next(), undefined);
  assert.equal(ledger.dueAt, undefined);
});

Deno.test("connections that end more often than a retest is due put off none", () => {
  const story = stage();
  const { interest, ledger, time } = story;
  interest.add("quotes", ["A", "B"]);
  requested(story);
  ledger.acknowledge(quotes("A"));
  requested(story);
  ledger.refuse(FULL);
  const tests: number[] = [];
  for (let connection = 0; connection < 10; connection++) {
    time.now += 25_000;
    ledger.reset();
    ledger.reset();
    assert.equal(requested(story), "quotes A");
    ledger.acknowledge(quotes("A"));
    if (requested(story) === undefined) continue;
    tests.push(time.now);
    ledger.refuse(FULL);
  }
  assert.deepEqual(tests, [75_000, 175_000]);
});

Deno.test("a pair that is rejected on one connection after another is still requested again soon", () => {
  const story = stage();
  const { interest, ledger, time } = story;
  interest.add("quotes", ["A", "B"]);
  requested(story);
  ledger.acknowledge(quotes("A"));
  requested(story);
  ledger.acknowledge(quotes("A", "B"));
  for (let connection = 0; connection < 5; connection++) {
    time.now += 20_000;
    ledger.reset();
    assert.equal(requested(story), "quotes A");
    ledger.refuse(BAD);
    assert.equal(requested(story), "quotes B");
    ledger.acknowledge(quotes("B"));
    assert.equal(ledger.next(), undefined);
    assert.equal(ledger.dueAt, time.now + DOUBTED.firstMs);
  }
});

Deno.test("a pair that is lost while connected, and then rejected, is requested again soon; once it is no longer recent, seldom", () => {
  const story = stage();
  const { interest, ledger, time } = story;
  interest.add("quotes", ["A", "B"]);
  requested(story);
  ledger.acknowledge(quotes("A"));
  requested(story);
  ledger.acknowledge(quotes("A", "B"));
  time.now = 3_600_000;
  const lostAt = time.now;
  ledger.acknowledge(quotes("B"));
  assert.equal(requested(story), "quotes A");
  ledger.refuse(BAD);
  assert.equal(ledger.refusals[0]?.isPassing, true);
  const tests: number[] = [];
  while (ledger.refusals[0]?.isPassing) {
    assert.equal(retested(story), "quotes A");
    tests.push(time.now - lostAt);
    ledger.refuse(BAD);
  }
  assert.deepEqual(tests.slice(0, 5), [5_000, 15_000, 35_000, 75_000, 135_000]);
  assert.ok((tests.at(-1) ?? 0) > RECENT_MS);
  assert.ok((tests.at(-2) ?? Infinity) <= RECENT_MS);
  assert.equal(ledger.next(), undefined);
  assert.equal(ledger.dueAt, time.now + REJECTED.firstMs);
});

Deno.test("what was carried stays recent while nothing at all is carried", () => {
  const story = stage();
  const { interest, ledger, time } = story;
  interest.add("quotes", ["A"]);
  requested(story);
  ledger.acknowledge(quotes("A"));
  ledger.reset();
  assert.equal(requested(story), "quotes A");
  ledger.refuse(BAD);
  while (time.now < 6 * RECENT_MS) {
    const before = time.now;
    assert.equal(retested(story), "quotes A");
    assert.ok(time.now - before <= DOUBTED.longestMs);
    ledger.refuse(BAD);
  }
});

Deno.test("* that was carried a moment ago is requested again soon, also after hours in which all is refused", () => {
  const story = stage();
  const { interest, ledger, time } = story;
  interest.add("bars", ["*"]);
  assert.equal(requested(story), "bars *");
  ledger.acknowledge(symbolSets([["bars", ["*"]]]));
  ledger.reset();
  assert.equal(requested(story), "bars *");
  ledger.refuse(FULL);
  while (time.now < 6 * RECENT_MS) {
    const before = time.now;
    assert.equal(retested(story), "bars *");
    assert.ok(time.now - before <= DOUBTED.longestMs);
    ledger.refuse(FULL);
  }
});
