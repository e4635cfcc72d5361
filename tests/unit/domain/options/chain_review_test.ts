import assert from "node:assert/strict";
import fc from "fast-check";
import { ChainReview, countChanges } from "../../../../src/domain/options/chain_review.ts";
import type { OptionContract } from "../../../../src/domain/options/contract.ts";
import { gridOf, strikesFrom } from "./chains.ts";

const MINUTE_MS = 60_000;
/** 3 expiries of 20 contracts. */
const CHAIN = gridOf({ days: [10, 17, 24], strikes: strikesFrom(91, 100) });

/** Lists contracts at a moment. */
function listAt(
  review: ChainReview,
  contracts: readonly OptionContract[],
  { firstDay, now }: { firstDay: number; now: number },
) {
  const symbols = new Set(contracts.map(({ symbol }) => symbol));
  const isTrading = ({ expiryDay }: OptionContract) => expiryDay >= firstDay;
  return review.review({ contracts, symbols }, { isTrading, now });
}

/** A review that has accepted the chain, on day 10 at 0 ms. */
function accepted(): ChainReview {
  const review = new ChainReview();
  const { contracts, unlisted } = listAt(review, CHAIN, { firstDay: 10, now: 0 });
  assert.equal(contracts, CHAIN);
  assert.equal(unlisted, 0);
  return review;
}

Deno.test("a first list is accepted, however short", () => {
  for (const length of [0, 1, 60]) {
    const listed = CHAIN.slice(0, length);
    const { contracts, doubted } = listAt(new ChainReview(), listed, { firstDay: 10, now: 0 });
    assert.deepEqual([contracts, doubted], [listed, 0]);
  }
});

const PLAUSIBLE = [
  ["without a tenth of the contracts", CHAIN.filter((_, at) => at % 20 !== 0 && at % 20 !== 11)],
  [
    "with adjusted contracts beside others after a split",
    [
      ...gridOf({ root: "SPY1", days: [10, 17, 24], strikes: strikesFrom(91, 100) }),
      ...gridOf({ days: [10, 17, 24], strikes: strikesFrom(84, 97) }),
    ],
  ],
  ["with other symbols after a split", gridOf({ days: [10, 17, 24], strikes: strikesFrom(1, 10) })],
  ["with another expiry", [...CHAIN, ...gridOf({ days: [31], strikes: [100] })]],
] as const;

for (const [what, listed] of PLAUSIBLE) {
  Deno.test(`a list ${what} replaces the chain`, () => {
    const { contracts, doubted } = listAt(accepted(), listed, { firstDay: 10, now: 1 });
    assert.deepEqual([contracts, doubted], [listed, 0]);
  });
}

Deno.test("expired contracts may be missing", () => {
  const left = CHAIN.filter(({ expiryDay }) => expiryDay > 10);
  assert.equal(listAt(accepted(), left, { firstDay: 11, now: 1 }).doubted, 0);
  assert.equal(listAt(accepted(), left, { firstDay: 10, now: 1 }).doubted, 1);
});

/** A chain of which the first expiry is a small part. */
const LARGE_CHAIN = [
  ...CHAIN,
  ...gridOf({ days: [31], strikes: strikesFrom(1, 1_000) }),
];

const DOUBTED = [
  ["all puts of one expiry", (one: OptionContract) => one.right === "call"],
  ["two of ten calls of one expiry", (one: OptionContract) => one.strike > 92],
  ["strikes next to the price of one expiry", (one: OptionContract) => one.strike % 10 < 4],
  ["one expiry", () => false],
] as const;

for (const [what, isListed] of DOUBTED) {
  for (const how of ["missing", "not tradable"]) {
    Deno.test(`a list in which ${what} are ${how} is doubted, and they stay`, () => {
      const review = new ChainReview();
      listAt(review, LARGE_CHAIN, { firstDay: 10, now: 0 });
      const isGone = (one: OptionContract) => one.expiryDay === 10 && !isListed(one);
      const listed = how === "missing"
        ? LARGE_CHAIN.filter((one) => !isGone(one))
        : LARGE_CHAIN.map((one) => isGone(one) ? { ...one, isTradable: false } : one);
      const { doubted, contracts } = listAt(review, listed, { firstDay: 10, now: 1 });
      assert.equal(doubted, 1);
      assert.deepEqual(new Set(contracts), new Set(LARGE_CHAIN));
      assert.equal(listAt(review, LARGE_CHAIN, { firstDay: 10, now: 2 }).doubted, 0);
    });
  }
}

