import assert from "node:assert/strict";
import { status as Code } from "@grpc/grpc-js";
import { CallError, ClientGone } from "../../../../src/infrastructure/grpc/call_error.ts";
import { Expirations } from "../../../../src/infrastructure/grpc/expirations.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

Deno.test("a call ends within a second after its identity has expired, others go on", async () => {
  const clock = new ManualClock();
  const expirations = new Expirations(clock);
  const [short, long] = [new AbortController(), new AbortController()];
  expirations.add(short, clock.now() + 1_200);
  expirations.add(long, clock.now() + 60_000);
  await clock.advance(1_199);
  assert.equal(short.signal.aborted, false);
  await clock.advance(1_000);
  const { reason } = short.signal;
  assert(reason instanceof CallError);
  assert.equal(reason.code, Code.UNAUTHENTICATED);
  assert.match(reason.message, /expired; reopen the stream with a new one/);
  assert.equal(long.signal.aborted, false);
  assert.equal(expirations.size, 1);
});

Deno.test("the wall clock decides, also when it is set forward or back", async () => {
  const clock = new ManualClock();
  const expirations = new Expirations(clock);
  const call = new AbortController();
  expirations.add(call, clock.now() + 60_000);
  clock.setWall(-3_600_000);
  await clock.advance(120_000);
  assert.equal(call.signal.aborted, false);
  clock.setWall(3_600_000);
  await clock.advance(1_000);
  assert.equal(call.signal.aborted, true);
});

Deno.test("calls that end before leave no timer", async () => {
  const clock = new ManualClock();
  const expirations = new Expirations(clock);
  const calls = [new AbortController(), new AbortController()];
  for (const call of calls) expirations.add(call, clock.now() + 60_000);
  assert.equal(clock.sleepers, 1, "all share one timer");
  for (const call of calls) call.abort(new ClientGone());
  await clock.advance(0);
  assert.deepEqual([expirations.size, clock.sleepers], [0, 0]);
});
