/** JSON whose numbers keep their digits. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  parseWithBigInts,
  parseWithNumberText,
} from "../../../../src/infrastructure/alpaca/codecs.ts";

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

const { gc } = globalThis as { gc?: () => void };

Deno.test({
  name: "a number of money keeps its digits and not the text around it",
  ignore: gc === undefined,
  fn() {
    const blanks = " ".repeat(200_000);
    const read = (i: number) =>
      parseWithNumberText(
        `{"qty":123456789${i}.000000001,"x":"${blanks}"}`,
      ) as {
        qty: unknown;
      };
    gc?.();
    const before = Deno.memoryUsage().heapUsed;
    const kept = Array.from({ length: 100 }, (_, i) => read(100 + i).qty);
    gc?.();
    const each = (Deno.memoryUsage().heapUsed - before) / kept.length;
    assert.equal(kept[7], "123456789107.000000001");
    assert(each < 5_000, `${Math.round(each)} bytes for each number`);
  },
});

Deno.test("a number of thousands of digits is not taken for money", () => {
  const digits = "1".repeat(1_001);
  assert.deepEqual(parseWithNumberText(`[${digits}]`), [[]]);
  assert.deepEqual(parseWithNumberText(`[${digits.slice(1)}]`), [
    digits.slice(1),
  ]);
});
