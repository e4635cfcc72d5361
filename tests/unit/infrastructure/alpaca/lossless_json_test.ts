/** JSON whose numbers keep their digits. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  parseWithBigInts,
  parseWithNumberText,
} from "../../../../src/infrastructure/alpaca/lossless_json.ts";

Deno.test("any integer is exact, small ones as numbers", () => {
  fc.assert(fc.property(fc.bigInt(), (value) => {
    const read = parseWithBigInts(`{"a":[${value}]}`) as { a: unknown[] };
    const small = BigInt(Number.MAX_SAFE_INTEGER) >= value &&
      value >= BigInt(Number.MIN_SAFE_INTEGER);
    assert.deepEqual(read.a, [small ? Number(value) : value]);
  }));
});

Deno.test("fractions, exponents and text equal those of JSON.parse", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    const text = JSON.stringify(value);
    const plain = JSON.parse(text);
    fc.pre(!/\d{16}/.test(text));
    assert.deepEqual(parseWithBigInts(text), plain);
  }));
});

Deno.test("a number can be kept as its source text", () => {
  const digits = "0.10000000000000000001";
  assert.deepEqual(
    parseWithNumberText(`{"p":${digits},"q":[1.50,-0,1e3],"t":"2","n":null}`),
    { p: digits, q: ["1.50", "-0", "1e3"], t: "2", n: null },
  );
});
