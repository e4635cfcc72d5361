import assert from "node:assert/strict";
import { planLimit } from "../../../../src/domain/subscription/quota.ts";
import {
  CONTRADICTED,
  LEARNED_LIMIT,
  RECENT_MS,
  REJECTED,
} from "../../../../src/domain/subscription/rejections.ts";
import { DEFAULT_COUNTING, subscriptionsOf, symbolSets } from "../../../support/subscriptions.ts";

const FULL = { code: 405, message: "symbol limit exceeded" };
const BAD = { code: 400, message: "invalid syntax" };
const AUTO = planLimit({ name: "auto" }, {
  feed: "sip",
  counting: DEFAULT_COUNTING,
});

/** A reconciler whose requests name one pair each, on a clock set by the test. */
function createScenario() {
  const time = { now: 0 };
  const subscriptions = subscriptionsOf({ maxPairs: 1, maxBytes: 100 }, {
    plan: AUTO,
    now: () => time.now,
  });
  return { ...subscriptions, time };
}

type Scenario = ReturnType<typeof createScenario>;

/** The pair that is requested next, as text. */
function requested({ reconciler }: Scenario): string | undefined {
  const pair = reconciler.next()?.pairs[0];
  return pair && `${pair.channel} ${pair.symbol}`;
}

/** Advances the clock to the next retest; returns the pair that is then requested. */
function retested(scenario: Scenario): string | undefined {
  const { reconciler, time } = scenario;
  assert.equal(
    reconciler.next(),
    undefined,
    "a request is due earlier",
  );
  const { dueAt } = reconciler;
  assert.ok(dueAt !== undefined && dueAt > time.now);
  time.now = dueAt;
  return requested(scenario);
}

function quotes(...symbols: string[]) {
  return symbolSets([["quotes", symbols]]);
}

/** Has the quota learn a limit of one slot, counted on every channel. */
function learnOneSlot(scenario: Scenario): void {
  const { refCounts, reconciler, quota } = scenario;
  refCounts.add("quotes", ["A"]);
  assert.equal(requested(scenario), "quotes A");
  reconciler.acknowledge(quotes("A"));
  refCounts.add("bars", ["FIRST"]);
  assert.equal(requested(scenario), "bars FIRST");
  reconciler.reject(FULL);
  assert.deepEqual([quota.limit, quota.learned], [1, true]);
}

/** A scenario in which quotes of A and then of B were acknowledged. */
function createAcknowledged() {
  const scenario = createScenario();
  const { refCounts, reconciler } = scenario;
  refCounts.add("quotes", ["A", "B"]);
  requested(scenario);
  reconciler.acknowledge(quotes("A"));
  requested(scenario);
  reconciler.acknowledge(quotes("A", "B"));
  return scenario;
}

Deno.test("a limit is tested with a pair of each channel, a second apart", () => {
  const scenario = createScenario();
  const { refCounts, reconciler, time, quota } = scenario;
  learnOneSlot(scenario);
  refCounts.add("quotes", ["B", "C"]);
  refCounts.add("trades", ["B", "C"]);
  assert.equal(retested(scenario), "trades B");
  assert.equal(time.now, LEARNED_LIMIT.firstMs);
  reconciler.reject(FULL);
  assert.equal(retested(scenario), "quotes B");
  assert.equal(time.now, LEARNED_LIMIT.firstMs + 1_000);
  reconciler.reject(FULL);
  assert.equal(retested(scenario), "bars FIRST");
  assert.equal(time.now, LEARNED_LIMIT.firstMs + 2_000);
  reconciler.reject(FULL);
  assert.equal(reconciler.next(), undefined);
  assert.equal(reconciler.dueAt, 3 * LEARNED_LIMIT.firstMs);
  assert.equal(retested(scenario), "trades B");
  reconciler.reject(FULL);
  assert.equal(retested(scenario), "quotes B");
  reconciler.reject(FULL);
  assert.equal(retested(scenario), "bars FIRST");
  const state = symbolSets([["quotes", ["A"]], ["bars", ["FIRST"]]]);
  reconciler.acknowledge(state);
  assert.equal(quota.limit, undefined);
  assert.equal(requested(scenario), "quotes B", "all that waits is requested");
});

Deno.test("a rejected pair leaves the test of the limit to the next pair", () => {
  const scenario = createScenario();
  const { refCounts, reconciler, time } = scenario;
  learnOneSlot(scenario);
  refCounts.add("bars", ["SECOND"]);
  assert.equal(retested(scenario), "bars FIRST");
  reconciler.reject(BAD);
  assert.equal(retested(scenario), "bars SECOND");
  assert.equal(time.now, LEARNED_LIMIT.firstMs + 1_000);
  reconciler.reject(FULL);
  assert.equal(reconciler.next(), undefined);
  assert.equal(reconciler.dueAt, 3 * LEARNED_LIMIT.firstMs);
});

