import assert from "node:assert/strict";
import { createCounters, PROCESSING_BUCKETS } from "../../../../src/application/status/counters.ts";
import { measureLoopDelay } from "../../../../src/application/status/loop_delay.ts";
import type { Clock } from "../../../../src/application/ports/clock.ts";

Deno.test("the event-loop delay is how late a timer fires", async () => {
  const stop = new AbortController();
  const lateMs = [0, 0, 3, 300];
  let now = 0;
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    sleep: (ms) => {
      const late = lateMs.shift();
      if (late === undefined) stop.abort();
      now += ms + (late ?? 0);
      return Promise.resolve();
    },
  };
  const { loopDelay } = createCounters();
  await measureLoopDelay(loopDelay, { clock, signal: stop.signal });
  assert.equal(loopDelay.sum, 0.303);
  const within = (seconds: number) => loopDelay.counts[PROCESSING_BUCKETS.indexOf(seconds)];
  assert.deepEqual([within(0.000_01), within(0.005), within(0.5)], [2, 1, 1]);
});
