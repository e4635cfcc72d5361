/** The symbol quota of a feed: streams that it refuses, and limits that are learned. */
import assert from "node:assert/strict";
import { type Plan, planLimit } from "../../../../src/domain/subscription/quota.ts";
import { LEARNED_LIMIT } from "../../../../src/domain/subscription/rejections.ts";
import { DEFAULT_COUNTING, NO_LIMIT } from "../../../support/subscriptions.ts";
import { MANUAL_EPOCH } from "../../../support/manual_clock.ts";
import { ManagerHarness } from "./manager_harness.ts";

Deno.test("a stream over the quota changes nothing for open streams", async () => {
  const plan = { ...NO_LIMIT, pairs: 1 };
  await using harness = new ManagerHarness({ plan });
  harness.manager.add("quotes", ["A"]);
  harness.attach();
  harness.acknowledge({ quotes: ["A"] });
  assert.throws(() => harness.manager.checkQuota("quotes", ["B"]));
  await harness.clock.advance(60_000);
  assert.deepEqual(harness.asked, ["subscribe quotes:A"]);
  assert.equal([...harness.subscriptions.refCounts.pairs()].length, 1);
});

Deno.test("the first 405 is learned; the next session requests no more than fits", async () => {
  await using harness = new ManagerHarness();
  harness.manager.add("quotes", ["A", "B"]);
  harness.attach();
  const error = { code: 405, message: "symbol limit exceeded" };
  harness.manager.rejected(error);
  await harness.clock.advance(0);
  harness.acknowledge({ quotes: ["A"] });
  harness.manager.rejected(error);
  await harness.clock.advance(59_999);
  assert.deepEqual(harness.asked, [
    "subscribe quotes:A quotes:B",
    "subscribe quotes:A",
    "subscribe quotes:B",
  ]);
  assert.deepEqual(harness.rejections, [
    "symbol limit exceeded (code 405): quotes B",
  ]);
  assert.equal(harness.subscriptions.quota.limit, 1);
  harness.manager.detach();
  harness.attach();
  assert.deepEqual(harness.asked, ["subscribe quotes:A"]);
  harness.acknowledge({ quotes: ["A"] });
  harness.manager.remove("quotes", ["A"]);
  await harness.clock.advance(0);
  harness.acknowledge({});
  assert.equal(harness.asked.at(-1), "subscribe quotes:B");
});

const FULL = { code: 405, message: "symbol limit exceeded" };

const PLANS: readonly Plan[] = [
  { name: "auto" },
  { name: "unlimited" },
  { name: "plus" },
  { name: "basic" },
  { name: "explicit", stocks: 4, options: 4 },
];

for (const feed of ["sip", "opra"] as const) {
  for (const plan of PLANS) {
    Deno.test(`405s of ${feed} after a reconnect pass with ${JSON.stringify(plan)}`, async () => {
      const counting = DEFAULT_COUNTING;
      await using harness = new ManagerHarness({
        plan: planLimit(plan, { feed, counting }),
      });
      const symbols = ["A", "B", "C"];
      harness.manager.add("quotes", symbols);
      harness.attach();
      harness.acknowledge({ quotes: symbols });
      await harness.clock.advance(30_000);
      harness.manager.detach();

      const over = harness.clock.monotonic() + 3_000;
      const subscribed = new Set<string>();
      const session = harness.attach();
      const answer = () => {
        const { pairs } = session.requests.at(-1) ?? { pairs: [] };
        queueMicrotask(() => {
          if (harness.clock.monotonic() < over) {
            return harness.manager.rejected(FULL);
          }
          for (const { symbol } of pairs) subscribed.add(symbol);
          harness.acknowledge({ quotes: [...subscribed] });
        });
      };
      session.onRequest = answer;
      answer();
      await harness.clock.advance(2_000);
      assert.deepEqual([...subscribed], []);
      assert.match(harness.manager.problem ?? "", /symbol limit exceeded/);
      harness.manager.checkQuota("quotes", ["D"]);
      await harness.clock.advance(10_000);
      assert.deepEqual([...subscribed].sort(), symbols);
      assert.equal(harness.manager.problem, undefined);
      harness.manager.checkQuota("quotes", ["D"]);
      assert.equal(harness.subscriptions.quota.learned, false);
    });
  }
}

