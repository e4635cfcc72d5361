/** What of a connection's data is sent when, within its windows and its socket's room. */
import assert from "node:assert/strict";
import { nextTick } from "node:process";
import fc from "fast-check";
import {
  DataWriter,
  MAX_WINDOW,
  StreamData,
  TakenWrites,
} from "../../../../../src/infrastructure/grpc/http2_workarounds/data_frames.ts";

/** Bytes of a frame before its payload. */
const HEADER = 9;
const FIRST_WINDOW = 65_535;

/** A connection whose socket records frames. */
function connection() {
  const sent: { stream: number; payload: Uint8Array; flags: number }[] = [];
  const turns: (() => void)[] = [];
  const room = { full: false, waiting: new Set<() => void>() };
  const socket = {
    write(bytes: Uint8Array): boolean {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let at = 0; at < bytes.length;) {
        const length = view.getUint32(at) >>> 8;
        assert.equal(view.getUint8(at + 3), 0, "DATA");
        assert(length <= 16_384, `a frame of ${length} bytes`);
        sent.push({
          stream: view.getUint32(at + 5),
          flags: view.getUint8(at + 4),
          payload: Uint8Array.from(bytes.subarray(at + HEADER, at + HEADER + length)),
        });
        at += HEADER + length;
      }
      return true;
    },
  };
  const backlog = {
    get isFull() {
      return room.full;
    },
    wait: (run: () => void) => void room.waiting.add(run),
    cancel: (run: () => void) => void room.waiting.delete(run),
  };
  const taken = new TakenWrites((run) => void turns.push(run));
  const writer = new DataWriter({ socket, backlog, taken });
  return {
    writer,
    sent,
    room,
    /** Opens a stream whose headers were sent. */
    open(id: number): StreamData {
      const stream = new StreamData(id, writer);
      stream.start();
      return stream;
    },
    /** Runs what waits for the next turn of the event loop. */
    async turn() {
      await new Promise<void>((resolve) => nextTick(resolve));
      for (const run of turns.splice(0)) run();
      await new Promise<void>((resolve) => nextTick(resolve));
    },
    /** The socket has room again. */
    drain() {
      room.full = false;
      for (const run of [...room.waiting]) {
        room.waiting.delete(run);
        run();
      }
    },
    bytesOf: (id: number) =>
      sent.filter(({ stream }) => stream === id).reduce(
        (sum, { payload }) => sum + payload.length,
        0,
      ),
  };
}

const bytes = (length: number, value = 7) => new Uint8Array(length).fill(value);
const ignore = () => {};

Deno.test("a chunk is sent immediately and reported in the next turn", async () => {
  const { open, sent, turn } = connection();
  const stream = open(3);
  let taken = 0;
  stream.write(bytes(100), () => taken++);
  assert.deepEqual(sent, [{ stream: 3, flags: 0, payload: bytes(100) }]);
  assert.equal(taken, 0);
  await turn();
  assert.equal(taken, 1);
});

Deno.test("data follows the headers of its stream", async () => {
  const { writer, sent, turn } = connection();
  const stream = new StreamData(1, writer);
  stream.write(bytes(10), ignore);
  await turn();
  assert.equal(sent.length, 0);
  stream.start();
  assert.equal(sent.length, 0, "more frames of the headers may follow");
  await turn();
  assert.equal(sent.length, 1);
});

Deno.test("one chunk on several streams and connections has each one's id", () => {
  const some = connection();
  const others = connection();
  const chunk = bytes(20);
  const [first, second] = [some.open(1), some.open(3)];
  const third = others.open(1);
  for (const stream of [first, second, third, first]) stream.write(chunk, ignore);
  assert.deepEqual(some.sent.map(({ stream }) => stream), [1, 3, 1]);
  assert.deepEqual(others.sent.map(({ stream }) => stream), [1]);
});

Deno.test("a stream's own window delays no other stream", async () => {
  const { writer, open, bytesOf, turn } = connection();
  writer.setInitialWindow(10);
  const [slow, fast] = [open(1), open(3)];
  slow.write(bytes(25), ignore);
  fast.write(bytes(8), ignore);
  assert.deepEqual([bytesOf(1), bytesOf(3)], [10, 8]);
  assert(writer.extend(slow, 5));
  await turn();
  assert.equal(bytesOf(1), 15);
  writer.setInitialWindow(20);
  await turn();
  assert.equal(bytesOf(1), 25);
  // A smaller initial window makes windows negative.
  writer.setInitialWindow(0);
  slow.write(bytes(1), ignore);
  assert(writer.extend(slow, 20));
  await turn();
  assert.equal(bytesOf(1), 25);
  assert(writer.extend(slow, 1));
  await turn();
  assert.equal(bytesOf(1), 26);
});

Deno.test("streams share a used-up connection frame by frame", async () => {
  const { writer, open, bytesOf, turn } = connection();
  writer.setInitialWindow(MAX_WINDOW);
  const streams = [open(1), open(3), open(5)];
  for (const stream of streams) stream.write(bytes(500_000), ignore);
  assert.equal(bytesOf(1), FIRST_WINDOW);
  for (let grants = 0; grants < 30; grants++) {
    assert(writer.extend(undefined, 20_000));
    await turn();
  }
  const received = [1, 3, 5].map(bytesOf);
  assert.equal(received.reduce((sum, one) => sum + one), FIRST_WINDOW + 30 * 20_000);
  const [first = 0, second = 0, third = 0] = received;
  assert(Math.abs(second - third) <= 16_384, `received ${received.join(", ")}`);
  assert(first - FIRST_WINDOW - second <= 16_384, `received ${received.join(", ")}`);
});

