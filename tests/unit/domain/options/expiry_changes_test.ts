import assert from "node:assert/strict";
import type { OptionContract } from "../../../../src/domain/options/contract.ts";
import { expiryChanges } from "../../../../src/domain/options/expiry_changes.ts";
import { gridOf, strikesFrom } from "./chains.ts";

const STRIKES = strikesFrom(91, 100);
const BEFORE = gridOf({ days: [10, 17], strikes: STRIKES });
const ADJUSTED = gridOf({ root: "SPY1", days: [10, 17], strikes: STRIKES });

/** The changes from `BEFORE`, while contracts from `firstDay` on trade. */
function changesTo(contracts: readonly OptionContract[], firstDay = 10) {
  const symbols = new Set(contracts.map(({ symbol }) => symbol));
  const { gone, haveChanged } = expiryChanges(
    BEFORE,
    { contracts, symbols },
    ({ expiryDay }) => expiryDay >= firstDay,
  );
  return { gone: [...gone], haveChanged };
}

const none = { gone: [], haveChanged: false };

Deno.test("strikes that are added or removed leave the same expiries", () => {
  assert.deepEqual(changesTo(BEFORE), none);
  assert.deepEqual(changesTo(gridOf({ days: [10, 17], strikes: strikesFrom(80, 110) })), none);
  assert.deepEqual(changesTo(gridOf({ days: [10, 17], strikes: strikesFrom(91, 97) })), none);
});

Deno.test("an expiry that comes, or goes while it trades, is a change", () => {
  const added = gridOf({ days: [10, 17, 24], strikes: STRIKES });
  assert.deepEqual(changesTo(added), { gone: [], haveChanged: true });
  const later = gridOf({ days: [17], strikes: STRIKES });
  assert.deepEqual(changesTo(later), { gone: ["SPY 10"], haveChanged: true });
  assert.deepEqual(changesTo(later, 11), none, "it has ended");
});

Deno.test("an expiry of a root is another one than that of another root", () => {
  const renamed = gridOf({ root: "SPYW", days: [10, 17], strikes: STRIKES });
  assert.deepEqual(changesTo(renamed).gone, ["SPY 10", "SPY 17"]);
  assert.equal(changesTo([...BEFORE, ...renamed]).haveChanged, true);
});

Deno.test("adjusted and untradable contracts do not count", () => {
  assert.deepEqual(changesTo([...BEFORE, ...ADJUSTED]), none);
  assert.deepEqual(changesTo([...ADJUSTED, ...gridOf({ days: [10], strikes: [9, 10, 11] })]), {
    gone: ["SPY 17"],
    haveChanged: true,
  });
  const untradable = BEFORE.map((one) =>
    one.expiryDay === 17 ? { ...one, isTradable: false } : one
  );
  assert.deepEqual(changesTo(untradable).gone, ["SPY 17"]);
});

Deno.test("an expiry that comes and is not tradable is a change", () => {
  const added = gridOf({ days: [24], strikes: STRIKES });
  const untradable = added.map((one) => ({ ...one, isTradable: false }));
  assert.deepEqual(changesTo([...BEFORE, ...untradable]), { gone: [], haveChanged: true });
});

Deno.test("an expiry whose contracts are others, as after a split, has changed", () => {
  const after = [...ADJUSTED, ...gridOf({ days: [10, 17], strikes: strikesFrom(1, 10) })];
  assert.deepEqual(changesTo(after), { gone: [], haveChanged: true });
});
