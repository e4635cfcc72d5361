import assert from "node:assert/strict";
import fc from "fast-check";
import { allocateSlots } from "../../../../src/domain/options/selection.ts";

Deno.test("the oldest gets all of its contracts before the next gets any", () => {
  assert.deepEqual(allocateSlots([["a", "b"], ["c", "d"], ["e"]], 3), [
    ["a", "b"],
    ["c"],
    [],
  ]);
});

Deno.test("a contract of two selections uses one slot", () => {
  assert.deepEqual(allocateSlots([["a", "b"], ["x", "b", "y"]], 3), [
    ["a", "b"],
    ["x", "b"],
  ]);
});

for (const places of [0, -5]) {
  Deno.test(`${places} slots are none`, () => {
    assert.deepEqual(allocateSlots([["a"], ["b"]], places), [[], []]);
  });
}

const symbol = fc.constantFrom(..."abcdefghij");
const wishes = fc.array(fc.uniqueArray(symbol), { maxLength: 5 });
const distinct = (lists: readonly (readonly string[])[]) => new Set(lists.flat()).size;

Deno.test("slots are never exceeded and never left free while one is requested", () => {
  fc.assert(
    fc.property(wishes, fc.integer({ min: -2, max: 12 }), (all, places) => {
      const given = allocateSlots(all, places);
      const room = Math.max(0, places);
      assert.equal(distinct(given), Math.min(room, distinct(all)));
    }),
  );
});

Deno.test("a new selection takes nothing from older ones", () => {
  fc.assert(fc.property(
    wishes,
    fc.uniqueArray(symbol),
    fc.integer({ min: 0, max: 12 }),
    (all, newcomer, places) => {
      assert.deepEqual(
        allocateSlots([...all, newcomer], places).slice(0, all.length),
        allocateSlots(all, places),
      );
    },
  ));
});