Deno.test("writes and reports wait for room in the socket", async () => {
  const { open, room, drain, sent, turn } = connection();
  const stream = open(1);
  let taken = 0;
  stream.write(bytes(5), () => taken++);
  room.full = true;
  await turn();
  assert.equal(taken, 0, "the socket is full");
  stream.write(bytes(6), () => taken++);
  assert.equal(sent.length, 1);
  drain();
  assert.equal(taken, 1);
  assert.equal(sent.length, 2);
  await turn();
  assert.equal(taken, 2);
});

Deno.test("an end follows the data; on a full socket what has not begun is dropped", async () => {
  const { writer, open, room, bytesOf, turn } = connection();
  const ended: string[] = [];
  const waiting = open(1);
  waiting.write(bytes(FIRST_WINDOW + 10), ignore);
  waiting.end(() => ended.push("first"));
  assert.equal(ended.length, 0);
  assert(writer.extend(undefined, 10));
  assert(writer.extend(waiting, 10));
  await turn();
  assert.deepEqual([ended, bytesOf(1)], [["first"], FIRST_WINDOW + 10]);

  room.full = true;
  const dropped = open(3);
  dropped.write(bytes(10), ignore);
  dropped.end(() => ended.push("second"));
  assert.deepEqual([ended, bytesOf(3)], [["first", "second"], 0]);
});

Deno.test("a message is never cut by the end of its stream", async () => {
  const { writer, open, room, bytesOf } = connection();
  writer.setInitialWindow(100);
  const stream = open(1);
  let isEnded = false;
  stream.write(bytes(150), ignore);
  stream.write(bytes(50), ignore);
  room.full = true;
  stream.end(() => isEnded = true);
  assert(!isEnded);
  assert(writer.extend(stream, 1_000));
  room.full = false;
  await new Promise<void>((resolve) => nextTick(resolve));
  assert(isEnded);
  assert.equal(bytesOf(1), 150, "what had begun is complete, the rest is dropped");
});

Deno.test("a stream that is over sends and reports nothing", async () => {
  const { open, room, sent, turn, writer } = connection();
  const stream = open(1);
  let taken = 0;
  stream.write(bytes(FIRST_WINDOW), () => taken++);
  stream.write(bytes(1), () => taken++);
  room.full = true;
  await turn();
  stream.close();
  assert.equal(room.waiting.size, 0, "nothing waits for the socket");
  room.full = false;
  const before = sent.length;
  assert(writer.extend(undefined, 100));
  stream.write(bytes(1), () => taken++);
  await turn();
  assert.deepEqual([sent.length, taken], [before, 0]);
});

Deno.test("a window above the limit of flow control is refused", () => {
  const { writer, open } = connection();
  const stream = open(1);
  assert(writer.extend(undefined, MAX_WINDOW - FIRST_WINDOW));
  assert(!writer.extend(undefined, 1));
  assert(writer.extend(stream, MAX_WINDOW - FIRST_WINDOW));
  assert(!writer.extend(stream, 1));
});

Deno.test("windows are kept, and everything arrives in order once they are large", async () => {
  const step = fc.oneof(
    fc.record({ write: fc.integer({ min: 0, max: 40_000 }), stream: fc.nat(3) }),
    fc.record({ extend: fc.integer({ min: 1, max: 50_000 }), stream: fc.option(fc.nat(3)) }),
    fc.record({ initial: fc.nat(80_000) }),
    fc.record({ full: fc.boolean() }),
    fc.record({ turn: fc.constant(true) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { writer, open, turn, sent, room, drain, bytesOf } = connection();
      const streams = [1, 3, 5, 7].map(open);
      const written: number[][] = [[], [], [], []];
      const granted = [0, 0, 0, 0];
      let connectionWindow = FIRST_WINDOW;
      let initial = FIRST_WINDOW;
      // After a smaller initial window, more may have been sent than it allows.
      let allowed = [0, 0, 0, 0];
      let value = 0;
      const check = () => {
        const total = sent.reduce((sum, { payload }) => sum + payload.length, 0);
        assert(total <= connectionWindow, "the window of the connection is kept");
        streams.forEach(({ id }, i) => {
          const window = initial + (granted[i] ?? 0);
          allowed[i] = Math.max(allowed[i] ?? 0, window);
          assert(bytesOf(id) <= (allowed[i] ?? 0), "the window of the stream is kept");
        });
      };
      for (const each of steps) {
        if ("write" in each) {
          value = (value + 1) % 251;
          streams[each.stream]?.write(bytes(each.write, value), ignore);
          written[each.stream]?.push(...bytes(each.write, value));
        } else if ("extend" in each) {
          const { stream, extend } = each;
          if (stream === null) connectionWindow += extend;
          else granted[stream] = (granted[stream] ?? 0) + extend;
          assert(writer.extend(stream === null ? undefined : streams[stream], extend));
        } else if ("initial" in each) writer.setInitialWindow(initial = each.initial);
        else if ("full" in each) {
          if (each.full) room.full = true;
          else drain();
        } else await turn();
        check();
      }
      const rest = 60 * 40_000;
      connectionWindow += 4 * rest;
      assert(writer.extend(undefined, 4 * rest));
      streams.forEach((stream, i) => {
        granted[i] = (granted[i] ?? 0) + rest;
        assert(writer.extend(stream, rest));
      });
      drain();
      await turn();
      check();
      allowed = [];
      streams.forEach(({ id }, i) => {
        const received = sent.filter(({ stream }) => stream === id)
          .flatMap(({ payload }) => [...payload]);
        assert.deepEqual(received, written[i]);
      });
    }),
    { numRuns: 40 },
  );
});
