import assert from "node:assert/strict";
import type { PlanLimit } from "../../../../src/domain/subscription/quota.ts";
import {
  type Pair,
  type SymbolSets,
  UPSTREAM_CHANNELS,
} from "../../../../src/domain/subscription/pairs.ts";
import { subscriptionsOf, symbolSets } from "../../../support/subscriptions.ts";

const LIMITS = { maxPairs: 400, maxBytes: 15_000 };
const NOTHING = symbolSets([]);

function limited(pairs: number): PlanLimit {
  return {
    pairs,
    counts: new Set(["trades", "quotes"]),
    wildcards: new Set(["bars"]),
    isOpen: false,
  };
}

function subscribed(...symbols: string[]): SymbolSets {
  return symbolSets([["quotes", symbols]]);
}

const short = ({ channel, symbol }: Pair) => `${channel} ${symbol}`;

Deno.test("pairs get slots in the order of their first request, across channels", () => {
  const { refCounts, desired } = subscriptionsOf(LIMITS, { plan: limited(3) });
  refCounts.add("quotes", ["A"]);
  refCounts.add("bars", ["A"]);
  refCounts.add("trades", ["B"]);
  refCounts.add("quotes", ["A", "C", "D"]);
  refCounts.add("trades", ["A"]);
  desired.refresh(NOTHING);
  assert.deepEqual(desired.missing.map(short), [
    "quotes A",
    "bars A",
    "trades B",
    "quotes C",
  ]);
  assert.deepEqual(desired.waiting.map(short), ["quotes D", "trades A"]);
});

Deno.test("* of each channel is missing before the names, which it carries as well", () => {
  const { refCounts, desired } = subscriptionsOf(LIMITS);
  refCounts.add("quotes", ["A", "B"]);
  refCounts.add("bars", ["*"]);
  refCounts.add("trades", ["A"]);
  refCounts.add("quotes", ["*"]);
  desired.refresh(NOTHING);
  assert.deepEqual(desired.missing.map(short), [
    "bars *",
    "quotes *",
    "quotes A",
    "quotes B",
    "trades A",
  ]);
});

Deno.test("a used slot is not given to a pair requested earlier", () => {
  const { refCounts, desired } = subscriptionsOf(LIMITS, { plan: limited(1) });
  refCounts.add("quotes", ["FIRST", "SECOND"]);
  desired.refresh(subscribed("SECOND"));
  assert.deepEqual([...desired.of("quotes")], ["SECOND"]);
  assert.deepEqual(desired.waiting.map(short), ["quotes FIRST"]);
});

Deno.test("a selected pair yields its slot to a named one, also an acknowledged one", () => {
  const { refCounts, desired } = subscriptionsOf(LIMITS, { plan: limited(3) });
  refCounts.add("quotes", ["S1", "S2", "S3"], "selection");
  desired.refresh(subscribed("S1", "S2", "S3"));
  assert.deepEqual([...desired.of("quotes")], ["S1", "S2", "S3"]);
  refCounts.add("trades", ["OWN"]);
  refCounts.add("quotes", ["S3"]);
  desired.refresh(subscribed("S1", "S2", "S3"));
  assert.deepEqual([...desired.of("quotes")], ["S3", "S1"]);
  assert.deepEqual(desired.missing.map(short), ["trades OWN"]);
  assert.deepEqual([...desired.surplus(subscribed("S1", "S2", "S3"))].map(short), ["quotes S2"]);
  assert.deepEqual(desired.waiting.map(short), ["quotes S2"]);
});

Deno.test("named pairs are requested before selected ones that were requested earlier", () => {
  const { refCounts, desired } = subscriptionsOf(LIMITS, { plan: limited(3) });
  refCounts.add("quotes", ["S1", "S2", "S3"], "selection");
  refCounts.add("quotes", ["A", "B"]);
  desired.refresh(NOTHING);
  assert.deepEqual(desired.missing.map(short), ["quotes A", "quotes B", "quotes S1"]);
  assert.deepEqual(desired.waiting.map(short), ["quotes S2", "quotes S3"]);
});

Deno.test("lingering symbols are dropped for new ones, in the order of release", () => {
  const { refCounts, desired } = subscriptionsOf(LIMITS, {
    plan: limited(3),
    graceMs: 1_000,
  });
  refCounts.add("quotes", ["A", "B", "C"]);
  refCounts.remove("quotes", ["B"], 0);
  refCounts.remove("quotes", ["A"], 1);
  refCounts.remove("quotes", ["C"], 2);
  desired.refresh(subscribed("A", "B", "C"));
  assert.equal(desired.size, 3, "their slots are not needed");
  refCounts.add("quotes", ["NEW"]);
  desired.refresh(subscribed("A", "B", "C"));
  assert.deepEqual([...desired.of("quotes")].sort(), ["A", "C", "NEW"]);
  refCounts.add("quotes", ["NEWER", "NEWEST"]);
  desired.refresh(subscribed("A", "B", "C"));
  assert.deepEqual(
    [...desired.of("quotes")],
    ["NEW", "NEWER", "NEWEST"],
  );
});

Deno.test("a lingering symbol that is not subscribed is not requested", () => {
  const { refCounts, desired } = subscriptionsOf(LIMITS, { graceMs: 1_000 });
  refCounts.add("quotes", ["A"]);
  refCounts.remove("quotes", ["A"], 0);
  desired.refresh(NOTHING);
  assert.equal(desired.size, 0);
});

Deno.test("* is desired beside the names of its channel", () => {
  const { refCounts, desired } = subscriptionsOf(LIMITS);
  refCounts.add("quotes", ["A", "B", "*"]);
  desired.refresh(NOTHING);
  assert.deepEqual([...desired.of("quotes")], ["A", "B", "*"]);
});

Deno.test("where * is not offered it is not desired and needs no slot", () => {
  const { refCounts, desired } = subscriptionsOf(LIMITS, { plan: limited(2) });
  refCounts.add("quotes", ["*", "A"]);
  desired.refresh(NOTHING);
  assert.deepEqual([...desired.of("quotes")], ["A"]);
  assert.deepEqual(desired.waiting, []);
  desired.refresh(subscribed("*"));
  assert.ok(desired.of("quotes").has("*"), "what is had is kept");
});

Deno.test("a rejected pair needs no slot, a stuck one keeps its own", () => {
  const { refCounts, desired } = subscriptionsOf(LIMITS, { plan: limited(2) });
  refCounts.add("quotes", ["BAD", "A", "B"]);
  const isRejected = ({ symbol }: Pair) => symbol === "BAD";
  desired.refresh(NOTHING, { isRejected, isStuck: () => false });
  assert.deepEqual([...desired.of("quotes")], ["A", "B"]);
  const isStuck = ({ symbol }: Pair) => symbol === "OLD";
  desired.refresh(subscribed("OLD"), { isRejected, isStuck });
  assert.deepEqual([...desired.of("quotes")], ["OLD", "A"]);
  assert.deepEqual(desired.waiting.map(short), ["quotes B"]);
});

Deno.test("nothing is desired when nothing is requested", () => {
  const { desired } = subscriptionsOf(LIMITS);
  desired.refresh(subscribed("A", "*"));
  assert.equal(desired.size, 0);
  for (const channel of UPSTREAM_CHANNELS) {
    assert.equal(desired.of(channel).size, 0);
  }
});
