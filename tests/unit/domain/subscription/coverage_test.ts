import assert from "node:assert/strict";
import { Coverage } from "../../../../src/domain/subscription/coverage.ts";

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
    { ...LOST, symbols: ["*"], except: new Set(["A"]) },
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
