import assert from "node:assert/strict";
import { FailedAttempts } from "../../../../src/application/access/failed_attempts.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

function fail(failures: FailedAttempts, address: string, times: number): void {
  for (let i = 0; i < times; i++) failures.add(address);
}

Deno.test("an address is blocked after 20 failures, and may fail once every 3 s", async () => {
  const clock = new ManualClock();
  const failures = new FailedAttempts(clock);
  fail(failures, "192.0.2.1", 19);
  assert.equal(failures.blockedMs("192.0.2.1"), 0);
  fail(failures, "192.0.2.1", 1);
  assert.equal(failures.blockedMs("192.0.2.1"), 3_000);
  assert.equal(failures.blockedMs("192.0.2.2"), 0);
  await clock.advance(2_999);
  assert.equal(failures.blockedMs("192.0.2.1"), 1);
  await clock.advance(1);
  assert.equal(failures.blockedMs("192.0.2.1"), 0);
  fail(failures, "192.0.2.1", 1);
  assert.equal(failures.blockedMs("192.0.2.1"), 3_000);
});

Deno.test("loopback and all addresses of an IPv6 network are limited too", () => {
  const failures = new FailedAttempts(new ManualClock());
  fail(failures, "127.0.0.1", 20);
  assert.ok(failures.blockedMs("::ffff:127.0.0.1") > 0);
  for (let i = 0; i < 20; i++) failures.add(`2001:db8::${i + 1}`);
  assert.ok(failures.blockedMs("2001:db8::ffff") > 0);
  assert.equal(failures.blockedMs("2001:db8:0:1::1"), 0);
});

Deno.test("the table has at most 10,000 addresses, and forgets them after a minute", async () => {
  const clock = new ManualClock();
  const failures = new FailedAttempts(clock);
  fail(failures, "192.0.2.1", 20);
  for (let i = 0; i < 9_999; i++) failures.add(`10.0.${i >> 8}.${i & 255}`);
  assert.equal(failures.size, 10_000);
  assert.ok(failures.blockedMs("192.0.2.1") > 0);
  failures.add("198.51.100.1");
  assert.equal(failures.size, 10_000);
  assert.equal(failures.blockedMs("192.0.2.1"), 0, "the oldest is removed");
  await clock.advance(60_000);
  failures.add("198.51.100.2");
  assert.equal(failures.size, 1);
});
