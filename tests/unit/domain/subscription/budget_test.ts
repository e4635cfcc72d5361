import assert from "node:assert/strict";
import { SymbolBudget } from "../../../../src/domain/subscription/budget.ts";
import {
  DEFAULT_COUNTING,
  type Plan,
  planLimit,
} from "../../../../src/domain/subscription/plans.ts";
import {
  DOUBTED,
  LEARNED_LIMIT,
  RECENT_MS,
  REJECTED,
} from "../../../../src/domain/subscription/retest.ts";
import {
  type Pair,
  symbolSets,
  type UpstreamChannel,
} from "../../../../src/domain/subscription/symbol_sets.ts";

function budgetOf(plan: Plan | Exclude<Plan["name"], "explicit">) {
  const options = { feed: "sip", counting: DEFAULT_COUNTING } as const;
  const set = typeof plan === "string" ? { name: plan } : plan;
  return new SymbolBudget(planLimit(set, options));
}

function pairs(channel: UpstreamChannel, count: number): Pair[] {
  return Array.from(
    { length: count },
    (_, index) => ({ channel, symbol: `S${index}` }),
  );
}

function refuse(budget: SymbolBudget, carried: readonly Pair[], now = 0) {
  budget.refuseFull(NEW, { carried, now });
}

const NEW: Pair = { channel: "quotes", symbol: "NEW" };
const ALL: Pair = { channel: "quotes", symbol: "*" };

Deno.test("a limit is what was carried when upstream had no place left", () => {
  const budget = budgetOf("auto");
  assert.equal(budget.limit, undefined);
  refuse(budget, [...pairs("quotes", 20), ...pairs("bars", 9)]);
  assert.deepEqual([budget.limit, budget.learned], [20, true]);
  assert.equal(budget.ceiling, 20);
});

Deno.test("an explicit plan is never overridden: a refusal limits requests only, for a minute at most", () => {
  const plans: readonly (Plan | "basic" | "plus" | "unlimited")[] = [
    "basic",
    "plus",
    "unlimited",
    { name: "explicit", stocks: 50, options: undefined },
  ];
  for (const plan of plans) {
    const budget = budgetOf(plan);
    const before = budget.limit;
    refuse(budget, pairs("quotes", 20));
    assert.deepEqual([budget.limit, budget.learned], [before, false]);
    assert.equal(budget.ceiling, 20);
    const carried = symbolSets([[
      "quotes",
      pairs("quotes", 20).map(({ symbol }) => symbol),
    ]]);
    assert.equal(budget.fits(NEW, carried), false);
    const timer = budget.limitTimer;
    for (let now = 0; timer && now < 3_600_000;) {
      assert.ok(timer.at - now <= DOUBTED.longestMs);
      now = timer.at;
      timer.advance(now);
    }
    assert.ok(timer);
  }
});

Deno.test("no limit is learned below what was carried a moment ago, nor from an empty connection", () => {
  const budget = budgetOf("auto");
  refuse(budget, []);
  assert.equal(budget.limit, undefined, "0 is no limit of any plan");
  assert.equal(budget.limitTimer?.pace, DOUBTED);
  budget.connect(0);
  budget.confirm(pairs("quotes", 3), 0);
  refuse(budget, pairs("quotes", 2), RECENT_MS);
  assert.equal(budget.limit, undefined);
  assert.equal(budget.ceiling, 2);
  refuse(budget, pairs("quotes", 2), RECENT_MS + 1);
  assert.equal(budget.limit, 2, "by now it is believed");
  assert.equal(budget.limitTimer?.pace, LEARNED_LIMIT);
});

Deno.test("what was carried a moment ago is counted in places, until the moment it was given back", () => {
  const budget = budgetOf("auto");
  budget.confirm(pairs("quotes", 3), 0);
  budget.confirm([...pairs("bars", 9), ...pairs("quotes", 1)], 1_000);
  refuse(budget, pairs("quotes", 2), 2_000);
  assert.equal(budget.limit, undefined, "3 places were taken");
  budget.confirm(pairs("quotes", 20), 3_000);
  const now = 3_600_000;
  budget.confirm(pairs("quotes", 2), now);
  refuse(budget, pairs("quotes", 2), now + RECENT_MS);
  assert.equal(budget.limit, undefined, "20 were carried for an hour");
  refuse(budget, pairs("quotes", 2), now + RECENT_MS + 1);
  assert.equal(budget.limit, 2);
});

