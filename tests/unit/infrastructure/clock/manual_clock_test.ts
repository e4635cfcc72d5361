import assert from "node:assert/strict";
import { ManualClock } from "../../../support/manual_clock.ts";

Deno.test("advance wakes sleepers in the order of their times, at their times", async () => {
  const clock = new ManualClock(0);
  const seen: [string, number][] = [];
  const nap = async (name: string, ms: number) => {
    await clock.sleep(ms);
    seen.push([name, clock.now()]);
  };
  const naps = [nap("late", 30), nap("early", 10), nap("tie", 10)];
  await clock.advance(29);
  assert.deepEqual(seen, [["early", 10], ["tie", 10]]);
  assert.equal(clock.nextWakeIn, 1);
  await clock.advance(1);
  await Promise.all(naps);
  assert.deepEqual(seen.at(-1), ["late", 30]);
  assert.equal(clock.sleepers, 0);
});

Deno.test("advance also wakes sleeps that start while it advances", async () => {
  const clock = new ManualClock(0);
  const ticks: number[] = [];
  const loop = (async () => {
    for (let turn = 0; turn < 3; turn++) {
      await clock.sleep(10);
      ticks.push(clock.monotonic());
    }
  })();
  await clock.advance(100);
  await loop;
  assert.deepEqual(ticks, [10, 20, 30]);
  assert.equal(clock.monotonic(), 100);
});

Deno.test("a manual sleep ends when its signal fires, and leaves nothing", async () => {
  const clock = new ManualClock(0);
  const stop = new AbortController();
  const sleeping = clock.sleep(10, stop.signal);
  stop.abort();
  await sleeping;
  assert.equal(clock.sleepers, 0);
});
