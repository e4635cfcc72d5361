import assert from "node:assert/strict";
import { QuotaExceeded } from "../../../../src/application/feeds/quota_check.ts";
import type { SubscriptionManager } from "../../../../src/application/feeds/subscription_manager.ts";
import type { PlanLimit } from "../../../../src/domain/subscription/quota.ts";
import type { UpstreamChannel } from "../../../../src/domain/subscription/pairs.ts";
import { ManagerHarness } from "./manager_harness.ts";
import { symbolSets } from "../../../support/subscriptions.ts";

const LIMITED: PlanLimit = {
  pairs: 3,
  counts: new Set(["trades", "quotes"]),
  wildcards: new Set(["bars"]),
  isOpen: true,
};

/** A manager without a session, and its parts. */
function managerOf(
  { plan = LIMITED, graceMs = 0 }: {
    readonly plan?: PlanLimit;
    readonly graceMs?: number;
  } = {},
) {
  const limits = { maxPairs: 100, maxBytes: 10_000 };
  const { manager, subscriptions } = new ManagerHarness({
    plan,
    limits,
    graceMs,
  });
  return { manager, ...subscriptions };
}

/** By how much a new stream exceeds the quota; `undefined` when it does not. */
function excess(
  { manager }: { readonly manager: SubscriptionManager },
  channel: UpstreamChannel,
  symbols: readonly string[],
) {
  try {
    manager.checkQuota(channel, symbols);
    return undefined;
  } catch (error) {
    if (!(error instanceof QuotaExceeded)) throw error;
    return error.excess;
  }
}

Deno.test("a stream is admitted up to the last slot, and refused with the excess", () => {
  const feed = managerOf();
  assert.equal(excess(feed, "quotes", ["A", "B", "C"]), undefined);
  assert.deepEqual(excess(feed, "quotes", ["A", "B", "C", "D"]), {
    feed: "sip",
    limit: 3,
    used: 0,
    requested: 4,
  });
  feed.refCounts.add("quotes", ["A", "B"]);
  assert.equal(excess(feed, "trades", ["A"]), undefined);
  assert.deepEqual(excess(feed, "trades", ["A", "B"]), {
    feed: "sip",
    limit: 3,
    used: 2,
    requested: 2,
  });
  assert.throws(() => feed.manager.checkQuota("trades", ["A", "B"]), {
    message: "The sip symbol quota is exceeded by 1: 3 allowed, 2 used, 2 more requested",
  });
});

Deno.test("symbols of other streams use no further slot, however full the quota is", () => {
  const feed = managerOf();
  feed.refCounts.add("quotes", ["A", "B", "C"]);
  assert.equal(excess(feed, "quotes", ["A", "B", "C"]), undefined);
  assert.equal(excess(feed, "quotes", ["A", "A", "D"])?.requested, 1);
});

Deno.test("uncounted channels, * and empty lists are never refused", () => {
  const feed = managerOf();
  feed.refCounts.add("quotes", ["A", "B", "C"]);
  assert.equal(excess(feed, "bars", ["A", "B", "C", "D"]), undefined);
  assert.equal(excess(feed, "quotes", ["*"]), undefined);
  assert.equal(excess(feed, "quotes", []), undefined);
});

Deno.test("lingering and rejected symbols need no slot", () => {
  const feed = managerOf({ graceMs: 1_000 });
  feed.refCounts.add("quotes", ["A", "B", "BAD"]);
  assert.equal(excess(feed, "quotes", ["C"])?.used, 3);
  feed.refCounts.remove("quotes", ["A"], 0);
  feed.reconciler.next();
  feed.reconciler.reject({ code: 400, message: "invalid syntax" });
  feed.reconciler.next();
  feed.reconciler.acknowledge(symbolSets([["quotes", ["B"]]]));
  feed.reconciler.next();
  feed.reconciler.reject({ code: 400, message: "invalid syntax" });
  assert.equal(feed.reconciler.rejections.length, 1);
  assert.equal(excess(feed, "quotes", ["C", "D"]), undefined);
  assert.deepEqual(excess(feed, "quotes", ["C", "D", "E"]), {
    feed: "sip",
    limit: 3,
    used: 1,
    requested: 3,
  });
  assert.equal(feed.manager.freeSlots("quotes"), 2);
});

