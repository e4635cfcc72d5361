import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { systemClock } from "../../../../src/infrastructure/clock/system_clock.ts";

Deno.test("sleep takes at least the time it was asked for", async () => {
  const before = systemClock.monotonic();
  await systemClock.sleep(5);
  assert.ok(systemClock.monotonic() - before >= 4);
});

Deno.test("sleep returns early, without an error, when its signal fires", async () => {
  const stop = new AbortController();
  const sleeping = systemClock.sleep(3_600_000, stop.signal);
  stop.abort(new Error("stop"));
  await sleeping; // a left timer would fail the sanitizer
});

Deno.test("sleep on a signal that has fired returns immediately", async () => {
  await systemClock.sleep(3_600_000, AbortSignal.abort());
});

Deno.test("sleeps that end leave no listener on a long-lived signal", async () => {
  const stop = new AbortController();
  for (let turn = 0; turn < 100; turn++) {
    await systemClock.sleep(0, stop.signal);
  }
  assert.equal(getEventListeners(stop.signal, "abort").length, 0);
});

Deno.test("a sleep longer than a timer can hold does not return immediately", async () => {
  const stop = new AbortController();
  let woke = false;
  const sleeping = systemClock.sleep(1e12, stop.signal).then(() => woke = true);
  await systemClock.sleep(5);
  assert.equal(woke, false);
  stop.abort();
  await sleeping;
});

Deno.test("now is wall clock milliseconds and monotonic never runs back", () => {
  assert.ok(Math.abs(systemClock.now() - Date.now()) < 1000);
  const first = systemClock.monotonic();
  assert.ok(systemClock.monotonic() >= first);
});
