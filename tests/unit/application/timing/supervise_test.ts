import assert from "node:assert/strict";
import { supervise } from "../../../../src/application/timing/supervise.ts";
import { ManualClock, settle } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";

function surroundings() {
  const stop = new AbortController();
  const clock = new ManualClock();
  const log = new RecordingLog();
  return { clock, log, signal: stop.signal, stop };
}

Deno.test("a task that throws is logged and restarted after a delay", async () => {
  const around = surroundings();
  let starts = 0;
  const done = supervise(async (signal) => {
    starts++;
    await around.clock.sleep(10, signal);
    throw new Error("a mistake");
  }, around);
  await around.clock.advance(10);
  assert.equal(starts, 1);
  assert.deepEqual(around.log.messages("error"), [
    "Task failed, restarting",
  ]);
  await around.clock.advance(999);
  assert.equal(starts, 1);
  await around.clock.advance(1);
  assert.equal(starts, 2);
  around.stop.abort();
  await done;
  assert.equal(around.clock.sleepers, 0);
});

Deno.test("a task that throws immediately is not restarted in a tight loop", async () => {
  const around = surroundings();
  let starts = 0;
  const done = supervise(() => {
    starts++;
    throw new Error("immediately");
  }, around);
  await settle();
  assert.equal(starts, 1);
  around.stop.abort();
  await done;
});

Deno.test("a task that returns early is an error, without a tight loop", async () => {
  const around = surroundings();
  let starts = 0;
  const done = supervise(() => {
    // A loop of microtasks would never let this test go on.
    if (++starts > 100) around.stop.abort();
    return Promise.resolve();
  }, around);
  await settle();
  assert.equal(starts, 1);
  assert.equal(around.log.records[0]?.fields.cause, "it returned early");
  around.stop.abort();
  await done;
});

Deno.test("a task that ends because of its signal is not restarted", async () => {
  const around = surroundings();
  let starts = 0;
  const done = supervise((signal) => {
    starts++;
    return around.clock.sleep(Infinity, signal);
  }, around);
  around.stop.abort();
  await done;
  assert.equal(starts, 1);
  assert.deepEqual(around.log.records, []);
});

Deno.test("nothing starts after the signal", async () => {
  const around = surroundings();
  around.stop.abort();
  await supervise(() => assert.fail("Started"), around);
});
