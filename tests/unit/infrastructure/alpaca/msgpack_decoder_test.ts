/** The MessagePack decoder, against the library that it replaces for input. */
import assert from "node:assert/strict";
import { decode, encode, ExtData } from "@msgpack/msgpack";
import fc from "fast-check";
import { decodeMsgpack } from "../../../../src/infrastructure/alpaca/msgpack_decoder.ts";
import { hex } from "./decoder_harness.ts";

const key = fc.string({ unit: "grapheme-ascii", maxLength: 16 })
  .filter((key) => key !== "__proto__");
const scalar = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
);
const message = fc.dictionary(
  key,
  fc.oneof(scalar, fc.array(scalar, { maxLength: 40 })),
  { maxKeys: 20, noNullPrototype: true },
);
const frame = fc.array(message, { maxLength: 20 });

Deno.test("frames of messages are decoded as the library decodes them", () => {
  fc.assert(
    fc.property(frame, (frame) => {
      const bytes = encode(frame);
      assert.deepEqual(decodeMsgpack(bytes), decode(bytes));
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("integers of 64 bits are exact", () => {
  const integer = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n });
  fc.assert(fc.property(integer, (value) => {
    const read = decodeMsgpack(encode(value, { useBigInt64: true }));
    assert.equal(BigInt(read as number | bigint), value);
    const isSafe = Number.isSafeInteger(Number(value));
    assert.equal(typeof read, isSafe ? "number" : "bigint");
  }));
});

Deno.test("a truncated frame and trailing bytes are errors", () => {
  const short = fc.array(message, { maxLength: 2 });
  fc.assert(
    fc.property(short, (frame) => {
      const bytes = encode(frame);
      for (let length = 0; length < bytes.length; length++) {
        assert.throws(() => decodeMsgpack(bytes.slice(0, length)), RangeError);
      }
      assert.throws(() => decodeMsgpack(new Uint8Array([...bytes, 0])), {
        message: "1 bytes follow the value",
      });
    }),
    { numRuns: 20 },
  );
});

Deno.test("bytes of any kind give a value or a RangeError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      try {
        decodeMsgpack(bytes);
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error));
      }
    }),
    { numRuns: 10_000 },
  );
});

Deno.test("the three forms of a timestamp are read, other extensions are symbols", () => {
  assert.deepEqual(decodeMsgpack(hex("d6ff 00000001")), {
    seconds: 1,
    nanos: 0,
  });
  assert.deepEqual(decodeMsgpack(hex("d7ff 00000004 00000002")), {
    seconds: 2,
    nanos: 1,
  });
  assert.deepEqual(
    decodeMsgpack(hex("c70cff 00000005 ffffffffffffffff")),
    { seconds: -1, nanos: 5 },
  );
  for (const other of [new ExtData(5, new Uint8Array(4)), new Uint8Array(3)]) {
    assert.equal(typeof decodeMsgpack(encode(other)), "symbol");
  }
  assert.equal(typeof decodeMsgpack(hex("c703ff 000000")), "symbol");
});

Deno.test("text that is not UTF-8 is a symbol, and longer text is cut", () => {
  assert.equal(typeof decodeMsgpack(hex("a2c328")), "symbol");
  assert.equal(decodeMsgpack(encode("x".repeat(4_096))), "x".repeat(4_096));
  assert.equal(decodeMsgpack(encode("x".repeat(9_999))), "x".repeat(4_096));
});

Deno.test("values nested deeper than any message are skipped", () => {
  const value = [{ a: [[1, { b: [2] }], { c: { d: 1 } }], e: 5 }];
  assert.deepEqual(decodeMsgpack(encode(value)), [{ a: [[], {}], e: 5 }]);
});
