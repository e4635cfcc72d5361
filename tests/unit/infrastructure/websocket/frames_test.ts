import assert from "node:assert/strict";
import { inflateRawSync } from "node:zlib";
import { decode, encode } from "@msgpack/msgpack";
import fc from "fast-check";
import type { RelayedMessage } from "../../../../src/application/relay/relayed_message.ts";
import { RelayEnvelope } from "../../../../src/application/relay/relay_queue.ts";
import { readsCompressed } from "../../../../src/infrastructure/websocket/deflate.ts";
import {
  BatchFrames,
  controlFrame,
  frameOf,
} from "../../../../src/infrastructure/websocket/frames.ts";

const utf8 = new TextEncoder();
const text = new TextDecoder();

function messageIn(frame: Uint8Array, start: number, end: number): RelayedMessage {
  return { frame, start, end, transcoded: undefined };
}

/** Envelopes of messages that stand in one JSON frame. */
function batchOf(messages: readonly unknown[], format: "json" | "msgpack" = "json") {
  const parts = messages.map((each) =>
    format === "json" ? utf8.encode(JSON.stringify(each)) : encode(each)
  );
  const frame = new Uint8Array(parts.reduce((sum, { length }) => sum + length + 1, 0));
  let at = 0;
  return parts.map((part, i) => {
    frame.set(part, at);
    const start = at;
    at += part.length + 1;
    const place = { channel: undefined, sequence: i + 1, receivedAt: 0, bytes: 100 };
    const subject = { symbol: undefined, symbols: undefined };
    return new RelayEnvelope(messageIn(frame, start, start + part.length), subject, place);
  });
}

/** The opcode and the payload of a frame of any length. */
function parse(frame: Uint8Array) {
  const view = new DataView(frame.buffer, frame.byteOffset);
  const [first = 0, second = 0] = frame;
  assert.equal(second & 0x80, 0, "not masked");
  const [length, header] = second < 126
    ? [second, 2]
    : second === 126
    ? [view.getUint16(2), 4]
    : [Number(view.getBigUint64(2)), 10];
  assert.equal(frame.length, header + length);
  return { first, payload: frame.subarray(header) };
}

const framesOf = (made: BatchFrames, ...request: Parameters<BatchFrames["of"]>) =>
  made.of(...request).frames;

const fail = (error: unknown) => {
  throw error;
};

Deno.test("a frame has the shortest header for its length", () => {
  for (const length of [0, 1, 125, 126, 65_535, 65_536]) {
    const payload = new Uint8Array(length).fill(7);
    const { first, payload: parsed } = parse(frameOf(payload, "binary"));
    assert.deepEqual([first, parsed.length, parsed.at(-1)], [0x82, length, length ? 7 : undefined]);
  }
  assert.equal(parse(frameOf(utf8.encode("x"), "text")).first, 0x81);
});

Deno.test("a message about the session is a list of one, in text or binary", () => {
  const message = { T: "success", msg: "connected" };
  const json = parse(controlFrame(message, "json"));
  assert.deepEqual([json.first, text.decode(json.payload)], [0x81, JSON.stringify([message])]);
  const binary = parse(controlFrame(message, "msgpack"));
  assert.deepEqual([binary.first, decode(binary.payload)], [0x82, [message]]);
});

Deno.test("a batch is one list, in the format of the client", () => {
  for (const count of [1, 15, 16, 400]) {
    const messages = Array.from({ length: count }, (_, i) => ({ T: "?", S: "A", i }));
    const batch = batchOf(messages);
    const frames = new BatchFrames("json", fail);
    const [json, ...more] = framesOf(frames, batch, "json");
    assert.equal(more.length, 0);
    assert.deepEqual(JSON.parse(text.decode(parse(json as Uint8Array).payload)), messages);
    const [binary] = framesOf(frames, batch, "msgpack");
    assert.deepEqual(decode(parse(binary as Uint8Array).payload), messages);
    const [native] = framesOf(
      new BatchFrames("msgpack", fail),
      batchOf(messages, "msgpack"),
      "msgpack",
    );
    assert.deepEqual(decode(parse(native as Uint8Array).payload), messages);
  }
});

Deno.test("clients with equal batches share the bytes of a frame, until they are cleared", () => {
  const frames = new BatchFrames("json", fail);
  const batch = batchOf([{ T: "q" }, { T: "t" }]);
  const made = framesOf(frames, batch, "json");
  assert.equal(framesOf(frames, [...batch], "json"), made);
  assert.notEqual(framesOf(frames, batch.slice(0, 1), "json"), made);
  assert.notEqual(framesOf(frames, batch, "msgpack"), made);
  assert.equal(framesOf(frames, [...batch], "json"), made);
  frames.clear();
  assert.notEqual(framesOf(frames, batch, "json"), made);
});

Deno.test("a message is transcoded once for all clients", () => {
  const batch = batchOf([{ T: "q", S: "A" }, { T: "q", S: "B" }, { T: "q", S: "C" }]);
  const frames = new BatchFrames("json", fail);
  frames.of(batch, "msgpack");
  const places = batch.map(({ event }) => event.transcoded);
  frames.clear();
  frames.of(batch.slice(1), "msgpack");
  batch.forEach(({ event }, i) => assert.ok(places[i] && event.transcoded === places[i]));
});

