/** Who may write while a connection takes nothing. */
import assert from "node:assert/strict";
import {
  believed,
  Turns,
} from "../../../../src/infrastructure/grpc/fair_turns.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

function rig() {
  const window = { full: false };
  const clock = new ManualClock();
  const turns = new Turns(() => window.full, clock);
  const wrote: string[] = [];
  const write = (name: string) => () => void wrote.push(name);
  return { window, clock, turns, wrote, write };
}

Deno.test("nobody waits while the connection has room", () => {
  const { turns, wrote, write, clock } = rig();
  for (const name of ["a", "b", "a"]) turns.take(write(name));
  assert.deepEqual(wrote, ["a", "b", "a"]);
  assert.equal(clock.sleepers, 0);
});

Deno.test("a lone stream never waits, even on a full connection", () => {
  const { turns, wrote, write, window } = rig();
  window.full = true;
  turns.take(write("a"));
  turns.done();
  turns.take(write("a"));
  assert.deepEqual(wrote, ["a", "a"]);
});

Deno.test("on a full connection who has written waits for those who have not", () => {
  const { turns, wrote, write, window, clock } = rig();
  turns.take(write("a"));
  turns.take(write("b"));
  window.full = true;
  turns.done(); // a's
  turns.take(write("a again"));
  assert.deepEqual(wrote, ["a", "b"]);
  turns.done(); // b's
  assert.deepEqual(wrote, ["a", "b", "a again"]);
  assert.equal(clock.sleepers, 0, "nobody waits, so nobody looks");
});

Deno.test("who waits for a window of its own holds nobody up for long", async () => {
  const { turns, wrote, write, window, clock } = rig();
  turns.take(write("slow"));
  window.full = true;
  turns.take(write("b"));
  assert.deepEqual(wrote, ["slow"]);
  window.full = false; // the client took what was under way, slow's is not
  await clock.advance(5);
  assert.deepEqual(wrote, ["slow", "b"]);
});

Deno.test("last words go out of turn, and who has left has none", async () => {
  const { turns, wrote, write, window, clock } = rig();
  turns.take(write("a"));
  window.full = true;
  const last = write("last");
  const gone = write("gone");
  turns.take(last);
  turns.take(gone);
  turns.force(last);
  turns.leave(gone);
  assert.deepEqual(wrote, ["a", "last"]);
  assert.equal(clock.sleepers, 0);
  turns.done();
  turns.done();
  window.full = false;
  await clock.advance(50);
  assert.deepEqual(wrote, ["a", "last"]);
});

Deno.test("a look is believed for a millisecond, and no longer", async () => {
  const clock = new ManualClock();
  let looks = 0;
  const look = believed(() => ++looks, clock);
  assert.deepEqual([look(), look(), look()], [1, 1, 1]);
  await clock.advance(0.9);
  assert.equal(look(), 1);
  await clock.advance(0.1);
  assert.equal(look(), 2);
});
