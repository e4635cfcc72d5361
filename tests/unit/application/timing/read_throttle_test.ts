/** A flood of frames leaves the event loop to others between slices. */
import assert from "node:assert/strict";
import { ReadThrottle } from "../../../../src/application/timing/read_throttle.ts";

/** A throttle whose clock, deliveries and event loop are moved by hand. */
function rig() {
  let now = 0;
  let deliveries = 1_000_000;
  let turns: { run: () => void; ms: number }[] = [];
  const said: string[] = [];
  const socket = {
    pause: () => void said.push("pause"),
    resume: () => void said.push("resume"),
  };
  const throttle = new ReadThrottle(socket, {
    clock: { monotonic: () => now },
    deliveries: () => deliveries,
    later: (run, ms) => turns.push({ run, ms }),
  });
  return {
    said,
    /** One frame that takes `ms` to handle and makes deliveries. */
    frame: (ms: number, made = 0) => {
      throttle.begin();
      now += ms;
      deliveries += made;
      throttle.end();
    },
    pass: (ms: number) => now += ms,
    /** Lets the planned timers fire, each at its time; how long they took. */
    turn: () => {
      const due = turns;
      turns = [];
      const longest = Math.max(0, ...due.map(({ ms }) => ms));
      now += longest;
      for (const { run } of due) run();
      return longest;
    },
  };
}

Deno.test("reading pauses after a slice of frames and resumes in the next turn", () => {
  const { frame, said, turn } = rig();
  for (let i = 0; i < 3; i++) frame(0.25);
  assert.deepEqual(said, []);
  frame(0.25);
  assert.deepEqual(said, ["pause"]);
  turn();
  assert.deepEqual(said, ["pause", "resume"]);
  frame(0.5);
  assert.deepEqual(said, ["pause", "resume"], "the slice has started over");
  frame(0.5);
  assert.deepEqual(said, ["pause", "resume", "pause"]);
});

Deno.test("frames that were read before the pause are handled and pause once", () => {
  const { frame, said, turn } = rig();
  frame(2);
  frame(2);
  frame(2);
  assert.deepEqual(said, ["pause"]);
  turn();
  assert.deepEqual(said, ["pause", "resume"]);
});

Deno.test("frames with gaps between them never pause reading", () => {
  const { frame, said, pass } = rig();
  for (let i = 0; i < 100; i++) {
    frame(0.9);
    pass(0.3);
  }
  assert.deepEqual(said, []);
});

Deno.test("frames that follow each other closely count with the time that they take", () => {
  const { frame, said, pass, turn } = rig();
  for (let i = 0; i < 27; i++) {
    frame(0.015625);
    pass(0.15625);
  }
  assert.deepEqual(said, [], "they were handled for less than 1 ms, within 5 ms");
  for (let i = 0; i < 5; i++) {
    frame(0.015625);
    pass(0.15625);
  }
  assert.deepEqual(said, ["pause"]);
  turn();
  assert.deepEqual(said, ["pause", "resume"]);
});

Deno.test("a frame of many deliveries ends the slice regardless of its time", () => {
  const { frame, said, turn } = rig();
  frame(0.01, 4_999);
  assert.deepEqual(said, []);
  frame(0.01, 1);
  assert.deepEqual(said, ["pause"]);
  turn();
  assert.deepEqual(said, ["pause", "resume"]);
  frame(0.01, 4_999);
  assert.deepEqual(said, ["pause", "resume"], "the count has started over");
});

Deno.test("a pause is proportional to the deliveries, late ones included", () => {
  const { frame, said, turn } = rig();
  frame(0.01, 10_000);
  frame(0.01, 20_000);
  assert.equal(turn(), 0);
  assert.deepEqual(said, ["pause"]);
  // 30 000 are six slices' worth; the first needs no rest of its own.
  assert.equal(turn(), 5);
  assert.deepEqual(said, ["pause", "resume"]);
});

Deno.test("no pause is longer than 20 ms", () => {
  const { frame, said, turn } = rig();
  frame(0.01, 10_000_000);
  assert.equal(turn(), 0);
  assert.equal(turn(), 20);
  assert.deepEqual(said, ["pause", "resume"]);
});

Deno.test("time that has passed counts toward the pause", () => {
  const { frame, said, pass, turn } = rig();
  frame(0.01, 30_000);
  pass(3);
  assert.equal(turn(), 0);
  assert.equal(turn(), 2);
  assert.deepEqual(said, ["pause", "resume"]);
});