Deno.test("a pair rejected by the limit and then rejected is not tested repeatedly", () => {
  const scenario = createScenario();
  const { refCounts, reconciler, time } = scenario;
  refCounts.add("quotes", ["A"]);
  for (let round = 0; round < 3; round++) {
    assert.equal(requested(scenario), "quotes A");
    reconciler.acknowledge(quotes("A"));
    reconciler.acknowledge(quotes());
  }
  while (reconciler.next()) reconciler.reject(FULL);
  const tests: number[] = [];
  while (time.now < 600_000) {
    assert.equal(retested(scenario), "quotes A");
    tests.push(time.now);
    reconciler.reject(BAD);
  }
  assert.ok(tests.length < 15, `${tests.length} tests in ten minutes`);
});

Deno.test("a pair that a stream was refused for is tested once", () => {
  const scenario = createScenario();
  const { refCounts, reconciler, time } = scenario;
  learnOneSlot(scenario);
  refCounts.remove("bars", ["FIRST"]);
  assert.equal(reconciler.next(), undefined);
  assert.equal(reconciler.dueAt, undefined);
  reconciler.testLimitWith({ channel: "bars", symbol: "X" });
  time.now = 1_000_000;
  assert.equal(requested(scenario), "bars X");
  reconciler.reject(FULL);
  assert.equal(reconciler.next(), undefined);
  assert.equal(reconciler.dueAt, undefined);
  reconciler.testLimitWith({ channel: "quotes", symbol: "Y" });
  time.now = 2_000_000;
  assert.equal(requested(scenario), "quotes Y");
  reconciler.acknowledge(quotes("A"));
  assert.equal(reconciler.next(), undefined);
  assert.equal(reconciler.dueAt, undefined);
});

Deno.test("sessions shorter than the retest interval do not postpone retests", () => {
  const scenario = createScenario();
  const { refCounts, reconciler, time } = scenario;
  refCounts.add("quotes", ["A", "B"]);
  requested(scenario);
  reconciler.acknowledge(quotes("A"));
  requested(scenario);
  reconciler.reject(FULL);
  const tests: number[] = [];
  for (let connection = 0; connection < 10; connection++) {
    time.now += 25_000;
    reconciler.reset();
    reconciler.reset();
    assert.equal(requested(scenario), "quotes A");
    reconciler.acknowledge(quotes("A"));
    if (requested(scenario) === undefined) continue;
    tests.push(time.now);
    reconciler.reject(FULL);
  }
  assert.deepEqual(tests, [75_000, 175_000]);
});

Deno.test("a recent pair that is rejected in several sessions is still retested soon", () => {
  const scenario = createAcknowledged();
  const { reconciler, time } = scenario;
  for (let connection = 0; connection < 5; connection++) {
    time.now += 20_000;
    reconciler.reset();
    assert.equal(requested(scenario), "quotes A");
    reconciler.reject(BAD);
    assert.equal(requested(scenario), "quotes B");
    reconciler.acknowledge(quotes("B"));
    assert.equal(reconciler.next(), undefined);
    assert.equal(reconciler.dueAt, time.now + CONTRADICTED.firstMs);
  }
});

Deno.test("a pair that is dropped and then rejected is retested soon while recent", () => {
  const scenario = createAcknowledged();
  const { reconciler, time } = scenario;
  time.now = 3_600_000;
  const lostAt = time.now;
  reconciler.acknowledge(quotes("B"));
  assert.equal(requested(scenario), "quotes A");
  reconciler.reject(BAD);
  assert.equal(reconciler.rejections[0]?.isTransient, true);
  const tests: number[] = [];
  while (reconciler.rejections[0]?.isTransient) {
    assert.equal(retested(scenario), "quotes A");
    tests.push(time.now - lostAt);
    reconciler.reject(BAD);
  }
  assert.deepEqual(tests.slice(0, 5), [5_000, 15_000, 35_000, 75_000, 135_000]);
  assert.ok((tests.at(-1) ?? 0) > RECENT_MS);
  assert.ok((tests.at(-2) ?? Infinity) <= RECENT_MS);
  assert.equal(reconciler.next(), undefined);
  assert.equal(reconciler.dueAt, time.now + REJECTED.firstMs);
});

Deno.test("subscribed pairs stay recent while nothing at all is subscribed", () => {
  const scenario = createScenario();
  const { refCounts, reconciler, time } = scenario;
  refCounts.add("quotes", ["A"]);
  requested(scenario);
  reconciler.acknowledge(quotes("A"));
  reconciler.reset();
  assert.equal(requested(scenario), "quotes A");
  reconciler.reject(BAD);
  while (time.now < 6 * RECENT_MS) {
    const before = time.now;
    assert.equal(retested(scenario), "quotes A");
    assert.ok(time.now - before <= CONTRADICTED.longestMs);
    reconciler.reject(BAD);
  }
});

Deno.test("a recently subscribed * is retested soon, also after hours of rejections", () => {
  const scenario = createScenario();
  const { refCounts, reconciler, time } = scenario;
  refCounts.add("bars", ["*"]);
  assert.equal(requested(scenario), "bars *");
  reconciler.acknowledge(symbolSets([["bars", ["*"]]]));
  reconciler.reset();
  assert.equal(requested(scenario), "bars *");
  reconciler.reject(FULL);
  while (time.now < 6 * RECENT_MS) {
    const before = time.now;
    assert.equal(retested(scenario), "bars *");
    assert.ok(time.now - before <= CONTRADICTED.longestMs);
    reconciler.reject(FULL);
  }
});
