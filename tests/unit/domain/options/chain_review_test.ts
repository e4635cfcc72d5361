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
  [
    "without a tenth of the contracts, the lowest calls and the highest puts",
    CHAIN.filter(({ right, strike }) => strike !== (right === "call" ? 91 : 100)),
  ],
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

Deno.test("a list that lacks a strike between others is doubted, and the strike stays", () => {
  for (const right of ["call", "put"]) {
    const isGone = (one: OptionContract) =>
      one.expiryDay === 17 && one.strike === 96 && one.right === right;
    const listed = CHAIN.filter((one) => !isGone(one));
    const review = accepted();
    const first = listAt(review, listed, { firstDay: 10, now: 0 });
    assert.deepEqual([first.doubted, first.unlisted], [1, 1]);
    assert.deepEqual(new Set(first.contracts), new Set(CHAIN));
    assert.equal(listAt(review, listed, { firstDay: 18, now: 1 }).doubted, 0, "it has expired");
    const confirmed = accepted();
    for (const minute of [0, 10]) {
      listAt(confirmed, listed, { firstDay: 10, now: minute * MINUTE_MS });
    }
    const third = listAt(confirmed, listed, { firstDay: 10, now: 30 * MINUTE_MS });
    assert.deepEqual([third.doubted, third.isConfirmed, third.contracts], [0, true, listed]);
  }
});

Deno.test("a strike that is listed as not tradable between others is taken as that", () => {
  const listed = CHAIN.map((one) => one.strike === 96 ? { ...one, isTradable: false } : one);
  const { contracts, doubted } = listAt(accepted(), listed, { firstDay: 10, now: 1 });
  assert.deepEqual([contracts, doubted], [listed, 0]);
});

Deno.test("contracts that an accepted list lacks are counted", () => {
  const lostBy = (listed: readonly OptionContract[]) =>
    listAt(accepted(), listed, { firstDay: 10, now: 1 }).lost;
  assert.equal(lostBy(CHAIN), 0);
  assert.equal(lostBy(CHAIN.filter(({ strike }) => strike > 91)), 6);
  const renamed = gridOf({ root: "SPY1", days: [10, 17, 24], strikes: strikesFrom(91, 100) });
  const after = [...renamed, ...gridOf({ days: [10, 17, 24], strikes: strikesFrom(1, 10) })];
  assert.equal(lostBy(after), 0, "renamed contracts are listed");
});

Deno.test("after a split adjusted contracts do not stand for an expiry of others", () => {
  const adjusted = gridOf({ root: "SPY1", days: [10, 17, 24], strikes: strikesFrom(91, 100) });
  const some = [...adjusted, ...gridOf({ days: [10, 24], strikes: strikesFrom(1, 10) })];
  const review = accepted();
  const reviewed = listAt(review, some, { firstDay: 10, now: 1 });
  assert.deepEqual([reviewed.doubted, reviewed.adjustedOnly, reviewed.unlisted], [1, 1, 0]);
  assert.deepEqual(reviewed.contracts, some, "no contract of before the split");
  const all = [...some, ...gridOf({ days: [17], strikes: strikesFrom(1, 10) })];
  assert.equal(listAt(review, all, { firstDay: 10, now: 2 }).doubted, 0);
});

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
