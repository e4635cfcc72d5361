import assert from "node:assert/strict";
import { type Plan, planLimit, SymbolQuota } from "../../../../src/domain/subscription/quota.ts";
import {
  advanceTimer,
  CONTRADICTED,
  LEARNED_LIMIT,
  RECENT_MS,
  REJECTED,
} from "../../../../src/domain/subscription/rejections.ts";
import type { Pair, UpstreamChannel } from "../../../../src/domain/subscription/pairs.ts";
import { DEFAULT_COUNTING, symbolSets } from "../../../support/subscriptions.ts";

function budgetOf(plan: Plan | Exclude<Plan["name"], "explicit">) {
  const options = { feed: "sip", counting: DEFAULT_COUNTING } as const;
  const set = typeof plan === "string" ? { name: plan } : plan;
  return new SymbolQuota(planLimit(set, options));
}

function pairs(channel: UpstreamChannel, count: number): Pair[] {
  return Array.from(
    { length: count },
    (_, index) => ({ channel, symbol: `S${index}` }),
  );
}

function reject(quota: SymbolQuota, acknowledged: readonly Pair[], now = 0) {
  quota.recordLimit(NEW, { acknowledged, now });
}

const NEW: Pair = { channel: "quotes", symbol: "NEW" };
const ALL: Pair = { channel: "quotes", symbol: "*" };

Deno.test("a learned limit is the number acknowledged when upstream had no slot left", () => {
  const quota = budgetOf("auto");
  assert.equal(quota.limit, undefined);
  reject(quota, [...pairs("quotes", 20), ...pairs("bars", 9)]);
  assert.deepEqual([quota.limit, quota.learned], [20, true]);
  assert.equal(quota.ceiling, 20);
});

Deno.test("a configured plan is never overridden: a rejection limits requests for a minute", () => {
  const plans: readonly (Plan | "basic" | "plus" | "unlimited")[] = [
    "basic",
    "plus",
    "unlimited",
    { name: "explicit", stocks: 50, options: undefined },
  ];
  for (const plan of plans) {
    const quota = budgetOf(plan);
    const before = quota.limit;
    reject(quota, pairs("quotes", 20));
    assert.deepEqual([quota.limit, quota.learned], [before, false]);
    assert.equal(quota.ceiling, 20);
    const acknowledged = symbolSets([[
      "quotes",
      pairs("quotes", 20).map(({ symbol }) => symbol),
    ]]);
    assert.equal(quota.fits(NEW, acknowledged), false);
    const timer = quota.limitTimer;
    for (let now = 0; timer && now < 3_600_000;) {
      assert.ok(timer.at - now <= CONTRADICTED.longestMs);
      now = timer.at;
      advanceTimer(timer, now);
    }
    assert.ok(timer);
  }
});

Deno.test("no limit is learned below a recent count, nor from an empty session", () => {
  const quota = budgetOf("auto");
  reject(quota, []);
  assert.equal(quota.limit, undefined, "0 is no limit of any plan");
  assert.equal(quota.limitTimer?.pace, CONTRADICTED);
  quota.startSession(0);
  quota.raiseLimit(pairs("quotes", 3), 0);
  reject(quota, pairs("quotes", 2), RECENT_MS);
  assert.equal(quota.limit, undefined);
  assert.equal(quota.ceiling, 2);
  reject(quota, pairs("quotes", 2), RECENT_MS + 1);
  assert.equal(quota.limit, 2, "by now it is believed");
  assert.equal(quota.limitTimer?.pace, LEARNED_LIMIT);
});

Deno.test("recently acknowledged pairs are counted in slots, until they are unsubscribed", () => {
  const quota = budgetOf("auto");
  quota.raiseLimit(pairs("quotes", 3), 0);
  quota.raiseLimit([...pairs("bars", 9), ...pairs("quotes", 1)], 1_000);
  reject(quota, pairs("quotes", 2), 2_000);
  assert.equal(quota.limit, undefined, "3 slots were used");
  quota.raiseLimit(pairs("quotes", 20), 3_000);
  const now = 3_600_000;
  quota.raiseLimit(pairs("quotes", 2), now);
  reject(quota, pairs("quotes", 2), now + RECENT_MS);
  assert.equal(quota.limit, undefined, "20 were acknowledged for an hour");
  reject(quota, pairs("quotes", 2), now + RECENT_MS + 1);
  assert.equal(quota.limit, 2);
});

