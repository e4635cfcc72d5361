import assert from "node:assert/strict";
import fc from "fast-check";
import {
  createCounters,
  type Latency,
  observe,
  PROCESSING_BUCKETS,
} from "../../../../src/application/status/counters.ts";
import {
  type LatencySummary,
  LatencyWindow,
} from "../../../../src/application/status/latency_window.ts";

const latency = () => createCounters().feeds.sip.processing;

function summaryOf(histogram: Latency): LatencySummary {
  const window = new LatencyWindow();
  window.add(histogram, 0);
  return window.summary;
}

Deno.test("percentiles are the bounds of the buckets they lie in", () => {
  const histogram = latency();
  observe(histogram, { seconds: 0.00004, messages: 98 });
  observe(histogram, { seconds: 0.004, messages: 1 });
  observe(histogram, { seconds: 9, messages: 1 });
  const { counts, p50, p99, recent } = summaryOf(histogram);
  const count = counts.reduce((sum, each) => sum + each, 0);
  assert.deepEqual([count, p50, p99, recent], [100, 0.00005, 0.005, false]);
});

Deno.test("beyond the last bound is infinity, nothing measured is nothing", () => {
  const histogram = latency();
  for (const empty of [new LatencyWindow().summary, summaryOf(histogram)]) {
    assert.deepEqual([empty.p50, empty.p99], [undefined, undefined]);
  }
  observe(histogram, { seconds: 9, messages: 1 });
  assert.equal(summaryOf(histogram).p50, Infinity);
});

Deno.test("what is older than a minute is forgotten", () => {
  const histogram = latency();
  const window = new LatencyWindow();
  observe(histogram, { seconds: 0.4, messages: 1_000 });
  window.add(histogram, 0);
  observe(histogram, { seconds: 0.00001, messages: 10 });
  window.add(histogram, 1_000);
  const soon = window.summary;
  assert.deepEqual([soon.counts[0], soon.p99, soon.recent], [10, 0.00001, true]);
  window.add(histogram, 90_000);
  const late = window.summary;
  assert.deepEqual([late.counts[0], late.p99, late.recent], [10, 0.5, false]);
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
        const { p50 = NaN, p99 = NaN } = summaryOf(histogram);
        const within = (bound: number) => samples.filter((seconds) => seconds <= bound).length;
        assert.ok(within(p50) * 2 >= samples.length);
        assert.ok(within(p99) >= samples.length * 0.99);
        const lower = PROCESSING_BUCKETS[PROCESSING_BUCKETS.indexOf(p50) - 1];
        if (lower !== undefined) assert.ok(within(lower) * 2 < samples.length);
      },
    ),
  );
});
