import assert from "node:assert/strict";
import { WakeSignal } from "../../../../src/application/timing/wake_signal.ts";
import { ManualClock, settle } from "../../../support/manual_clock.ts";

/** Counts the pauses that have ended. */
function loop(wakeSignal: WakeSignal, clock: ManualClock, signal: AbortSignal) {
  const counted = { pauses: 0, ended: Promise.resolve() };
  counted.ended = (async () => {
    while (!signal.aborted) {
      await wakeSignal.wait(1_000, { clock, signal });
      counted.pauses++;
    }
  })();
  return counted;
}

Deno.test("a wake-up ends a pause, and so do time and the abort signal", async () => {
  const clock = new ManualClock();
  const wakeSignal = new WakeSignal();
  const end = new AbortController();
  const counted = loop(wakeSignal, clock, end.signal);
  await clock.advance(999);
  assert.equal(counted.pauses, 0);
  await clock.advance(1);
  assert.equal(counted.pauses, 1);
  wakeSignal.wake();
  wakeSignal.wake();
  await settle();
  assert.equal(counted.pauses, 2, "two wake-ups are one");
  await clock.advance(999);
  assert.equal(counted.pauses, 2, "a pause begins again");
  end.abort();
  await counted.ended;
  assert.equal(clock.sleepers, 0);
});

Deno.test("a wake-up between two pauses ends the next one", async () => {
  const clock = new ManualClock();
  const wakeSignal = new WakeSignal();
  const { signal } = new AbortController();
  wakeSignal.wake();
  let ended = false;
  wakeSignal.wait(1_000, { clock, signal }).then(() => ended = true);
  await clock.advance(0);
  assert.ok(ended);
});
