import assert from "node:assert/strict";
import fc from "fast-check";
import { shareCounts, shareSlots } from "../../../../src/domain/options/slot_shares.ts";

type SlotRequest = Parameters<typeof shareSlots>[0][number];

const QUOTES = ["quotes"];

/** A request for `count` contracts that no other one has. */
function requestOf(name: string, count: number, weight = 1): SlotRequest {
  const desired = Array.from({ length: count }, (_, at) => `${name}${at}`);
  return { desired, weight, channels: QUOTES };
}

/** Numbers of contracts granted. */
function counts(requests: readonly SlotRequest[], slots: number): number[] {
  return shareSlots(requests, { slots }).map(({ length }) => length);
}

Deno.test("five underlyings on 120 slots get 24 each", () => {
  const requests = [..."ABCDE"].map((name) => requestOf(name, 100));
  assert.deepEqual(counts(requests, 120), [24, 24, 24, 24, 24]);
  assert.deepEqual(counts(requests, 122), [25, 25, 24, 24, 24], "the oldest first in a round");
});

Deno.test("each gets its best contracts, and what one does not need goes to the others", () => {
  assert.deepEqual(
    shareSlots([requestOf("A", 1), requestOf("B", 9), requestOf("C", 9)], { slots: 6 }),
    [["A0"], ["B0", "B1", "B2"], ["C0", "C1"]],
  );
});

Deno.test("a weight is a share; a call and a put come before it", () => {
  const requests = [requestOf("A", 100, 10), requestOf("B", 100, 1), requestOf("C", 100, 9)];
  assert.deepEqual(counts(requests, 100), [50, 5, 45]);
  assert.deepEqual(counts(requests, 6), [2, 2, 2]);
  assert.deepEqual(counts(requests, 3), [1, 1, 1]);
  assert.deepEqual(counts(requests, 2), [1, 1, 0], "the newest has none");
});

Deno.test("a contract of two requests uses one slot", () => {
  const first = { desired: ["a", "b"], weight: 1, channels: QUOTES };
  const second = { desired: ["x", "b", "a", "y"], weight: 1, channels: QUOTES };
  assert.deepEqual(shareSlots([first, second], { slots: 3 }), [["a", "b"], ["x", "b", "a"]]);
});

Deno.test("a contract uses a slot per channel, and has all of them or none", () => {
  const both = { desired: ["a", "b"], weight: 1, channels: ["quotes", "trades"] };
  const quotes = { desired: ["a", "c"], weight: 1, channels: QUOTES };
  const free = { desired: ["a", "b", "z"], weight: 1, channels: [] };
  assert.deepEqual(shareSlots([both, quotes, free], { slots: 3 }), [
    ["a"],
    ["a", "c"],
    ["a", "b", "z"],
  ]);
});

Deno.test("a contract that a stream names needs no slot", () => {
  const request = { desired: ["a", "b", "c", "d"], weight: 1, channels: QUOTES };
  const isCarried = (_channel: string, symbol: string) => symbol === "b" || symbol === "d";
  assert.deepEqual(shareSlots([request], { slots: 1, isCarried }), [["a", "b", "d"]]);
  assert.deepEqual(shareSlots([request], { slots: 0, isCarried }), [["b", "d"]]);
});

for (const slots of [0, -5]) {
  Deno.test(`${slots} slots are none`, () => {
    assert.deepEqual(counts([requestOf("A", 1), requestOf("B", 1)], slots), [0, 0]);
    assert.deepEqual(shareCounts([{ count: 5, weight: 1 }], slots), [0]);
  });
}

const symbol = fc.constantFrom(..."abcdefghij");
const request = fc.record({
  desired: fc.uniqueArray(symbol),
  weight: fc.integer({ min: 1, max: 100 }),
  channels: fc.constant(QUOTES),
});
const requests = fc.array(request, { maxLength: 6 });
const distinct = (lists: readonly (readonly string[])[]) => new Set(lists.flat()).size;

Deno.test("slots are never exceeded and never left free while one is requested", () => {
  fc.assert(
    fc.property(requests, fc.integer({ min: -2, max: 12 }), (all, slots) => {
      const wanted = distinct(all.map(({ desired }) => desired));
      assert.equal(distinct(shareSlots(all, { slots })), Math.min(Math.max(0, slots), wanted));
    }),
  );
});

Deno.test("one slot more takes no contract from any request", () => {
  fc.assert(
    fc.property(requests, fc.nat(12), (all, slots) => {
      const more = shareSlots(all, { slots: slots + 1 });
      for (const [at, granted] of shareSlots(all, { slots }).entries()) {
        for (const symbol of granted) assert.ok(more[at]?.includes(symbol));
      }
    }),
  );
});

Deno.test("other contracts of one request change the number of none", () => {
  const lengths = fc.array(fc.nat(30), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(lengths, fc.nat(60), fc.nat(5), (all, slots, at) => {
      const before = all.map((length, at) => requestOf(`A${at}`, length));
      const moved = at % all.length;
      const after = before.map((request, at) =>
        at === moved ? requestOf("MOVED", all[at] ?? 0) : request
      );
      const [expected, found] = [shareSlots(before, { slots }), shareSlots(after, { slots })];
      assert.deepEqual(found.map(({ length }) => length), expected.map(({ length }) => length));
      for (const [at, granted] of found.entries()) {
        if (at !== moved) assert.deepEqual(granted, expected[at]);
      }
    }),
  );
});

Deno.test("a total of counts is shared like slots", () => {
  const sizes = fc.array(
    fc.record({ count: fc.nat(40), weight: fc.integer({ min: 1, max: 9 }) }),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(sizes, fc.nat(150), (all, total) => {
      const shared = shareCounts(all, total);
      const wanted = all.reduce((sum, { count }) => sum + count, 0);
      assert.equal(shared.reduce((sum, count) => sum + count, 0), Math.min(total, wanted));
      const slots = counts(
        all.map(({ count, weight }, at) => requestOf(`R${at} `, count, weight)),
        total,
      );
      for (const [at, count] of shared.entries()) {
        const { weight } = all[at]!;
        const difference = Math.abs(count - slots[at]!);
        assert.ok(difference <= weight + 1, `${shared} and ${slots} of ${total}`);
      }
    }),
  );
});