Deno.test("added strikes do not make up for missing ones", () => {
  const added = gridOf({ days: [10, 17, 24], strikes: strikesFrom(101, 110) });
  const listed = [...CHAIN.filter(({ strike }) => strike < 95 || strike > 96), ...added];
  const review = accepted();
  const { doubted, contracts, unlisted } = listAt(review, listed, { firstDay: 10, now: 1 });
  assert.deepEqual([doubted, unlisted], [1, 12]);
  assert.deepEqual(new Set(contracts), new Set([...CHAIN, ...added]));
  const complete = [...CHAIN, ...added];
  assert.equal(listAt(review, complete, { firstDay: 10, now: 2 }).doubted, 0);
});

Deno.test("a list in which most contracts are not tradable is accepted after 24 hours", () => {
  const review = accepted();
  const listed = CHAIN.map((one, at) => at < 6 ? one : { ...one, isTradable: false });
  for (let hour = 0; hour < 24; hour++) {
    const reviewed = listAt(review, listed, { firstDay: 10, now: hour * 60 * MINUTE_MS });
    assert.deepEqual([reviewed.contracts, reviewed.untradable], [CHAIN, 54]);
  }
  const { contracts } = listAt(review, listed, { firstDay: 10, now: 24 * 60 * MINUTE_MS });
  assert.equal(contracts, listed);
});

Deno.test("a shorter list is accepted when three are alike for 30 minutes", () => {
  const listed = CHAIN.slice(0, 40);
  const moments = [0, 1, 29, 30].map((minute) => ({ firstDay: 10, now: minute * MINUTE_MS }));
  const review = accepted();
  const reviewed = moments.map((moment) => listAt(review, listed, moment));
  assert.deepEqual(reviewed.map(({ doubted }) => doubted), [1, 2, 3, 0]);
  assert.deepEqual(reviewed.map(({ isConfirmed }) => isConfirmed), [false, false, false, true]);
  const twice = accepted();
  listAt(twice, listed, { firstDay: 10, now: 0 });
  const second = listAt(twice, listed, { firstDay: 10, now: 60 * MINUTE_MS });
  assert.equal(second.doubted, 2, "two lists are too few");
});

Deno.test("shorter lists that differ confirm nothing", () => {
  const review = accepted();
  for (let minute = 0; minute < 600; minute += 10) {
    const listed = CHAIN.slice(0, minute % 20 ? 40 : 50);
    const { doubted } = listAt(review, listed, { firstDay: 10, now: minute * MINUTE_MS });
    assert.ok(doubted > 0);
  }
});

Deno.test("the loss of more than half of a chain is accepted after 24 hours", () => {
  const review = accepted();
  for (let hour = 0; hour < 24; hour++) {
    const { contracts } = listAt(review, [], { firstDay: 10, now: hour * 60 * MINUTE_MS });
    assert.equal(contracts.length, 60);
  }
  const { contracts } = listAt(review, [], { firstDay: 10, now: 24 * 60 * MINUTE_MS });
  assert.deepEqual(contracts, []);
});

Deno.test("every listed contract is used, and none is lost within 30 minutes", () => {
  const lists = fc.array(fc.subarray(CHAIN), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(lists, (list) => {
      const review = accepted();
      let before: readonly unknown[] = CHAIN;
      for (const [minute, listed] of list.entries()) {
        const moment = { firstDay: 10, now: minute * MINUTE_MS };
        const { contracts, symbols, unlisted, doubted } = listAt(review, listed, moment);
        const used = new Set(contracts);
        assert.equal(used.size, contracts.length, "no contract twice");
        assert.deepEqual([...symbols], contracts.map(({ symbol }) => symbol));
        assert.ok(listed.every((contract) => used.has(contract)));
        assert.equal(unlisted, contracts.length - listed.length);
        if (doubted === 0) assert.ok(listed.length >= before.length * 0.9);
        before = doubted === 0 ? listed : before;
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("changes are counted by symbol", () => {
  const symbolsOf = (chain: readonly OptionContract[]) =>
    new Set(chain.map(({ symbol }) => symbol));
  const other = gridOf({ days: [10, 17, 24], strikes: strikesFrom(92, 102) });
  assert.deepEqual(countChanges(CHAIN, symbolsOf(CHAIN.toReversed())), { added: 0, removed: 0 });
  assert.deepEqual(countChanges(CHAIN, symbolsOf(other)), { added: 12, removed: 6 });
  assert.deepEqual(countChanges([], symbolsOf(CHAIN)), { added: 60, removed: 0 });
});
