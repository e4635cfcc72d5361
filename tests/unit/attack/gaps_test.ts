/** Which silence is the proxy's. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  ArrivalLog,
  worst,
  worstBeyond,
} from "../../../scripts/attack/gaps.ts";

Deno.test("a silence lasts from one arrival to the next", () => {
  const log = new ArrivalLog(0);
  for (const at of [5, 10, 110, 115]) log.arrive(at);
  assert.deepEqual(log.silences(120), [{ from: 10, to: 110 }]);
  assert.equal(log.arrivals, 4);
});

Deno.test("a silence that lasts still counts", () => {
  const log = new ArrivalLog(0);
  log.arrive(5);
  assert.deepEqual(log.silences(505), [{ from: 5, to: 505 }]);
  assert.equal(worst(log.silences(505)), 500);
});

Deno.test("a reset forgets", () => {
  const log = new ArrivalLog(0);
  log.arrive(500);
  log.reset(600);
  assert.deepEqual(log.silences(610), []);
  assert.equal(log.arrivals, 0);
});

Deno.test("time in which the control was silent too is not the proxy's", () => {
  const silences = [{ from: 0, to: 300 }, { from: 1_000, to: 1_200 }];
  assert.equal(worstBeyond(silences, []), 300);
  assert.equal(worstBeyond(silences, [{ from: 0, to: 290 }]), 200);
  assert.equal(worstBeyond(silences, [{ from: 100, to: 2_000 }]), 100);
});

Deno.test("the correction never adds and never goes below zero", () => {
  // Silences of one log do not overlap: each starts where the last one ended.
  const log = fc.array(fc.integer({ min: 1, max: 500 }), { maxLength: 20 })
    .map((steps) => {
      const arrivals = new ArrivalLog(0);
      let at = 0;
      for (const step of steps) arrivals.arrive(at += step);
      return arrivals.silences(at);
    });
  fc.assert(fc.property(log, log, (silences, control) => {
    const beyond = worstBeyond(silences, control);
    assert(beyond >= 0 && beyond <= worst(silences));
  }));
});
