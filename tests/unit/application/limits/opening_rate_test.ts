import assert from "node:assert/strict";
import { type CheckOpening, OpeningRate } from "../../../../src/application/limits/opening_rate.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

/** Openings until the first refusal, at most `most`. */
function opened(check: CheckOpening, most: number): number {
  for (let count = 0; count < most; count++) if (check()) return count;
  return most;
}

Deno.test("by default 5 000 streams of one address are reopened together, twice", () => {
  const rate = new OpeningRate(200, new ManualClock());
  for (let round = 0; round < 2; round++) {
    for (let client = 0; client < 10; client++) {
      assert.equal(opened(rate.connection("10.0.0.1"), 500), 500);
    }
  }
});

Deno.test("a connection has half the rate of its address, and others the rest", () => {
  const rate = new OpeningRate(4, new ManualClock());
  assert.equal(opened(rate.connection("10.0.0.1"), 1_000), 100);
  assert.equal(opened(rate.connection("10.0.0.1"), 1_000), 100);
  assert.equal(opened(rate.connection("10.0.0.1"), 1_000), 0);
  assert.equal(opened(rate.connection("10.0.0.2"), 1_000), 100);
});

Deno.test("a client that reconnects for each stream is limited by its address", async () => {
  const clock = new ManualClock();
  const rate = new OpeningRate(4, clock);
  const loop = () => rate.connection("2001:db8::1")();
  assert.equal(opened(loop, 1_000), 200);
  await clock.advance(1_000);
  assert.equal(opened(loop, 1_000), 4);
  await clock.advance(50_000);
  assert.equal(opened(loop, 1_000), 200);
});

Deno.test("a refusal has the scope, the setting and when to retry", () => {
  const rate = new OpeningRate(0.04, new ManualClock());
  const check = () => rate.checkIdentity("dashboard");
  assert.equal(opened(check, 10), 2);
  const { message = "", retryAfterMs } = check() ?? {};
  assert.match(message, /identity opens more than 0.04 streams .*MAX_STREAM_OPENINGS_PER_SEC/);
  assert.equal(retryAfterMs, 25_000);
  assert.equal(opened(() => rate.checkIdentity("other"), 10), 2);
});

Deno.test("a rate of 0 limits nothing", () => {
  const rate = new OpeningRate(0, new ManualClock());
  assert.equal(opened(rate.connection("10.0.0.1"), 50_000), 50_000);
  assert.equal(opened(() => rate.checkIdentity("a"), 50_000), 50_000);
});
