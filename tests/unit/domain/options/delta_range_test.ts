import assert from "node:assert/strict";
import fc from "fast-check";
import { dayOfDate, instantAt } from "../../../../src/domain/calendar/exchange_time.ts";
import { MarketCalendar } from "../../../../src/domain/calendar/market_calendar.ts";
import type { OptionContract } from "../../../../src/domain/options/contract.ts";
import {
  combineParts,
  deltaPartsOf,
  type DeltaRange,
  includesRange,
} from "../../../../src/domain/options/delta_range.ts";
import { selectContracts } from "../../../../src/domain/options/select_contracts.ts";
import {
  DEFAULT_SELECTION,
  type OptionSelection,
} from "../../../../src/domain/options/selection.ts";
import { gridOf, strikesFrom } from "./chains.ts";

/** A Monday. */
const TODAY = dayOfDate("2026-12-07") ?? 0;
const CALENDAR = new MarketCalendar();

/** First and last expiry in days from today, of a selection of deltas from 0.2. */
function daysOf(
  chain: readonly OptionContract[],
  changes: Partial<OptionSelection>,
  minute = 10 * 60,
): readonly number[] | undefined {
  const selection = { ...DEFAULT_SELECTION, minAbsDelta: 0.2, ...changes };
  const moment = { now: instantAt(TODAY, minute), calendar: CALENDAR, volatility: 0.6 };
  const parts = deltaPartsOf(chain, selection, moment);
  if (parts.length === 0) return undefined;
  return [parts[0]?.range.expiries[0] ?? 0, parts.at(-1)?.range.expiries[1] ?? 0]
    .map((day) => day - TODAY);
}

function gridOn(days: readonly number[], root = "SPX"): readonly OptionContract[] {
  return gridOf({ underlying: "SPX", root, days: days.map((day) => TODAY + day), strikes: [100] });
}

Deno.test("the maximum of expiries counts those of the selected roots", () => {
  const chain = [...gridOn(strikesFrom(0, 20), "SPXW"), ...gridOn([32])];
  assert.deepEqual(daysOf(chain, { roots: ["SPX"], maxExpiries: 1 }), [32, 32]);
  assert.deepEqual(daysOf(chain, { roots: ["SPXW"], maxExpiries: 1 }), [0, 1]);
  assert.equal(daysOf(chain, { roots: ["SPXQ"] }), undefined);
});

Deno.test("an expiry with adjusted contracts only counts if they are requested", () => {
  const chain = [...gridOn([1, 2, 3], "SPX1"), ...gridOn([10])];
  assert.deepEqual(daysOf(chain, { maxExpiries: 1 }), [10, 10]);
  assert.deepEqual(daysOf(chain, { maxExpiries: 1, includeAdjusted: true }), [1, 2]);
});

Deno.test("a range includes another one of fewer days, rights and strikes", () => {
  const wide: DeltaRange = { expiries: [1, 9], right: undefined, strikes: undefined };
  const narrow: DeltaRange = { expiries: [2, 9], right: "put", strikes: [90, 110] };
  for (const range of [wide, narrow]) assert.ok(includesRange(range, range));
  assert.ok(includesRange(wide, narrow));
  const parts = [narrow, { ...wide, expiries: [1, 1] } as const]
    .map((range) => ({ range, needed: range }));
  const [merged] = combineParts(parts, 1, () => 1);
  assert.ok(merged && includesRange(merged.range, wide) && includesRange(merged.needed, wide));
  const others: readonly DeltaRange[] = [
    wide,
    { ...narrow, expiries: [1, 9] },
    { ...narrow, expiries: [2, 10] },
    { ...narrow, right: "call" },
    { ...narrow, right: undefined },
    { ...narrow, strikes: undefined },
    { ...narrow, strikes: [89, 110] },
    { ...narrow, strikes: [90, 111] },
  ];
  for (const other of others) assert.ok(!includesRange(narrow, other), JSON.stringify(other));
});

Deno.test("an expiry that does not trade any more does not count", () => {
  const chain = gridOn([0, 1, 2, 3], "SPXW");
  assert.deepEqual(daysOf(chain, { maxExpiries: 1 }), [0, 1]);
  assert.deepEqual(daysOf(chain, { maxExpiries: 1 }, 16 * 60), [1, 2]);
});

Deno.test("the range includes every selected contract and at most one more expiry", () => {
  const days = fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { maxLength: 8 });
  const selections = fc.record({
    minDays: fc.integer({ min: 0, max: 5 }),
    maxDays: fc.integer({ min: 5, max: 40 }),
    maxExpiries: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    roots: fc.subarray(["SPX", "SPXW", "SPX1"]),
    includeAdjusted: fc.boolean(),
  });
  const minutes = fc.integer({ min: 0, max: 24 * 60 - 1 });
  fc.assert(
    fc.property(days, days, days, selections, minutes, (am, pm, adjusted, changes, minute) => {
      const chain = [...gridOn(am), ...gridOn(pm, "SPXW"), ...gridOn(adjusted, "SPX1")];
      const now = instantAt(TODAY, minute);
      const selection = { ...DEFAULT_SELECTION, ...changes, minAbsDelta: 0 };
      const moment = { now, calendar: CALENDAR, price: 100, held: new Set<string>() };
      const select = (maxExpiries: number | undefined) =>
        selectContracts(chain, { ...selection, maxExpiries }, moment).contracts
          .map(({ expiryDay }) => expiryDay - TODAY);
      const { maxExpiries } = changes;
      const widest = select(maxExpiries && maxExpiries + 1);
      const expected = widest.length > 0 ? [Math.min(...widest), Math.max(...widest)] : undefined;
      assert.deepEqual(daysOf(chain, changes, minute), expected);
    }),
  );
});
