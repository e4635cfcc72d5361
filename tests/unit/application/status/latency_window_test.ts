import assert from "node:assert/strict";
import fc from "fast-check";
import {
  createCounters,
  observe,
  PROCESSING_BUCKETS,
} from "../../../../src/application/status/counters.ts";
import { LatencyWindow } from "../../../../src/application/status/latency_window.ts";

const latency = () => createCounters().feeds.sip.processing;

Deno.test("percentiles are the bounds of the buckets they lie in", () => {
  const histogram = latency();
  observe(histogram, { seconds: 0.00004, messages: 98 });
  observe(histogram, { seconds: 0.004, messages: 1 });
  observe(histogram, { seconds: 9, messages: 1 });
  const { count, p50, p99, recent } = new LatencyWindow().next(histogram, 0);
  assert.deepEqual([count, p50, p99, recent], [100, 0.00005, 0.005, false]);
});

Deno.test("beyond the last bound is infinity, nothing measured is nothing", () => {
  const histogram = latency();
  const empty = new LatencyWindow().next(histogram, 0);
  assert.deepEqual([empty.p50, empty.p99, empty.mean], [
    undefined,
    undefined,
    undefined,
  ]);
  observe(histogram, { seconds: 9, messages: 1 });
  assert.equal(new LatencyWindow().next(histogram, 0).p50, Infinity);
});

Deno.test("what is older than a minute is forgotten", () => {
  const histogram = latency();
  const window = new LatencyWindow();
  observe(histogram, { seconds: 0.4, messages: 1_000 });
  window.next(histogram, 0);
  observe(histogram, { seconds: 0.00001, messages: 10 });
  const soon = window.next(histogram, 1_000);
  assert.deepEqual([soon.count, soon.p99, soon.recent], [10, 0.00001, true]);
  const late = window.next(histogram, 90_000);
  assert.deepEqual([late.count, late.recent], [1_010, false]);
});

Deno.test("half of what was measured lies at or below the median's bound", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1 }),
      (samples) => {
        const histogram = latency();
        for (const seconds of samples) {
          observe(histogram, { seconds, messages: 1 });
        }
        const { p50 = NaN, p99 = NaN } = new LatencyWindow().next(histogram, 0);
        const within = (bound: number) => samples.filter((seconds) => seconds <= bound).length;
        assert.ok(within(p50) * 2 >= samples.length);
        assert.ok(within(p99) >= samples.length * 0.99);
        const lower = PROCESSING_BUCKETS[PROCESSING_BUCKETS.indexOf(p50) - 1];
        if (lower !== undefined) assert.ok(within(lower) * 2 < samples.length);
      },
    ),
  );
});