Deno.test("a new session restarts the intervals of a retest but does not postpone it", () => {
  const quota = budgetOf("auto");
  reject(quota, pairs("quotes", 20));
  const { firstMs } = LEARNED_LIMIT;
  quota.startSession(50_000);
  assert.ok(quota.limitTimer);
  assert.equal(quota.limitTimer.at, firstMs);
  advanceTimer(quota.limitTimer, firstMs);
  advanceTimer(quota.limitTimer, 3 * firstMs);
  assert.equal(quota.limitTimer?.at, 7 * firstMs);
  quota.startSession(4 * firstMs);
  assert.equal(quota.limitTimer?.at, 5 * firstMs);
});

Deno.test("a learned limit outlives a ceiling that contradicts it", () => {
  const quota = budgetOf("auto");
  quota.raiseLimit(pairs("quotes", 30), 0);
  reject(quota, pairs("quotes", 30));
  assert.equal(quota.limit, 30);
  quota.startSession(1_000);
  assert.equal(quota.ceiling, undefined);
  reject(quota, [], 1_000);
  assert.deepEqual([quota.limit, quota.ceiling], [30, 0]);
  quota.liftLimit(pairs("quotes", 1), 7_000);
  assert.deepEqual([quota.limit, quota.ceiling], [30, undefined]);
});

Deno.test("a learned limit ends when a retest finds a slot beyond it", () => {
  const quota = budgetOf("auto");
  reject(quota, pairs("quotes", 10));
  quota.liftLimit(pairs("quotes", 11), 60_000);
  assert.deepEqual([quota.limit, quota.ceiling], [undefined, undefined]);
  assert.equal(quota.limitTimer, undefined);
});

Deno.test("a learned limit grows with the acknowledged pairs", () => {
  const quota = budgetOf("auto");
  reject(quota, pairs("quotes", 10));
  quota.raiseLimit(pairs("quotes", 12), 0);
  assert.equal(quota.limit, 12);
  quota.raiseLimit(pairs("quotes", 3), 0);
  assert.equal(quota.limit, 12);
});

Deno.test("a rejection on a channel that should not count shows that every channel counts", () => {
  const quota = budgetOf("auto");
  const bar: Pair = { channel: "bars", symbol: "A" };
  assert.equal(quota.usesSlot(bar), false);
  const acknowledged = [...pairs("quotes", 20), ...pairs("bars", 10)];
  quota.recordLimit(bar, { acknowledged, now: 0 });
  assert.equal(quota.limit, 30);
  assert.equal(quota.usesSlot(bar), true);
});

Deno.test("* uses no slot, is rejected per channel and allowed again when acknowledged", () => {
  const quota = budgetOf("auto");
  assert.equal(quota.usesSlot(ALL), false);
  quota.rejectWildcard("quotes", { now: 0, isRecent: false });
  assert.equal(quota.allowsWildcard("quotes"), false);
  assert.equal(quota.allowsWildcard("trades"), true);
  assert.equal([...quota.wildcardTimers][0]?.[1].pace, REJECTED);
  quota.raiseLimit([ALL], 0);
  assert.equal(quota.allowsWildcard("quotes"), true);
});

Deno.test("a rejection of * is retested soon if it is recent or the plan has it", () => {
  const pace = (quota: SymbolQuota) => [...quota.wildcardTimers][0]?.[1].pace;
  const known = budgetOf("auto");
  known.rejectWildcard("quotes", { now: 0, isRecent: true });
  assert.equal(pace(known), CONTRADICTED);
  known.rejectWildcard("quotes", { now: RECENT_MS, isRecent: false });
  assert.equal(pace(known), REJECTED);
  const set = budgetOf("unlimited");
  set.rejectWildcard("quotes", { now: 0, isRecent: false });
  assert.equal(pace(set), CONTRADICTED);
});

Deno.test("resetting what was learned leaves the plan", () => {
  const quota = budgetOf("auto");
  const bar: Pair = { channel: "bars", symbol: "A" };
  quota.recordLimit(bar, { acknowledged: pairs("quotes", 3), now: 0 });
  quota.rejectWildcard("bars", { now: 0, isRecent: false });
  quota.resetLearned();
  assert.deepEqual([quota.limit, quota.learned], [undefined, false]);
  assert.equal(quota.usesSlot(bar), false);
  assert.equal(quota.allowsWildcard("bars"), true);
});
