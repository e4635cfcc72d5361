/** Texts are found by their bytes in tables of any size. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { UNSUPPORTED } from "../../../../../src/infrastructure/alpaca/fast/frame_batch.ts";
import {
  addToHash,
  InternTable,
} from "../../../../../src/infrastructure/alpaca/fast/intern_table.ts";

const utf8 = new TextEncoder();

function lookUp<T>(table: InternTable<T>, text: string): T {
  // Within other bytes, as in a frame.
  const bytes = utf8.encode(`"${text}"`);
  let hash = 0;
  for (const byte of bytes.subarray(1, -1)) hash = addToHash(hash, byte);
  return table.intern(bytes, 1, bytes.length - 1, hash);
}

const ascii = fc.string({ unit: "binary-ascii", maxLength: 6 });

Deno.test("a text has its value, also in a table that evicts", () => {
  fc.assert(
    fc.property(
      fc.nat(3),
      fc.array(ascii, { maxLength: 60 }),
      (bits, words) => {
        const table = new InternTable((word) => `<${word}>`, bits + 1);
        for (const word of words) {
          assert.equal(
            lookUp(table, word),
            `<${word}>`,
          );
        }
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("a text that was interned before is the same object", () => {
  const table = new InternTable((word) => ({ word }), 10);
  assert.equal(lookUp(table, "AAPL"), lookUp(table, "AAPL"));
  assert.notEqual(lookUp(table, "AAPL"), lookUp(table, "MSFT"));
});

Deno.test("two texts that collide do not evict each other", () => {
  let made = 0;
  const table = new InternTable((word) => {
    made++;
    return word;
  }, 1);
  for (let i = 0; i < 10; i++) {
    lookUp(table, "A");
    lookUp(table, "B");
  }
  assert.equal(made, 2);
});

Deno.test("a text without a value is not supported, and is looked up again", () => {
  let asked = 0;
  const table = new InternTable<string>(() => {
    asked++;
    return undefined;
  }, 4);
  for (let i = 1; i <= 2; i++) {
    assert.throws(() => lookUp(table, "?"), UNSUPPORTED);
    assert.equal(asked, i);
  }
});
