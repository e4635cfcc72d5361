import assert from "node:assert/strict";
import fc from "fast-check";
import { allot } from "../../../../src/domain/options/allotment.ts";

Deno.test("the oldest gets its whole wish before the next gets anything", () => {
  assert.deepEqual(allot([["a", "b"], ["c", "d"], ["e"]], 3), [
    ["a", "b"],
    ["c"],
    [],
  ]);
});

Deno.test("a contract that two want takes one place", () => {
  assert.deepEqual(allot([["a", "b"], ["x", "b", "y"]], 3), [
    ["a", "b"],
    ["x", "b"],
  ]);
});

for (const places of [0, -5]) {
  Deno.test(`${places} places are none`, () => {
    assert.deepEqual(allot([["a"], ["b"]], places), [[], []]);
  });
}

const symbol = fc.constantFrom(..."abcdefghij");
const wishes = fc.array(fc.uniqueArray(symbol), { maxLength: 5 });
const distinct = (lists: readonly (readonly string[])[]) =>
  new Set(lists.flat()).size;

Deno.test("places are never exceeded and never left free while one is wanted", () => {
  fc.assert(
    fc.property(wishes, fc.integer({ min: -2, max: 12 }), (all, places) => {
      const given = allot(all, places);
      const room = Math.max(0, places);
      assert.equal(distinct(given), Math.min(room, distinct(all)));
    }),
  );
});

Deno.test("a newcomer takes nothing from those before it", () => {
  fc.assert(fc.property(
    wishes,
    fc.uniqueArray(symbol),
    fc.integer({ min: 0, max: 12 }),
    (all, newcomer, places) => {
      assert.deepEqual(
        allot([...all, newcomer], places).slice(0, all.length),
        allot(all, places),
      );
    },
  ));
});
