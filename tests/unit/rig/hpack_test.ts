/** Header blocks and frames as the standards have them. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { headerBlock, integer } from "../../../scripts/rig/hpack.ts";
import { dataFrames, headerFrames, MAX_FRAME_BYTES, texts } from "../../../scripts/rig/messages.ts";

/** Reads an integer of RFC 7541, 5.1; gives the value and its bytes. */
function decoded(bytes: readonly number[], bits: number): [number, number] {
  const full = 2 ** bits - 1;
  let value = (bytes[0] ?? 0) & full;
  if (value < full) return [value, 1];
  for (let at = 1, factor = 1;; at++, factor *= 128) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return [value, at + 1];
  }
}

Deno.test("an integer with any prefix is decoded", () => {
  fc.assert(fc.property(
    fc.integer({ min: 0, max: 2 ** 31 }),
    fc.integer({ min: 4, max: 7 }),
    (value, bits) => {
      const bytes = integer(value, bits);
      assert.deepEqual(decoded(bytes, bits), [value, bytes.length]);
    },
  ));
});

Deno.test("an integer is encoded as the standard's example", () => {
  assert.deepEqual(integer(10, 5), [10]);
  assert.deepEqual(integer(1337, 5), [31, 154, 10]);
});

Deno.test("a header block is as long as its names and values and their lengths", () => {
  assert.equal(headerBlock([["a", "b"]]).length, 1 + 1 + 1 + 1 + 1);
  assert.equal(headerBlock([["a", "b".repeat(200)]]).length, 1 + 2 + 2 + 200);
});

Deno.test("a long header block goes on in CONTINUATION frames", () => {
  const bytes = headerFrames(1, new Uint8Array(2 * MAX_FRAME_BYTES + 1));
  const types: number[] = [];
  const ends: number[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = (bytes[at] ?? 0) << 16 | (bytes[at + 1] ?? 0) << 8 |
      (bytes[at + 2] ?? 0);
    types.push(bytes[at + 3] ?? 0);
    ends.push((bytes[at + 4] ?? 0) & 4);
    at += 9 + size;
  }
  assert.deepEqual(types, [1, 9, 9]);
  assert.deepEqual(ends, [0, 0, 4]);
});

Deno.test("a text field longer than 127 bytes has a length of two bytes", () => {
  const bytes = texts(1, ["x".repeat(200)]);
  assert.deepEqual([...bytes.subarray(0, 3)], [0x0a, 200, 1]);
  assert.equal(bytes.length, 203);
});

Deno.test("DATA frames carry a body whole, and only the last one ends it", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 40_000 }), (size) => {
    const bytes = dataFrames(3, new Uint8Array(size));
    let carried = 0;
    let at = 0;
    let ends = 0;
    while (at < bytes.length) {
      const length = (bytes[at] ?? 0) << 16 | (bytes[at + 1] ?? 0) << 8 |
        (bytes[at + 2] ?? 0);
      ends += (bytes[at + 4] ?? 0) & 1;
      carried += length;
      at += 9 + length;
      if (at < bytes.length) assert.equal(ends, 0);
    }
    assert.deepEqual([carried, ends], [size, 1]);
  }));
});