Deno.test("a connection puts off no test of a learned limit, and starts its intervals anew", () => {
  const budget = budgetOf("auto");
  refuse(budget, pairs("quotes", 20));
  const { firstMs } = LEARNED_LIMIT;
  budget.connect(50_000);
  assert.equal(budget.limitTimer?.at, firstMs);
  budget.limitTimer?.advance(firstMs);
  budget.limitTimer?.advance(3 * firstMs);
  assert.equal(budget.limitTimer?.at, 7 * firstMs);
  budget.connect(4 * firstMs);
  assert.equal(budget.limitTimer?.at, 5 * firstMs);
});

Deno.test("a learned limit outlives what contradicts it for a moment", () => {
  const budget = budgetOf("auto");
  budget.confirm(pairs("quotes", 30), 0);
  refuse(budget, pairs("quotes", 30));
  assert.equal(budget.limit, 30);
  budget.connect(1_000);
  assert.equal(budget.ceiling, undefined);
  refuse(budget, [], 1_000);
  assert.deepEqual([budget.limit, budget.ceiling], [30, 0]);
  budget.acceptRetest(pairs("quotes", 1), 7_000);
  assert.deepEqual([budget.limit, budget.ceiling], [30, undefined]);
});

Deno.test("a limit is void when a retest finds a place beyond it", () => {
  const budget = budgetOf("auto");
  refuse(budget, pairs("quotes", 10));
  budget.acceptRetest(pairs("quotes", 11), 60_000);
  assert.deepEqual([budget.limit, budget.ceiling], [undefined, undefined]);
  assert.equal(budget.limitTimer, undefined);
});

Deno.test("a limit grows with what upstream carries all the same", () => {
  const budget = budgetOf("auto");
  refuse(budget, pairs("quotes", 10));
  budget.confirm(pairs("quotes", 12), 0);
  assert.equal(budget.limit, 12);
  budget.confirm(pairs("quotes", 3), 0);
  assert.equal(budget.limit, 12);
});

Deno.test("a refusal on a channel that should not count says that every one does", () => {
  const budget = budgetOf("auto");
  const bar: Pair = { channel: "bars", symbol: "A" };
  assert.equal(budget.takesPlace(bar), false);
  const carried = [...pairs("quotes", 20), ...pairs("bars", 10)];
  budget.refuseFull(bar, { carried, now: 0 });
  assert.equal(budget.limit, 30);
  assert.equal(budget.takesPlace(bar), true);
});

Deno.test("* takes no place, is refused per channel and forgiven when carried", () => {
  const budget = budgetOf("auto");
  assert.equal(budget.takesPlace(ALL), false);
  budget.refuseWildcard("quotes", { now: 0, isRecent: false });
  assert.equal(budget.allowsWildcard("quotes"), false);
  assert.equal(budget.allowsWildcard("trades"), true);
  assert.equal([...budget.wildcardTimers][0]?.[1].pace, REJECTED);
  budget.confirm([ALL], 0);
  assert.equal(budget.allowsWildcard("quotes"), true);
});

Deno.test("a refusal of * is doubted while it was carried a moment ago, and where a plan gives it", () => {
  const pace = (budget: SymbolBudget) =>
    [...budget.wildcardTimers][0]?.[1].pace;
  const known = budgetOf("auto");
  known.refuseWildcard("quotes", { now: 0, isRecent: true });
  assert.equal(pace(known), DOUBTED);
  known.refuseWildcard("quotes", { now: RECENT_MS, isRecent: false });
  assert.equal(pace(known), REJECTED);
  const set = budgetOf("unlimited");
  set.refuseWildcard("quotes", { now: 0, isRecent: false });
  assert.equal(pace(set), DOUBTED);
});

Deno.test("what is forgotten leaves the plan alone", () => {
  const budget = budgetOf("auto");
  const bar: Pair = { channel: "bars", symbol: "A" };
  budget.refuseFull(bar, { carried: pairs("quotes", 3), now: 0 });
  budget.refuseWildcard("bars", { now: 0, isRecent: false });
  budget.forget();
  assert.deepEqual([budget.limit, budget.learned], [undefined, false]);
  assert.equal(budget.takesPlace(bar), false);
  assert.equal(budget.allowsWildcard("bars"), true);
});
