/** Words are found by their bytes, however small the table is. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { NOT_PLAIN } from "../../../../../src/infrastructure/alpaca/plain/plain_reader.ts";
import {
  addToHash,
  WordTable,
} from "../../../../../src/infrastructure/alpaca/plain/word_table.ts";

const utf8 = new TextEncoder();

function lookUp<T>(table: WordTable<T>, word: string): T {
  // Surrounded, because words lie within frames.
  const bytes = utf8.encode(`"${word}"`);
  let hash = 0;
  for (const byte of bytes.subarray(1, -1)) hash = addToHash(hash, byte);
  return table.at(bytes, 1, bytes.length - 1, hash);
}

const ascii = fc.string({ unit: "binary-ascii", maxLength: 6 });

Deno.test("a word means what it means, also in a table that forgets", () => {
  fc.assert(
    fc.property(
      fc.nat(3),
      fc.array(ascii, { maxLength: 60 }),
      (bits, words) => {
        const table = new WordTable((word) => `<${word}>`, bits + 1);
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

Deno.test("a word that was met before is the same object", () => {
  const table = new WordTable((word) => ({ word }), 10);
  assert.equal(lookUp(table, "AAPL"), lookUp(table, "AAPL"));
  assert.notEqual(lookUp(table, "AAPL"), lookUp(table, "MSFT"));
});

Deno.test("words that meet in one place do not drive each other out at once", () => {
  let made = 0;
  const table = new WordTable((word) => {
    made++;
    return word;
  }, 1);
  for (let i = 0; i < 10; i++) {
    lookUp(table, "A");
    lookUp(table, "B");
  }
  assert.equal(made, 2);
});

Deno.test("a word without a meaning is not plain, and is asked for again", () => {
  let asked = 0;
  const table = new WordTable<string>(() => {
    asked++;
    return undefined;
  }, 4);
  for (let i = 1; i <= 2; i++) {
    assert.throws(() => lookUp(table, "?"), NOT_PLAIN);
    assert.equal(asked, i);
  }
});
