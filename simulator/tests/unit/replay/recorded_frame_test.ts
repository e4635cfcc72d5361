import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeJson, jsonFrame } from "../../../src/protocol/encoding.ts";
import type { Encodable } from "../../../src/protocol/messages.ts";
import { encodeMsgpack, msgpackFrame } from "../../../src/protocol/msgpack_encoder.ts";
import { Timestamp } from "../../../src/protocol/timestamp.ts";
import {
  readTradingFrame,
  splitFrame,
  UnreadableFrame,
} from "../../../src/replay/recorded_frame.ts";

const UTF8 = new TextEncoder();

const value = fc.letrec<{ any: Encodable }>((tie) => ({
  any: fc.oneof(
    { depthSize: "small" },
    fc.string({ unit: "grapheme" }),
    fc.integer(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("any"), { maxLength: 20 }),
    fc.dictionary(fc.string(), tie("any"), { maxKeys: 20, noNullPrototype: true }),
  ),
})).any;

const message = fc.record({
  T: fc.constantFrom("t", "q", "z"),
  S: fc.constantFrom("AAPL", "BRK.B", "Ü"),
  t: fc.record({
    seconds: fc.integer({ min: -1e9, max: 2 ** 34 }),
    nanos: fc.integer({ min: 0, max: 999_999_999 }),
  }).map(({ seconds, nanos }) => new Timestamp(seconds, nanos)),
  x: value,
});

Deno.test("the messages of a frame have the bytes with which they were sent", () => {
  const property = fc.property(fc.array(message, { maxLength: 20 }), (messages) => {
    const json = messages.map(encodeJson);
    const text = splitFrame(UTF8.encode(jsonFrame(json)));
    assert.deepEqual(text.messages.map(({ encoded }) => encoded), json);
    assert.equal(text.encoding, "json");
    const packed = messages.map((one) => encodeMsgpack(one));
    const bytes = splitFrame(msgpackFrame(packed));
    assert.deepEqual(bytes.messages.map(({ encoded }) => encoded), packed);
    assert.equal(bytes.encoding, "msgpack");
    assert.equal(text.unreadable + bytes.unreadable, 0);
    // A session with the other encoding receives the message as if it had been sent in that one.
    const repacked = bytes.messages.map(({ message }) => encodeMsgpack(message));
    assert.deepEqual(repacked, packed);
  });
  fc.assert(property, { numRuns: 300 });
});

Deno.test("whole numbers keep every digit from JSON to MessagePack", () => {
  const text = `[{"T":"t","S":"A","i":9223372036854775807,"x":1234567890123456789,"p":1.5}]`;
  const [only] = splitFrame(UTF8.encode(text)).messages;
  assert.equal(only?.message["i"], 9223372036854775807n);
  assert.equal(only?.message["p"], 1.5);
  assert.equal(encodeJson(only?.message ?? {}), text.slice(1, -1));
});

Deno.test("spaces and escapes between and in messages are kept", () => {
  const first = `{ "T" : "n", "headline": "\\"]}\\\\", "symbols": [ "A" ] }`;
  const { messages } = splitFrame(UTF8.encode(` [ ${first} , {"T":"n","symbols":[]} ] `));
  assert.deepEqual(messages.map(({ encoded }) => encoded), [first, `{"T":"n","symbols":[]}`]);
});

Deno.test("a message that cannot be decoded costs that message only", () => {
  const text = `[{"T":"t","S":"A"},{"T":tru},[1],{"T":"t","S":"B"}]`;
  const { messages, unreadable } = splitFrame(UTF8.encode(text));
  assert.deepEqual(messages.map(({ message }) => message["S"]), ["A", "B"]);
  assert.equal(unreadable, 2);
});

Deno.test("bytes that are no frame are unreadable, and no other error", () => {
  for (const text of ["", "[", "{}", `[{"T":"t"}`, `[{}]]`, `["`, "null"]) {
    assert.throws(() => splitFrame(UTF8.encode(text)), UnreadableFrame, text);
  }
  const property = fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
    for (const read of [splitFrame, readTradingFrame]) {
      try {
        read(bytes);
      } catch (error) {
        assert.ok(error instanceof UnreadableFrame, String(error));
      }
    }
  });
  fc.assert(property, { numRuns: 1000 });
});

Deno.test("a frame of the trading stream is one message", () => {
  const text = `{"stream":"trade_updates","data":{"event":"fill"}}`;
  const json = readTradingFrame(UTF8.encode(text));
  assert.equal(json.encoded, text);
  assert.deepEqual(json.message, JSON.parse(text));
  const packed = encodeMsgpack({ stream: "trade_updates" });
  assert.deepEqual(readTradingFrame(packed).message, { stream: "trade_updates" });
});