Deno.test("recently subscribed symbols keep their slots while they are rejected", () => {
  const feed = managerOf();
  feed.refCounts.add("quotes", ["A", "B"]);
  feed.reconciler.next();
  feed.reconciler.acknowledge(symbolSets([["quotes", ["A", "B"]]]));
  feed.reconciler.reset();
  for (let next = feed.reconciler.next(); next; next = feed.reconciler.next()) {
    feed.reconciler.reject({ code: 400, message: "invalid syntax" });
  }
  assert.equal(feed.reconciler.rejections.length, 2);
  assert.deepEqual(excess(feed, "quotes", ["C", "D"]), {
    feed: "sip",
    limit: 3,
    used: 2,
    requested: 2,
  });
  assert.equal(feed.manager.freeSlots("quotes"), 1);
});

Deno.test("free slots are known where a limit is known and counts", () => {
  const feed = managerOf();
  feed.refCounts.add("quotes", ["A"]);
  assert.equal(feed.manager.freeSlots("trades"), 2);
  assert.equal(feed.manager.freeSlots("bars"), undefined);
  const open = managerOf({ plan: { ...LIMITED, pairs: undefined } });
  assert.equal(open.manager.freeSlots("quotes"), undefined);
  assert.equal(
    excess(open, "quotes", Array.from({ length: 99 }, (_, i) => `S${i}`)),
    undefined,
  );
});

Deno.test("the report has the state and reason of every symbol", () => {
  const feed = managerOf({ graceMs: 1_000 });
  const { refCounts, reconciler } = feed;
  refCounts.add("quotes", ["HAD", "LEFT", "BAD"]);
  refCounts.add("quotes", ["HAD"]);
  reconciler.next();
  reconciler.reject({ code: 400, message: "invalid syntax" });
  reconciler.next();
  reconciler.acknowledge(symbolSets([["quotes", ["HAD"]]]));
  reconciler.next();
  reconciler.acknowledge(symbolSets([["quotes", ["HAD", "LEFT"]]]));
  reconciler.next();
  reconciler.reject({ code: 400, message: "invalid syntax" });
  refCounts.remove("quotes", ["LEFT"], 0);
  refCounts.add("trades", ["SOON", "ALSO", "LATER"]);
  refCounts.add("quotes", ["*"]);
  refCounts.add("bars", ["*"]);
  assert.deepEqual(feed.manager.report([]), {
    feed: "sip",
    channels: [
      {
        channel: "trades",
        symbols: [
          { symbol: "SOON", streams: 1, state: "requested", reason: undefined },
          { symbol: "ALSO", streams: 1, state: "requested", reason: undefined },
          {
            symbol: "LATER",
            streams: 1,
            state: "waiting",
            reason: "all 3 slots are in use",
          },
        ],
        unfiltered: 0,
      },
      {
        channel: "quotes",
        symbols: [
          {
            symbol: "HAD",
            streams: 2,
            state: "acknowledged",
            reason: undefined,
          },
          {
            symbol: "BAD",
            streams: 1,
            state: "rejected",
            reason: "invalid syntax (code 400)",
          },
          { symbol: "LEFT", streams: 0, state: "lingering", reason: undefined },
        ],
        unfiltered: 1,
      },
      {
        channel: "bars",
        symbols: [
          { symbol: "*", streams: 1, state: "requested", reason: undefined },
        ],
        unfiltered: 0,
      },
    ],
    quota: { limit: 3, learned: false, used: 4 },
    expansions: [],
  });
});

Deno.test("an unused feed reports its quota only", () => {
  assert.deepEqual(managerOf().manager.report([]).channels, []);
});
