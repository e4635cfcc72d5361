import assert from "node:assert/strict";
import fc from "fast-check";
import { decode, ExtensionCodec } from "@msgpack/msgpack";
import { Timestamp } from "../../../src/protocol/timestamp.ts";
import { encodeMsgpack, msgpackFrame } from "../../../src/protocol/msgpack_encoder.ts";

const hex = (bytes: Uint8Array) => bytes.toHex();

Deno.test("control frames have the bytes of the protocol tables", () => {
  const connected = { T: "success", msg: "connected" };
  assert.equal(
    hex(msgpackFrame([encodeMsgpack(connected)])),
    "9182a154a773756363657373a36d7367a9636f6e6e6563746564",
  );
  const refused = { T: "error", code: 406, msg: "connection limit exceeded" };
  assert.equal(
    hex(msgpackFrame([encodeMsgpack(refused)])),
    "9183a154a56572726f72a4636f6465cd0196a36d7367b9636f6e6e656374696f6e20" +
      "6c696d6974206578636565646564",
  );
});

Deno.test("timestamps take 4, 8 or 12 bytes as their value needs", () => {
  const cases: [Timestamp, string][] = [
    [new Timestamp(0x6aa804e8, 0), "d6ff6aa804e8"],
    [new Timestamp(0x6aa804ea, 118_450_321), "d7ff1c3da2446aa804ea"],
    [new Timestamp(2 ** 32, 0), "d7ff0000000100000000"],
    [new Timestamp(2 ** 34 - 1, 999_999_999), "d7ffee6b27ffffffffff"],
    [new Timestamp(2 ** 34, 1), "c70cff000000010000000400000000"],
    [new Timestamp(-1, 5), "c70cff00000005ffffffffffffffff"],
  ];
  for (const [instant, expected] of cases) {
    assert.equal(hex(encodeMsgpack(instant)), expected);
  }
});

Deno.test("time text becomes a timestamp, other text stays text", () => {
  const bytes = encodeMsgpack({ T: "q", t: "2026-09-14T14:30:02.118450321Z" });
  assert.equal(hex(bytes), "82a154a171a174d7ff1c3da2446aa804ea");
  const odd = hex(encodeMsgpack({ T: "q", t: "soon" }));
  assert.ok(odd.endsWith("a4736f6f6e"));
});

Deno.test("T is the first key", () => {
  const bytes = encodeMsgpack({ S: "A", bp: 1, T: "q" });
  assert.equal(hex(bytes).slice(0, 10), "83a154a171");
});

Deno.test("prices are float64 even when whole, sizes are minimal integers", () => {
  const bytes = encodeMsgpack({ T: "q", bp: 2, bs: 2, as: 300 });
  assert.equal(
    hex(bytes),
    "84a154a171" + "a26270cb4000000000000000" + "a2627302" + "a26173cd012c",
  );
});

Deno.test("a close is a price in a bar and a list in a trade", () => {
  assert.equal(
    hex(encodeMsgpack({ T: "b", c: 1 })),
    "82a154a162a163cb3ff0000000000000",
  );
  assert.equal(
    hex(encodeMsgpack({ T: "t", c: ["@"] })),
    "82a154a174a16391a140",
  );
});

Deno.test("integers have the width their value needs", () => {
  const cases: [number | bigint, string][] = [
    [127, "7f"],
    [128, "cc80"],
    [256, "cd0100"],
    [65_536, "ce00010000"],
    [2 ** 32, "cf0000000100000000"],
    [2n ** 63n, "cf8000000000000000"],
    [-1, "ff"],
    [-33, "d0df"],
    [-129, "d1ff7f"],
    [-32_769, "d2ffff7fff"],
    [-(2 ** 31) - 1, "d3ffffffff7fffffff"],
    [52_983_525_029_461, "cf0000303030303655"],
  ];
  for (const [value, expected] of cases) {
    assert.equal(hex(encodeMsgpack(value)), expected);
  }
});

Deno.test("an independent decoder decodes any encoded value", () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      fc.maxSafeInteger(),
      fc.double({ noNaN: true }),
      fc.string({ unit: "grapheme", maxLength: 300 }),
      fc.boolean(),
      fc.constant(null),
      fc.uint8Array({ maxLength: 300 }),
      fc.array(tie("any"), { maxLength: 20 }),
      fc.dictionary(fc.stringMatching(/^[a-z]{3,8}$/), tie("any"), {
        noNullPrototype: true,
        maxKeys: 20,
      }),
    ),
  })).any;
  fc.assert(fc.property(value, (given) => {
    assert.deepEqual(decode(encodeMsgpack(given as object)), given);
  }));
});

Deno.test("an independent decoder decodes every timestamp", () => {
  const codec = new ExtensionCodec();
  codec.register({
    type: -1,
    encode: () => null,
    decode(data) {
      const view = new DataView(data.buffer, data.byteOffset, data.length);
      if (data.length === 4) return [view.getUint32(0), 0];
      if (data.length === 12) {
        return [Number(view.getBigInt64(4)), view.getUint32(0)];
      }
      const word = view.getBigUint64(0);
      return [Number(word & 0x3ffffffffn), Number(word >> 34n)];
    },
  });
  const seconds = fc.integer({ min: -(2 ** 40), max: 2 ** 40 });
  const nanos = fc.integer({ min: 0, max: 999_999_999 });
  fc.assert(fc.property(seconds, nanos, (s, ns) => {
    const bytes = encodeMsgpack(new Timestamp(s, ns));
    assert.deepEqual(decode(bytes, { extensionCodec: codec }), [s, ns]);
  }));
});

Deno.test("a frame joins any number of messages", () => {
  for (const count of [0, 1, 15, 16, 65_535, 65_536]) {
    const one = encodeMsgpack(7);
    const frame = msgpackFrame(Array.from({ length: count }, () => one));
    assert.equal((decode(frame) as unknown[]).length, count);
  }
});
