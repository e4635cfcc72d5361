/** Which gaps the proxy caused. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ArrivalLog, longestGap, longestProxyGap } from "../../../scripts/attack/gaps.ts";

Deno.test("a gap lasts from one arrival to the next", () => {
  const log = new ArrivalLog(0);
  for (const at of [5, 10, 110, 115]) log.record(at);
  assert.deepEqual(log.gaps(120), [{ from: 10, to: 110 }]);
  assert.equal(log.arrivals, 4);
});

Deno.test("the current gap counts", () => {
  const log = new ArrivalLog(0);
  log.record(5);
  assert.deepEqual(log.gaps(505), [{ from: 5, to: 505 }]);
  assert.equal(longestGap(log.gaps(505)), 500);
});

Deno.test("a reset removes arrivals and gaps", () => {
  const log = new ArrivalLog(0);
  log.record(500);
  log.reset(600);
  assert.deepEqual(log.gaps(610), []);
  assert.equal(log.arrivals, 0);
});

Deno.test("time in which the control has a gap too does not count", () => {
  const gaps = [{ from: 0, to: 300 }, { from: 1_000, to: 1_200 }];
  assert.equal(longestProxyGap(gaps, []), 300);
  assert.equal(longestProxyGap(gaps, [{ from: 0, to: 290 }]), 200);
  assert.equal(longestProxyGap(gaps, [{ from: 100, to: 2_000 }]), 100);
});

Deno.test("the correction never adds and never goes below zero", () => {
  // Gaps of one log do not overlap: each starts where the last one ended.
  const log = fc.array(fc.integer({ min: 1, max: 500 }), { maxLength: 20 })
    .map((steps) => {
      const arrivals = new ArrivalLog(0);
      let at = 0;
      for (const step of steps) arrivals.record(at += step);
      return arrivals.gaps(at);
    });
  fc.assert(fc.property(log, log, (gaps, control) => {
    const beyond = longestProxyGap(gaps, control);
    assert(beyond >= 0 && beyond <= longestGap(gaps));
  }));
});