Deno.test("a pair that a stream was refused for tests the learned limit", async () => {
  await using harness = new ManagerHarness({
    plan: planLimit({ name: "auto" }, {
      feed: "sip",
      counting: DEFAULT_COUNTING,
    }),
  });
  harness.manager.add("quotes", ["A", "B"]);
  harness.attach();
  harness.acknowledge({ quotes: ["A", "B"] });
  harness.manager.add("quotes", ["C"]);
  await harness.clock.advance(0);
  harness.manager.rejected(FULL);
  harness.manager.remove("quotes", ["C"]);
  await harness.clock.advance(0);
  assert.equal(harness.subscriptions.quota.limit, 2);
  await harness.clock.advance(86_400_000);
  const before = harness.asked.length;
  assert.throws(() => harness.manager.checkQuota("quotes", ["D"]), /2 allowed/);
  await harness.clock.advance(0);
  assert.deepEqual(harness.asked.slice(before), ["subscribe quotes:D"]);
  harness.manager.rejected(FULL);
  await harness.clock.advance(LEARNED_LIMIT.longestMs);
  assert.equal(harness.asked.length, before + 1, "it is no longer requested");

  assert.throws(() => harness.manager.checkQuota("quotes", ["E"]), /2 allowed/);
  await harness.clock.advance(0);
  harness.acknowledge({ quotes: ["A", "B", "E"] });
  assert.equal(harness.asked.at(-1), "unsubscribe quotes:E");
  harness.acknowledge({ quotes: ["A", "B"] });
  harness.manager.checkQuota("quotes", ["E"]);
  assert.equal(harness.subscriptions.quota.limit, undefined);
});

Deno.test("a contract that was left out tests a learned limit, not a configured one", async () => {
  for (const name of ["auto", "basic"] as const) {
    const counting = DEFAULT_COUNTING;
    await using harness = new ManagerHarness({
      plan: planLimit({ name }, { feed: "sip", counting }),
    });
    harness.manager.add("quotes", ["A", "B"]);
    harness.attach();
    harness.acknowledge({ quotes: ["A"] });
    harness.manager.rejected(FULL);
    harness.manager.remove("quotes", ["B"]);
    await harness.clock.advance(0);
    const before = harness.asked.length;
    harness.manager.testLimitWith("quotes", "C");
    await harness.clock.advance(LEARNED_LIMIT.firstMs);
    const isOpen = name === "auto";
    assert.deepEqual(
      harness.asked.slice(before),
      isOpen ? ["subscribe quotes:C"] : [],
    );
    if (!isOpen) continue;
    assert.equal(harness.manager.freeSlots("quotes"), 0);
    harness.acknowledge({ quotes: ["A", "C"] });
    assert.equal(harness.manager.freeSlots("quotes"), undefined);
    harness.acknowledge({ quotes: ["A"] });
  }
});

Deno.test("selected contracts do not refuse a stream, and yield their slots to it", async () => {
  const plan = { ...NO_LIMIT, pairs: 3, counts: DEFAULT_COUNTING.stocks };
  await using harness = new ManagerHarness({ plan });
  const { manager } = harness;
  manager.add("quotes", ["S1", "S2", "S3"], "selection");
  harness.attach();
  harness.acknowledge({ quotes: ["S1", "S2", "S3"] });
  manager.checkQuota("quotes", ["OPEN_POSITION", "S1"]);
  manager.add("quotes", ["OPEN_POSITION", "S1"]);
  assert.equal(manager.freeSlots("quotes"), -1, "the selections are to return one");
  await harness.clock.advance(0);
  harness.acknowledge({ quotes: ["S1", "S2"] });
  assert.deepEqual(harness.asked.slice(1), [
    "unsubscribe quotes:S3",
    "subscribe quotes:OPEN_POSITION",
  ]);
  harness.acknowledge({ quotes: ["S1", "S2", "OPEN_POSITION"] });
  manager.checkQuota("quotes", ["ANOTHER"]);
  assert.throws(() => manager.checkQuota("quotes", ["ANOTHER", "TOO_MANY"]), {
    message: "The sip symbol quota is exceeded by 1: 3 allowed, 2 used, 2 more requested",
  });
});

