/** A flood of frames lets everybody else have their turns. */
import assert from "node:assert/strict";
import { FairReading } from "../../../../src/infrastructure/alpaca/fair_reading.ts";

/** A reading whose clock and event loop are moved by hand. */
function rig() {
  let now = 0;
  const turns: (() => void)[] = [];
  const said: string[] = [];
  const socket = {
    pause: () => void said.push("pause"),
    resume: () => void said.push("resume"),
  };
  const reading = new FairReading(socket, {
    clock: { monotonic: () => now },
    later: (run) => turns.push(run),
  });
  return {
    said,
    /** One frame that takes `ms` to handle. */
    frame: (ms: number) => reading.handle(() => now += ms),
    pass: (ms: number) => now += ms,
    turn: () => turns.splice(0).forEach((run) => run()),
  };
}

Deno.test("frames in a row rest after a slice and go on in the next turn", () => {
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

Deno.test("what had been read before the rest is handled and pauses once", () => {
  const { frame, said, turn } = rig();
  frame(2);
  frame(2);
  frame(2);
  assert.deepEqual(said, ["pause"]);
  turn();
  assert.deepEqual(said, ["pause", "resume"]);
});

Deno.test("frames with pauses between them never rest", () => {
  const { frame, said, pass } = rig();
  for (let i = 0; i < 100; i++) {
    frame(0.9);
    pass(0.3);
  }
  assert.deepEqual(said, []);
});

Deno.test("a frame whose handling fails is the caller's to know", () => {
  const { said } = rig();
  const reading = new FairReading({ pause() {}, resume() {} }, {
    clock: { monotonic: () => 0 },
    later: () => {},
  });
  assert.throws(
    () =>
      reading.handle(() => {
        throw new Error("as it is");
      }),
    /as it is/,
  );
  assert.deepEqual(said, []);
});
