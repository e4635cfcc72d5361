import assert from "node:assert/strict";
import fc from "fast-check";
import { Outbox } from "../../../src/session/outbox.ts";
import { RecordingSocket, SessionHarness } from "./session_harness.ts";

const LIMITS = { maxBytes: 1000, coalesceAboveBytes: 50, maxFrameBytes: 400 };

function outbox(socket: RecordingSocket, overflow = () => {}) {
  return new Outbox(socket, { encoding: "json", limits: LIMITS, overflow });
}

Deno.test("messages of one flush share a frame, control frames are separate", () => {
  const socket = new RecordingSocket();
  const box = outbox(socket);
  box.add("1");
  box.add("2");
  box.addFrame("[0]");
  box.add("3");
  assert.deepEqual(socket.frames, []);
  box.flush();
  assert.deepEqual(socket.frames, ["[1,2]", "[0]", "[3]"]);
});

Deno.test("while the client is slow, arrays grow", () => {
  const socket = new RecordingSocket();
  const box = outbox(socket);
  socket.bufferedBytes = 51;
  for (const element of ["1", "2", "3"]) {
    box.add(element);
    box.flush();
  }
  assert.deepEqual(socket.frames, []);
  socket.bufferedBytes = 0;
  box.flush();
  assert.deepEqual(socket.frames, ["[1,2,3]"]);
});

Deno.test("waiting messages are sent when the socket has room", () => {
  const socket = new RecordingSocket();
  const box = outbox(socket);
  box.add("1");
  box.flush();
  socket.bufferedBytes = 51;
  box.add("2");
  box.flush();
  socket.bufferedBytes = 0;
  socket.taken[0]?.();
  assert.deepEqual(socket.frames, ["[1]", "[2]"]);
});

Deno.test("above the bound everything is dropped and overflow runs once", () => {
  const socket = new RecordingSocket();
  let overflows = 0;
  const box = outbox(socket, () => overflows++);
  socket.bufferedBytes = 600;
  for (let round = 0; round < 3; round++) {
    box.add("x".repeat(390));
    box.flush();
  }
  assert.equal(overflows, 1);
  assert.equal(box.pendingBytes, 0);
});

Deno.test("a slow client receives 407 and is closed", () => {
  const harness = new SessionHarness({
    slowClientBytes: 500,
    coalesceAboveBytes: 100,
  });
  const { socket, ask } = harness.open();
  ask({ action: "subscribe", quotes: ["F"] });
  socket.bufferedBytes = 490;
  harness.publish("sip", { T: "q", S: "F", c: ["x".repeat(100)] });
  const last = socket.read().at(-1);
  assert.deepEqual(last, [{ T: "error", code: 407, msg: "slow client" }]);
  assert.equal(socket.closed?.reason, "slow client");
});

Deno.test("nothing is lost or reordered below the bound", () => {
  const steps = fc.array(
    fc.oneof(
      fc.constant("add"),
      fc.constant("frame"),
      fc.constant("flush"),
      fc.constant("behind"),
      fc.constant("ready"),
    ),
    { maxLength: 60 },
  );
  fc.assert(fc.property(steps, (script) => {
    const socket = new RecordingSocket();
    const box = outbox(socket);
    let count = 0;
    for (const step of script) {
      if (step === "add") box.add(String(count++));
      if (step === "frame") box.addFrame(`[${count++}]`);
      if (step === "flush") box.flush();
      if (step === "behind") socket.bufferedBytes = 51;
      if (step === "ready") socket.bufferedBytes = 0;
    }
    socket.bufferedBytes = 0;
    box.flush();
    const sent = socket.read().flat();
    assert.deepEqual(sent, Array.from({ length: count }, (_, at) => at));
  }));
});