Deno.test("any part of a batch has the same messages, whichever were transcoded before", () => {
  const size = fc.integer({ min: 0, max: 300 });
  const part = fc.array(fc.boolean(), { minLength: 20, maxLength: 20 });
  fc.assert(
    fc.property(
      fc.array(size, { minLength: 20, maxLength: 20 }),
      fc.array(fc.tuple(part, fc.boolean()), { maxLength: 6 }),
      (sizes, parts) => {
        const messages = sizes.map((length, i) => ({ T: "q", S: "x".repeat(length), bp: i }));
        const batch = batchOf(messages);
        const frames = new BatchFrames("json", fail);
        for (const [isIn, isDetached] of parts) {
          const own = batch.filter((_, i) => isIn[i]);
          if (own.length === 0) continue;
          const [frame] = framesOf(frames, own, "msgpack") as [Uint8Array];
          const { payload } = parse(frame);
          assert.deepEqual(decode(payload), messages.filter((_, i) => isIn[i]));
          const head = own.length < 16 ? 1 : 3;
          const bytes = own.map(({ event: { transcoded } }) => {
            assert.ok(transcoded);
            return transcoded.frame.subarray(transcoded.start, transcoded.end);
          });
          assert.deepEqual(
            payload.subarray(head).toHex(),
            bytes.map((each) => each.toHex()).join(""),
          );
          frames.clear();
          if (isDetached) own.forEach((envelope) => envelope.detach());
        }
      },
    ),
  );
});

Deno.test("a message that has waited holds no frame of the other format", () => {
  const [envelope] = batchOf([{ T: "q" }]) as [RelayEnvelope];
  for (let i = 0; i < 2; i++) {
    const frames = new BatchFrames("json", fail);
    const [frame] = framesOf(frames, [envelope], "msgpack") as [Uint8Array];
    assert.equal(envelope.event.transcoded?.frame, frame);
    envelope.detach();
    assert.equal(envelope.event.transcoded, undefined);
  }
});

Deno.test("a large batch has frames that common clients accept", () => {
  const messages = Array.from(
    { length: 10 },
    (_, i) => ({ T: "n", i, content: "x".repeat(100_000) }),
  );
  const frames = framesOf(new BatchFrames("json", fail), batchOf(messages), "json");
  assert.ok(frames.length > 1);
  const received = frames.flatMap((frame) => {
    assert.ok(frame.length < 1_048_576);
    return JSON.parse(text.decode(parse(frame).payload));
  });
  assert.deepEqual(received, messages);
});

Deno.test("a message that cannot be transcoded is left out, counted and reported", () => {
  const errors: unknown[] = [];
  const frames = new BatchFrames("json", (error) => errors.push(error));
  const [first, second] = batchOf([{ T: "q" }, { T: "t" }]) as [RelayEnvelope, RelayEnvelope];
  first.event = messageIn(utf8.encode('{"T":'), 0, 5);
  const { frames: [frame], lost } = frames.of([first, second], "msgpack");
  assert.equal(lost, 1);
  assert.deepEqual(decode(parse(frame as Uint8Array).payload), [{ T: "t" }]);
  assert.equal(errors.length, 1);
  assert.deepEqual(framesOf(frames, [first], "msgpack"), []);
  assert.equal(frames.of([first, second], "json").lost, 0);
});

Deno.test("frames from a size on are compressed once for the clients that read them", () => {
  for (const format of ["json", "msgpack"] as const) {
    const frames = new BatchFrames(format, fail, { compressFrom: 500 });
    const messages = Array.from({ length: 200 }, (_, i) => ({ T: "q", S: "AAPL", i }));
    const batch = batchOf(messages, format);
    const [plain] = framesOf(frames, batch, format) as [Uint8Array];
    const made = framesOf(frames, batch, format, true);
    assert.equal(framesOf(frames, [...batch], format, true), made);
    assert.equal(framesOf(frames, batch, format)[0], plain);
    const { first, payload } = parse(made[0] as Uint8Array);
    assert.equal(first, format === "json" ? 0xc1 : 0xc2);
    assert.ok(payload.length < plain.length / 2);
    const whole = new Uint8Array([...payload, 0, 0, 0xff, 0xff]);
    // A reader that promises a window of 4 KiB.
    const inflated = inflateRawSync(whole, { windowBits: 12, finishFlush: 2 });
    assert.deepEqual(new Uint8Array(inflated), parse(plain).payload);
    const small = batch.slice(0, 2);
    assert.equal(framesOf(frames, small, format, true)[0], framesOf(frames, small, format)[0]);
  }
});

Deno.test("frames that stay large, very large ones and all by default are not compressed", () => {
  const cases = [
    { message: { T: "n", text: "x9" }, compressFrom: 1 },
    { message: { T: "n", text: "x".repeat(1_048_576) }, compressFrom: 1 },
    { message: { T: "n", text: "x".repeat(10_000) }, compressFrom: 0 },
  ];
  for (const { message, compressFrom } of cases) {
    const frames = new BatchFrames("json", fail, { compressFrom });
    const batch = batchOf([message]);
    assert.equal(framesOf(frames, batch, "json", true)[0], framesOf(frames, batch, "json")[0]);
  }
});

Deno.test("a client with a window below 4 KiB receives nothing compressed", () => {
  assert.ok(readsCompressed("permessage-deflate; client_max_window_bits"));
  assert.ok(readsCompressed("permessage-deflate; server_max_window_bits=12"));
  assert.ok(!readsCompressed('permessage-deflate; server_max_window_bits = "11"'));
  assert.ok(!readsCompressed("permessage-deflate, permessage-deflate; server_max_window_bits=8"));
});