Deno.test("selected contracts yield their slots under a newly learned limit", async () => {
  await using harness = new ManagerHarness({
    plan: planLimit({ name: "auto" }, { feed: "opra", counting: DEFAULT_COUNTING }),
  });
  const { manager } = harness;
  manager.add("quotes", ["S1", "S2", "S3"], "selection");
  harness.attach();
  harness.acknowledge({ quotes: ["S1", "S2", "S3"] });
  manager.checkQuota("quotes", ["OWN"]);
  manager.add("quotes", ["OWN"]);
  await harness.clock.advance(0);
  harness.manager.rejected(FULL);
  await harness.clock.advance(0);
  harness.acknowledge({ quotes: ["S1", "S2"] });
  assert.deepEqual(harness.asked.slice(1), [
    "subscribe quotes:OWN",
    "unsubscribe quotes:S3",
    "subscribe quotes:OWN",
  ]);
  harness.acknowledge({ quotes: ["S1", "S2", "OWN"] });
  assert.equal(manager.freeSlots("quotes"), -1);
});

Deno.test("a contract holds no slot after its last trading moment", async () => {
  const plan = { ...NO_LIMIT, pairs: 2, counts: DEFAULT_COUNTING.options };
  const end = MANUAL_EPOCH + 3 * 3_600_000;
  const endOf = (symbol: string) => symbol.startsWith("TODAY") ? end : Infinity;
  await using harness = new ManagerHarness({ plan, endOf });
  const { manager, events } = harness;
  manager.add("quotes", ["TODAY"]);
  manager.add("quotes", ["TODAY_S"], "selection");
  harness.attach();
  harness.acknowledge({ quotes: ["TODAY", "TODAY_S"] });
  assert.throws(() => manager.checkQuota("quotes", ["A", "B"]));
  await harness.clock.advance(end - MANUAL_EPOCH - 1);
  assert.equal(harness.asked.length, 1);
  events.take();
  await harness.clock.advance(1);
  assert.equal(harness.asked.at(-1), "unsubscribe quotes:TODAY quotes:TODAY_S");
  harness.acknowledge({});
  assert.deepEqual(events.take(), [
    "quotes TODAY rejected: the contract does not trade any more",
    "released quotes TODAY,TODAY_S",
  ]);
  assert.equal(manager.freeSlots("quotes"), 2);
  manager.checkQuota("quotes", ["A", "B", "TODAY_TOO"]);
  manager.add("quotes", ["A", "B", "TODAY_TOO", "TODAY"]);
  await harness.clock.advance(0);
  assert.equal(harness.asked.at(-1), "subscribe quotes:A quotes:B");
  harness.acknowledge({ quotes: ["A", "B"] });
  assert.deepEqual(manager.statesOf("quotes", ["TODAY", "A"]).map(({ state }) => state), [
    "rejected",
    "acknowledged",
  ]);
  const [channel] = manager.report([]).channels;
  assert.deepEqual(channel?.symbols.map(({ symbol, streams }) => [symbol, streams]), [
    ["A", 1],
    ["B", 1],
    ["TODAY", 2],
    ["TODAY_S", 1],
    ["TODAY_TOO", 1],
  ]);
  manager.remove("quotes", ["A", "B", "TODAY_TOO", "TODAY"]);
  manager.remove("quotes", ["TODAY"]);
  manager.remove("quotes", ["TODAY_S"], "selection");
  await harness.clock.advance(0);
  harness.acknowledge({});
  assert.deepEqual(manager.report([]).channels, []);
});

Deno.test("a contract that ended without a session is not subscribed by the next", async () => {
  const end = MANUAL_EPOCH + 86_400_000;
  await using harness = new ManagerHarness({ endOf: () => end });
  harness.manager.add("quotes", ["TODAY"]);
  await harness.clock.advance(86_400_000);
  harness.attach();
  await harness.clock.advance(0);
  assert.deepEqual(harness.asked, []);
  assert.ok(harness.manager.isComplete);
});
