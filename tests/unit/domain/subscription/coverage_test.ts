import assert from "node:assert/strict";
import { Coverage, type Outage } from "../../../../src/domain/subscription/coverage.ts";

const LOST = { reason: "upstream_lost", startTime: 5 } as const;

Deno.test("a symbol is carried while it or * is acknowledged", () => {
  const coverage = new Coverage();
  assert.equal(coverage.isCarried("A"), false);
  coverage.carried(["A"], 0);
  assert.equal(coverage.isCarried("A"), true);
  assert.equal(coverage.isCarried("B"), false);
  coverage.carried(["*"], 0);
  assert.equal(coverage.isCarried("B"), true);
  coverage.notCarried(["*", "A"], LOST, 0);
  assert.equal(coverage.isCarried("A"), false);
});

Deno.test("coverage continues through outages, which end once per symbol", () => {
  const coverage = new Coverage();
  assert.deepEqual(coverage.carried(["A", "B"], 10), []);
  coverage.notCarried(["A", "B"], LOST, 20);
  coverage.notCarried(["A"], { reason: "not_subscribed", startTime: 6 }, 20);
  const none = new Set();
  assert.deepEqual(coverage.carried(["A"], 20), [{ ...LOST, symbols: ["A"], except: none }]);
  assert.deepEqual(coverage.carried(["A", "B"], 20), [{ ...LOST, symbols: ["B"], except: none }]);
  assert.equal(coverage.isCoveredSince("A", 10), true);
  assert.equal(coverage.isCoveredSince("A", 9), false);
});

Deno.test("coverage ends when no stream requests a symbol", () => {
  const coverage = new Coverage();
  coverage.carried(["A", "B"], 10);
  assert.equal(coverage.hasEndedSince(10), false);
  coverage.notCarried(["A"], undefined, 20);
  assert.equal(coverage.hasEndedSince(20), true);
  assert.equal(coverage.hasEndedSince(21), false);
  assert.deepEqual(coverage.carried(["A"], 30), []);
  assert.equal(coverage.isCoveredSince("A", 29), false);
  assert.equal(coverage.isCoveredSince("A", 30), true);
  assert.equal(coverage.isCoveredSince("B", 10), true);
});

Deno.test("an outage that ends for * ends for all, except those for which it has ended", () => {
  const coverage = new Coverage();
  coverage.carried(["*", "A", "B"], 0);
  coverage.notCarried(["*", "A", "B"], LOST, 0);
  coverage.carried(["A"], 0);
  assert.deepEqual(coverage.carried(["*", "B"], 0), [
    { ...LOST, symbols: undefined, except: new Set(["A"]) },
  ]);
  assert.deepEqual(coverage.carried(["B"], 0), []);
});

Deno.test("symbols that are not carried any more are remembered up to a number", () => {
  const coverage = new Coverage();
  const symbols = Array.from({ length: 60_000 }, (_, i) => `S${i}`);
  coverage.carried(symbols, 0);
  // Those that are carried are never forgotten.
  assert.equal(coverage.isCoveredSince("S0", 0), true);
  coverage.notCarried(symbols, LOST, 0);
  assert.equal(coverage.isCoveredSince("S0", 0), false);
  assert.equal(coverage.isCoveredSince("S59999", 0), true);
});

function lost(startTime: number): Outage {
  return { reason: "upstream_lost", startTime };
}

/** Outages as short text: start time, symbols and exceptions. */
function carried(coverage: Coverage, symbols: string[], sequence = 0): string[] {
  return coverage.carried(symbols, sequence).map(({ startTime, symbols, except }) =>
    `${startTime} ${symbols?.join(",") ?? "*"}${
      [...except].map((symbol) => ` not ${symbol}`).join()
    }`
  );
}

Deno.test("an outage ends for the symbols that are carried again", () => {
  const coverage = new Coverage();
  assert.deepEqual(carried(coverage, ["A", "B"]), []);
  coverage.notCarried(["A", "B"], lost(1), 5);
  assert.deepEqual(carried(coverage, ["A"], 5), ["1 A"]);
  assert.equal(coverage.isCarried("B"), false);
  assert.ok(coverage.isCoveredSince("A", 0));
});

Deno.test("a symbol that * has carried has the outage of *", () => {
  const coverage = new Coverage();
  carried(coverage, ["*"]);
  coverage.notCarried(["*"], lost(1), 5);
  assert.deepEqual(carried(coverage, ["A"], 5), ["1 A"]);
  assert.ok(coverage.isCoveredSince("A", 0));
});

Deno.test("the outage of * leaves out a symbol that was carried meanwhile", () => {
  const coverage = new Coverage();
  carried(coverage, ["*"]);
  coverage.notCarried(["*"], lost(1), 5);
  carried(coverage, ["A"], 5);
  coverage.notCarried(["A"], lost(7), 9);
  assert.deepEqual(carried(coverage, ["*"], 9), ["1 * not A", "7 A"]);
});

Deno.test("coverage of a symbol that ends during the outage of * is not that of *", () => {
  const coverage = new Coverage();
  carried(coverage, ["*"]);
  coverage.notCarried(["*"], lost(5), 0);
  assert.deepEqual(carried(coverage, ["A"]), ["5 A"]);
  coverage.notCarried(["A"], undefined, 1);
  assert.equal(coverage.isCoveredSince("A", 1), false);
  assert.deepEqual(carried(coverage, ["B"], 2), ["5 B"], "the outage of others is reported");
  assert.deepEqual(carried(coverage, ["A", "*"], 3), ["5 * not A, not B"]);
  assert.equal(coverage.isCoveredSince("A", 2), false);
  assert.equal(coverage.isCoveredSince("A", 3), true);
  assert.equal(coverage.isCoveredSince("C", 3), true);
});

Deno.test("symbols that were lost with * are reported once", () => {
  const coverage = new Coverage();
  carried(coverage, ["*", "A"]);
  coverage.notCarried(["*", "A"], lost(1), 5);
  assert.deepEqual(carried(coverage, ["*", "A"], 5), ["1 *"]);
});

Deno.test("* ends the outage of a symbol that was not carried before", () => {
  const coverage = new Coverage();
  carried(coverage, ["A"]);
  coverage.notCarried(["A"], { reason: "not_subscribed", startTime: 1 }, 5);
  assert.deepEqual(carried(coverage, ["*"], 5), ["1 A"]);
});

Deno.test("a symbol that * carries has no outage", () => {
  const coverage = new Coverage();
  carried(coverage, ["A"]);
  carried(coverage, ["*"], 3);
  coverage.notCarried(["A"], { reason: "not_subscribed", startTime: 1 }, 5);
  assert.ok(coverage.isCarried("A"));
  assert.deepEqual(carried(coverage, ["A"], 9), []);
  assert.ok(coverage.isCoveredSince("A", 0));
});

Deno.test("* that was never carried has no outage for symbols", () => {
  const coverage = new Coverage();
  coverage.notCarried(["*"], { reason: "not_subscribed", startTime: 1 }, 0);
  assert.deepEqual(carried(coverage, ["A"], 5), []);
  assert.equal(coverage.isCoveredSince("A", 4), false);
});

Deno.test("coverage ends when no stream requests a symbol, also at the same position", () => {
  const coverage = new Coverage();
  carried(coverage, ["A"], 5);
  assert.ok(coverage.isCoveredSince("A", 5));
  coverage.notCarried(["A"], undefined, 5);
  assert.ok(coverage.hasEndedSince(5));
  carried(coverage, ["A"], 5);
  assert.equal(coverage.isCoveredSince("A", 5), false);
  assert.ok(coverage.isCoveredSince("A", 6));
});
