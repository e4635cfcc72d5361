/** Waiting for a poll of all sockets goes by how late the timer is. */
import assert from "node:assert/strict";
import { PollWait } from "../../../../../src/infrastructure/grpc/limits/event_loop.ts";

/** A wait whose timers become due when the test says so. */
function rig() {
  let now = 0;
  const timers: (() => void)[] = [];
  const wait = new PollWait(() => now, (run) => {
    timers.push(run);
    return () => void timers.splice(timers.indexOf(run), 1);
  });
  /** Runs the timer `late` ms after it became due. */
  const due = (late: number) => {
    now += 1 + late;
    timers.shift()?.();
  };
  const log: string[] = [];
  return { wait: wait.wait, due, timers, log };
}

Deno.test("functions that wait run together after a punctual timer", () => {
  const { wait, due, timers, log } = rig();
  wait(() => log.push("a"));
  wait(() => log.push("b"));
  assert.equal(timers.length, 1);
  due(0.2);
  assert.deepEqual(log, ["a", "b"]);
  assert.equal(timers.length, 0, "no timer is left");
});

Deno.test("a late timer shows that the event loop was not idle, and is repeated", () => {
  const { wait, due, log } = rig();
  wait(() => log.push("a"));
  due(2);
  due(2);
  assert.deepEqual(log, []);
  due(0);
  assert.deepEqual(log, ["a"]);
});

Deno.test("an event loop that is never idle is waited for no longer than 20 ms", () => {
  const { wait, due, log } = rig();
  wait(() => log.push("a"));
  for (let i = 0; i < 3; i++) due(4);
  assert.deepEqual(log, []);
  due(4);
  assert.deepEqual(log, ["a"]);
});

Deno.test("a function that waits again while the others run waits for the next poll", () => {
  const { wait, due, log, timers } = rig();
  wait(() => {
    log.push("a");
    wait(() => log.push("again"));
  });
  due(0);
  assert.deepEqual(log, ["a"]);
  assert.equal(timers.length, 1);
  due(0);
  assert.deepEqual(log, ["a", "again"]);
});

Deno.test("the last wait that is cancelled takes the timer with it", () => {
  const { wait, due, log, timers } = rig();
  const cancelA = wait(() => log.push("a"));
  const cancelB = wait(() => log.push("b"));
  cancelA();
  assert.equal(timers.length, 1);
  cancelB();
  assert.equal(timers.length, 0);
  wait(() => log.push("c"));
  due(0);
  assert.deepEqual(log, ["c"]);
});
