/** The quota of an edge is what its hub and the other edges leave, at most its own plan. */
import assert from "node:assert/strict";
import {
  type HubQuota,
  type Plan,
  planLimit,
  SymbolQuota,
} from "../../../../src/domain/subscription/quota.ts";
import { CONTRADICTED, LEARNED_LIMIT } from "../../../../src/domain/subscription/rejections.ts";
import type { Pair } from "../../../../src/domain/subscription/pairs.ts";
import { createSubscriptions } from "../../../../src/domain/subscription/reconciler.ts";
import { DEFAULT_COUNTING, symbolSets } from "../../../support/subscriptions.ts";

function planOf(plan: Plan) {
  return planLimit(plan, { feed: "sip", counting: DEFAULT_COUNTING });
}

function quotaOf(plan: Plan = { name: "auto" }) {
  return new SymbolQuota(planOf(plan));
}

function quotes(...symbols: readonly string[]): readonly Pair[] {
  return symbols.map((symbol) => ({ channel: "quotes", symbol }));
}

const [NEW] = quotes("NEW") as [Pair];

function reported(limit: number, others: readonly Pair[], learned = false): HubQuota {
  return { limit, learned, counts: DEFAULT_COUNTING.stocks, others };
}

Deno.test("an edge may use the limit of the hub minus the slots of other edges", () => {
  const quota = quotaOf();
  assert.equal(quota.setHubQuota(reported(5, quotes("A", "B")), 0), true);
  assert.deepEqual([quota.limit, quota.usedByOthers, quota.learned], [3, 2, false]);
  assert.equal(quota.setHubQuota(reported(5, quotes("B", "A")), 0), false, "the same");
  quota.setHubQuota(reported(1, quotes("A", "B")), 0);
  assert.equal(quota.limit, 0, "the hub has learned a lower limit");
  quota.setHubQuota(undefined, 0);
  assert.deepEqual([quota.limit, quota.usedByOthers], [undefined, 0]);
});

Deno.test("a pair of another edge uses no further slot", () => {
  const quota = quotaOf();
  quota.setHubQuota(reported(3, quotes("A", "B")), 0);
  assert.equal(quota.slotsOf(quotes("A", "B", "C")), 1);
  const slots = quota.allocate(quotes("A", "B"));
  assert.equal(slots.fits(NEW), true);
  slots.take(NEW);
  assert.equal(slots.fits({ channel: "quotes", symbol: "NEXT" }), false);
  assert.equal(slots.fits({ channel: "quotes", symbol: "B" }), true);
  assert.equal(slots.fits({ channel: "bars", symbol: "NEXT" }), true, "bars do not count");
});

Deno.test("the plan of an edge is the upper bound of what the hub leaves", () => {
  const quota = quotaOf({ name: "explicit", stocks: 2, options: undefined });
  quota.setHubQuota(reported(9, quotes("A", "B")), 0);
  assert.deepEqual([quota.limit, quota.usedByOthers], [2, 0]);
  assert.equal(quota.allocate(quotes("A", "B")).fits(NEW), false);
  quota.setHubQuota(reported(3, quotes("A", "B"), true), 0);
  assert.deepEqual([quota.limit, quota.usedByOthers, quota.learned], [1, 2, true]);
  quota.setHubQuota(undefined, 0);
  assert.equal(quota.limit, 2);
});

Deno.test("an edge learns no limit from a hub that reports one", () => {
  const quota = quotaOf();
  quota.recordLimit(NEW, { acknowledged: quotes("A"), now: 0 });
  assert.deepEqual([quota.limit, quota.learned], [1, true], "the hub has reported none");
  quota.setHubQuota(reported(4, quotes("X")), 0);
  assert.deepEqual([quota.limit, quota.learned, quota.limitTimer], [3, false, undefined]);
  quota.recordLimit(NEW, { acknowledged: quotes("A", "B"), now: 0 });
  assert.deepEqual([quota.limit, quota.ceiling], [3, 2], "another edge was faster");
  assert.equal(quota.limitTimer?.pace, CONTRADICTED);
  quota.setHubQuota(reported(4, quotes("X", "Y")), 0);
  assert.deepEqual([quota.limit, quota.ceiling, quota.limitTimer], [2, undefined, undefined]);
});

Deno.test("a limit that the hub has learned is tested again", () => {
  const quota = quotaOf();
  quota.setHubQuota(reported(2, quotes("X"), true), 0);
  assert.equal(quota.limitTimer?.pace, LEARNED_LIMIT);
  const { at } = quota.limitTimer ?? {};
  quota.setHubQuota(reported(2, quotes("X", "Y"), true), 9_000);
  quota.startSession(9_000);
  assert.equal(quota.limitTimer?.at, at, "reports and sessions do not postpone it");
  assert.equal(quota.isOverLearnedLimit(new Map())(NEW), true);
  quota.setHubQuota(reported(8, [], false), 9_000);
  assert.equal(quota.limitTimer, undefined);
});

Deno.test("a pair that waits is requested as soon as the hub leaves a slot", () => {
  const { reconciler, refCounts } = createSubscriptions({
    plan: planOf({ name: "auto" }),
    limits: { maxPairs: 100, maxBytes: 10_000 },
    graceMs: 0,
    now: () => 0,
  });
  reconciler.setHubQuota(reported(2, quotes("X")));
  refCounts.add("quotes", ["A", "B"]);
  assert.deepEqual(reconciler.next()?.pairs, quotes("A"));
  reconciler.acknowledge(symbolSets([["quotes", ["A"]]]));
  assert.equal(reconciler.next(), undefined, "B waits");
  reconciler.setHubQuota(reported(2, quotes("A")));
  for (let race = 0; race < 5; race++) {
    assert.deepEqual(reconciler.next()?.pairs, quotes("B"));
    reconciler.reject({ code: 405, message: "symbol limit exceeded" });
    while (reconciler.next()) reconciler.acknowledge(symbolSets([["quotes", ["A"]]]));
    reconciler.setHubQuota(reported(2, quotes("X")));
    assert.equal(reconciler.next(), undefined, "another edge was faster");
    reconciler.setHubQuota(reported(2, quotes("B")));
  }
});
