/** What an edge reports on the hub that it follows. */
import assert from "node:assert/strict";
import { reportFollowedHub } from "../../../../src/application/cluster/followed_hub.ts";
import { createCounters, type EdgeCounters } from "../../../../src/application/status/counters.ts";
import type { FeedId } from "../../../../src/domain/connection/feed.ts";

const NOW = 1_000_000;

function report(
  changes: Partial<Record<FeedId, Partial<EdgeCounters["feeds"][FeedId]>>>,
  problem?: string,
) {
  const { feeds } = createCounters().edge;
  for (const [feed, values] of Object.entries(changes)) {
    Object.assign(feeds[feed as FeedId], values);
  }
  return reportFollowedHub(feeds, { enabled: new Set(["sip", "trading"]), now: NOW, problem });
}

Deno.test("before the first hub nothing but the enabled feeds is known", () => {
  const { feeds, ...hub } = report({}, "No hub answers");
  assert.deepEqual(hub, {
    term: undefined,
    since: undefined,
    silenceMs: undefined,
    missing: 0,
    problem: "No hub answers",
  });
  assert.deepEqual(feeds.map(({ feed }) => feed), ["sip", "trading"]);
});

Deno.test("the latest term counts, since it is followed on any feed", () => {
  const { term, since } = report({
    sip: { term: 7, followedSince: 400 },
    trading: { term: 9, followedSince: 800 },
  });
  assert.deepEqual([term, since], [9, 800]);
  const both = report({
    sip: { term: 9, followedSince: 900 },
    trading: { term: 9, followedSince: 800 },
  });
  assert.deepEqual([both.term, both.since], [9, 800]);
});

Deno.test("the longest silence and all missing entries count", () => {
  const { silenceMs, missing } = report({
    sip: { lastEntryAt: NOW - 300, missing: 2 },
    trading: { lastEntryAt: NOW - 4_000, missing: 3 },
  });
  assert.deepEqual([silenceMs, missing], [4_000, 5]);
});

Deno.test("a wall clock that was set back is no negative silence", () => {
  assert.equal(report({ sip: { lastEntryAt: NOW + 50 } }).silenceMs, 0);
});
