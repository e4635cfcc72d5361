import assert from "node:assert/strict";
import { SymbolBudget } from "../../../../src/domain/subscription/budget.ts";
import {
  DEFAULT_COUNTING,
  planLimit,
} from "../../../../src/domain/subscription/plans.ts";
import type {
  Pair,
  UpstreamChannel,
} from "../../../../src/domain/subscription/symbol_sets.ts";

function budgetOf(name: "auto" | "basic"): SymbolBudget {
  const options = { feed: "sip", counting: DEFAULT_COUNTING } as const;
  return new SymbolBudget(planLimit({ name }, options));
}

function pairs(channel: UpstreamChannel, count: number): Pair[] {
  return Array.from(
    { length: count },
    (_, index) => ({ channel, symbol: `S${index}` }),
  );
}

const NEW: Pair = { channel: "quotes", symbol: "NEW" };

Deno.test("a limit is what was carried when upstream had no place left", () => {
  const budget = budgetOf("auto");
  assert.equal(budget.limit, undefined);
  budget.learnFull(NEW, [...pairs("quotes", 20), ...pairs("bars", 9)]);
  assert.deepEqual([budget.limit, budget.learned], [20, true]);
});

Deno.test("a plan that promises more than there is, is corrected downwards only", () => {
  const budget = budgetOf("basic");
  assert.deepEqual([budget.limit, budget.learned], [30, false]);
  budget.learnFull(NEW, pairs("quotes", 29));
  assert.deepEqual([budget.limit, budget.learned], [29, true]);
  budget.learnCarried(pairs("quotes", 40));
  assert.deepEqual([budget.limit, budget.learned], [30, false]);
});

Deno.test("a limit grows with what upstream carries all the same", () => {
  const budget = budgetOf("auto");
  budget.learnCarried(pairs("quotes", 50));
  assert.equal(budget.limit, undefined, "carrying much teaches no limit");
  budget.learnFull(NEW, pairs("quotes", 10));
  budget.learnCarried(pairs("quotes", 12));
  assert.equal(budget.limit, 12);
  budget.learnCarried(pairs("quotes", 3));
  assert.equal(budget.limit, 12);
});

Deno.test("a refusal on a channel that should not count says that every one does", () => {
  const budget = budgetOf("auto");
  const bar: Pair = { channel: "bars", symbol: "A" };
  assert.equal(budget.takesPlace(bar), false);
  budget.learnFull(bar, [...pairs("quotes", 20), ...pairs("bars", 10)]);
  assert.equal(budget.limit, 30);
  assert.equal(budget.takesPlace(bar), true);
});

Deno.test("* takes no place, is refused per channel and forgiven when carried", () => {
  const budget = budgetOf("auto");
  const all: Pair = { channel: "quotes", symbol: "*" };
  assert.equal(budget.takesPlace(all), false);
  budget.learnNoWildcard("quotes");
  assert.equal(budget.allowsWildcard("quotes"), false);
  assert.equal(budget.allowsWildcard("trades"), true);
  budget.learnCarried([all]);
  assert.equal(budget.allowsWildcard("quotes"), true);
});

Deno.test("what was unlearned leaves the plan alone", () => {
  const budget = budgetOf("basic");
  budget.learnFull({ channel: "bars", symbol: "A" }, pairs("quotes", 3));
  budget.learnNoWildcard("bars");
  budget.unlearn();
  assert.deepEqual([budget.limit, budget.learned], [30, false]);
  assert.equal(budget.takesPlace({ channel: "bars", symbol: "A" }), false);
  assert.equal(budget.allowsWildcard("bars"), true);
});
