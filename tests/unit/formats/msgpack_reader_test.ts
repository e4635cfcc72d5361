/**
 * The reader finds where values end, for any value and any bytes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { isList, isMap, isText, MsgpackReader } from "../../../src/formats/msgpack_reader.ts";

const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: "small" },
    fc.jsonValue({ maxDepth: 1 }),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double(),
    fc.string({ maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.date({ noInvalidDate: true }),
    fc.array(tie("any"), { maxLength: 20 }),
    fc.dictionary(fc.string().filter((key) => key !== "__proto__"), tie("any"), { maxKeys: 20 }),
  ),
})).any;

Deno.test("a value of any kind and depth is skipped up to its last byte", () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 4 }), (values) => {
      const parts = values.map((each) => encode(each));
      const bytes = Uint8Array.from(parts.flatMap((part) => [...part]));
      const reader = new MsgpackReader(bytes);
      for (const part of parts) {
        const from = reader.at;
        reader.skip(1);
        assert.equal(reader.at - from, part.length);
      }
      assert.equal(reader.left, 0);
      const all = new MsgpackReader(bytes);
      all.skip(values.length);
      assert.equal(all.left, 0);
    }),
    { numRuns: 500 },
  );
});

Deno.test("a value that is cut anywhere is an error", () => {
  fc.assert(
    fc.property(value, (each) => {
      const bytes = encode(each);
      for (let length = 0; length < Math.min(bytes.length, 200); length++) {
        const reader = new MsgpackReader(bytes.subarray(0, length));
        assert.throws(() => reader.skip(1), RangeError);
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("any bytes are skipped or rejected, without a step per value that is claimed", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const reader = new MsgpackReader(bytes);
      try {
        reader.skip(1);
      } catch (error) {
        assert.ok(error instanceof RangeError);
        return;
      }
      assert.ok(reader.left >= 0);
    }),
    { numRuns: 2_000 },
  );
  // A map of 2^32 - 1 keys.
  const claimed = new MsgpackReader(new Uint8Array([0xdf, 0xff, 0xff, 0xff, 0xff, 0, 0]));
  assert.throws(() => claimed.skip(1), /ends within/);
  assert.throws(() => new MsgpackReader(new Uint8Array([0xc1])).skip(1), /0xc1/);
});

Deno.test("heads of every width have their length, and tell what they begin", () => {
  for (const length of [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536]) {
    const text = new MsgpackReader(encode("x".repeat(length)));
    assert.deepEqual([isText(text.head), text.textLength(), text.left], [true, length, length]);
    const list = new MsgpackReader(encode(new Array(length).fill(1)));
    assert.deepEqual([isList(list.head), list.listLength(), list.left], [true, length, length]);
    const keys = Array.from({ length }, (_, i) => [`${i}`, 1]);
    const map = new MsgpackReader(encode(Object.fromEntries(keys)));
    assert.deepEqual([isMap(map.head), map.mapSize()], [true, length]);
  }
  for (const other of [1, -1, 1.5, null, true, new Uint8Array(3)]) {
    const { head } = new MsgpackReader(encode(other));
    assert.ok(!isText(head) && !isList(head) && !isMap(head));
  }
});
