import assert from "node:assert/strict";
import type { PlanLimit } from "../../../../src/domain/subscription/plans.ts";
import {
  type Pair,
  type SymbolSets,
  symbolSets,
  UPSTREAM_CHANNELS,
} from "../../../../src/domain/subscription/symbol_sets.ts";
import { subscriptionsOf } from "../../../support/subscriptions.ts";

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

function carried(...symbols: string[]): SymbolSets {
  return symbolSets([["quotes", symbols]]);
}

const short = ({ channel, symbol }: Pair) => `${channel} ${symbol}`;

Deno.test("pairs get places in the order in which they were first wanted, across channels", () => {
  const { interest, desired } = subscriptionsOf(LIMITS, { plan: limited(3) });
  interest.add("quotes", ["A"]);
  interest.add("bars", ["A"]);
  interest.add("trades", ["B"]);
  interest.add("quotes", ["A", "C", "D"]);
  interest.add("trades", ["A"]);
  desired.refresh(NOTHING);
  assert.deepEqual(desired.missing.map(short), [
    "quotes A",
    "bars A",
    "trades B",
    "quotes C",
  ]);
  assert.deepEqual(desired.waiting.map(short), ["quotes D", "trades A"]);
});

Deno.test("a place that is taken is not given to one who came first", () => {
  const { interest, desired } = subscriptionsOf(LIMITS, { plan: limited(1) });
  interest.add("quotes", ["FIRST", "SECOND"]);
  desired.refresh(carried("SECOND"));
  assert.deepEqual([...desired.of("quotes")], ["SECOND"]);
  assert.deepEqual(desired.waiting.map(short), ["quotes FIRST"]);
});

Deno.test("lingering symbols give way, the one that was left first first", () => {
  const { interest, desired } = subscriptionsOf(LIMITS, {
    plan: limited(3),
    graceMs: 1_000,
  });
  interest.add("quotes", ["A", "B", "C"]);
  interest.remove("quotes", ["B"], 0);
  interest.remove("quotes", ["A"], 1);
  interest.remove("quotes", ["C"], 2);
  desired.refresh(carried("A", "B", "C"));
  assert.equal(desired.size, 3, "nobody needs their places");
  interest.add("quotes", ["NEW"]);
  desired.refresh(carried("A", "B", "C"));
  assert.deepEqual([...desired.of("quotes")].sort(), ["A", "C", "NEW"]);
  interest.add("quotes", ["NEWER", "NEWEST"]);
  desired.refresh(carried("A", "B", "C"));
  assert.deepEqual(
    [...desired.of("quotes")],
    ["NEW", "NEWER", "NEWEST"],
  );
});

Deno.test("a symbol that lingers without being carried is not asked for", () => {
  const { interest, desired } = subscriptionsOf(LIMITS, { graceMs: 1_000 });
  interest.add("quotes", ["A"]);
  interest.remove("quotes", ["A"], 0);
  desired.refresh(NOTHING);
  assert.equal(desired.size, 0);
});

Deno.test("* is desired beside the names of its channel", () => {
  const { interest, desired } = subscriptionsOf(LIMITS);
  interest.add("quotes", ["A", "B", "*"]);
  desired.refresh(NOTHING);
  assert.deepEqual([...desired.of("quotes")], ["A", "B", "*"]);
});

Deno.test("where * may not be had, it is no wish of its own and needs no place", () => {
  const { interest, desired } = subscriptionsOf(LIMITS, { plan: limited(2) });
  interest.add("quotes", ["*", "A"]);
  desired.refresh(NOTHING);
  assert.deepEqual([...desired.of("quotes")], ["A"]);
  assert.deepEqual(desired.waiting, []);
  desired.refresh(carried("*"));
  assert.ok(desired.of("quotes").has("*"), "what is had is kept");
});

Deno.test("verdicts: a refused pair needs no place, a stuck one keeps its own", () => {
  const { interest, desired } = subscriptionsOf(LIMITS, { plan: limited(2) });
  interest.add("quotes", ["BAD", "A", "B"]);
  const isRefused = ({ symbol }: Pair) => symbol === "BAD";
  desired.refresh(NOTHING, { isRefused, isStuck: () => false });
  assert.deepEqual([...desired.of("quotes")], ["A", "B"]);
  const isStuck = ({ symbol }: Pair) => symbol === "OLD";
  desired.refresh(carried("OLD"), { isRefused, isStuck });
  assert.deepEqual([...desired.of("quotes")], ["OLD", "A"]);
  assert.deepEqual(desired.waiting.map(short), ["quotes B"]);
});

Deno.test("nothing is desired when nothing is wanted", () => {
  const { desired } = subscriptionsOf(LIMITS);
  desired.refresh(carried("A", "*"));
  assert.equal(desired.size, 0);
  for (const channel of UPSTREAM_CHANNELS) {
    assert.equal(desired.of(channel).size, 0);
  }
});
