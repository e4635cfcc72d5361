/** Which streams may write while a connection takes nothing. */
import assert from "node:assert/strict";
import {
  reused,
  RoundRobin,
} from "../../../../../src/infrastructure/grpc/http2_workarounds/round_robin.ts";
import { ManualClock } from "../../../../support/manual_clock.ts";

function rig() {
  const window = { full: false };
  const clock = new ManualClock();
  const roundRobin = new RoundRobin(() => window.full, clock);
  const wrote: string[] = [];
  const write = (name: string) => () => void wrote.push(name);
  return { window, clock, roundRobin, wrote, write };
}

Deno.test("no write waits while the connection has room", () => {
  const { roundRobin, wrote, write, clock } = rig();
  for (const name of ["a", "b", "a"]) roundRobin.enqueue(write(name));
  assert.deepEqual(wrote, ["a", "b", "a"]);
  assert.equal(clock.sleepers, 0);
});

Deno.test("a lone stream never waits, even on a full connection", () => {
  const { roundRobin, wrote, write, window } = rig();
  window.full = true;
  roundRobin.enqueue(write("a"));
  roundRobin.done();
  roundRobin.enqueue(write("a"));
  assert.deepEqual(wrote, ["a", "a"]);
});

Deno.test("on a full connection a stream that has written waits for those that have not", () => {
  const { roundRobin, wrote, write, window, clock } = rig();
  roundRobin.enqueue(write("a"));
  roundRobin.enqueue(write("b"));
  window.full = true;
  roundRobin.done(); // a's
  roundRobin.enqueue(write("a again"));
  assert.deepEqual(wrote, ["a", "b"]);
  roundRobin.done(); // b's
  assert.deepEqual(wrote, ["a", "b", "a again"]);
  assert.equal(clock.sleepers, 0, "no write waits, so nothing is checked");
});

Deno.test("a write that waits for its stream's window delays others only briefly", async () => {
  const { roundRobin, wrote, write, window, clock } = rig();
  roundRobin.enqueue(write("slow"));
  window.full = true;
  roundRobin.enqueue(write("b"));
  assert.deepEqual(wrote, ["slow"]);
  window.full = false; // the client took what was under way, slow's is not
  await clock.advance(5);
  assert.deepEqual(wrote, ["slow", "b"]);
});

Deno.test("a flushed write runs before its round, and a removed one not at all", async () => {
  const { roundRobin, wrote, write, window, clock } = rig();
  roundRobin.enqueue(write("a"));
  window.full = true;
  const last = write("last");
  const gone = write("gone");
  roundRobin.enqueue(last);
  roundRobin.enqueue(gone);
  roundRobin.flush(last);
  roundRobin.remove(gone);
  assert.deepEqual(wrote, ["a", "last"]);
  assert.equal(clock.sleepers, 0);
  roundRobin.done();
  roundRobin.done();
  window.full = false;
  await clock.advance(50);
  assert.deepEqual(wrote, ["a", "last"]);
});

Deno.test("a value is reused for a millisecond, and no longer", async () => {
  const clock = new ManualClock();
  let looks = 0;
  const look = reused(() => ++looks, clock);
  assert.deepEqual([look(), look(), look()], [1, 1, 1]);
  await clock.advance(0.9);
  assert.equal(look(), 1);
  await clock.advance(0.1);
  assert.equal(look(), 2);
});
