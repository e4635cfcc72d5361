import assert from "node:assert/strict";
import { Bell } from "../../../../src/application/options/bell.ts";
import { ManualClock, settle } from "../../../support/manual_clock.ts";

/** Counts the pauses that have ended. */
function loop(bell: Bell, clock: ManualClock, signal: AbortSignal) {
  const counted = { pauses: 0, ended: Promise.resolve() };
  counted.ended = (async () => {
    while (!signal.aborted) {
      await bell.wait(1_000, { clock, signal });
      counted.pauses++;
    }
  })();
  return counted;
}

Deno.test("a bell ends a pause, and so do time and the signal", async () => {
  const clock = new ManualClock();
  const bell = new Bell();
  const end = new AbortController();
  const counted = loop(bell, clock, end.signal);
  await clock.advance(999);
  assert.equal(counted.pauses, 0);
  await clock.advance(1);
  assert.equal(counted.pauses, 1);
  bell.ring();
  bell.ring();
  await settle();
  assert.equal(counted.pauses, 2, "two rings are one");
  await clock.advance(999);
  assert.equal(counted.pauses, 2, "a pause begins anew");
  end.abort();
  await counted.ended;
  assert.equal(clock.sleepers, 0);
});

Deno.test("a ring that comes while nobody waits ends the next pause at once", async () => {
  const clock = new ManualClock();
  const bell = new Bell();
  const { signal } = new AbortController();
  bell.ring();
  let ended = false;
  bell.wait(1_000, { clock, signal }).then(() => ended = true);
  await clock.advance(0);
  assert.ok(ended);
});
