import assert from "node:assert/strict";
import { dayOfDate, instantAt } from "../../../../src/domain/calendar/exchange_time.ts";
import { MarketCalendar } from "../../../../src/domain/calendar/market_calendar.ts";
import {
  countUntradable,
  hasFewExpiries,
  listingOutlook,
  missingParts,
} from "../../../../src/domain/options/listing_outlook.ts";
import {
  DEFAULT_SELECTION,
  type OptionSelection,
} from "../../../../src/domain/options/selection.ts";
import { gridOf } from "./chains.ts";

const CALENDAR = new MarketCalendar();

/** Thursday before the third Friday, on which SPX is settled in the morning. */
const THURSDAY = dayOfDate("2026-12-17") ?? 0;
const FRIDAY = THURSDAY + 1;
const SATURDAY = THURSDAY + 2;
const MORNING = 10 * 60;
const EVENING = 17 * 60;

/** The outlook on a day and minute; by default of SPY, which has contracts of next Monday. */
function outlook(
  changes: Partial<OptionSelection>,
  { day = THURSDAY, minute = MORNING, underlying = "SPY", listed = [SATURDAY + 2] } = {},
): string {
  return listingOutlook({ ...DEFAULT_SELECTION, ...changes }, {
    underlying,
    chain: gridOf({ underlying, days: listed, strikes: [100] }),
    moment: { now: instantAt(day, minute), calendar: CALENDAR },
  });
}

Deno.test("contracts of days to come are listed on trading days until the close", () => {
  assert.equal(outlook({}), "today");
  assert.equal(outlook({}, { minute: 1 }), "today");
  assert.equal(outlook({}, { minute: 16 * 60 + 14 }), "today");
  assert.equal(outlook({}, { minute: 16 * 60 + 15 }), "later");
  assert.equal(outlook({}, { underlying: "AAPL", minute: 16 * 60 }), "later");
  assert.equal(outlook({}, { day: SATURDAY }), "later");
  const christmas = dayOfDate("2026-12-25") ?? 0;
  assert.equal(outlook({}, { day: christmas }), "later");
});

Deno.test("nothing is listed for expiries that have ended", () => {
  assert.equal(outlook({ expiries: [THURSDAY - 1, THURSDAY - 7] }), "never");
  assert.equal(outlook({ maxDays: 3_650, expiryTo: THURSDAY - 1 }), "never");
  assert.equal(outlook({ expiries: [THURSDAY] }, { minute: EVENING }), "never");
  assert.equal(outlook({ maxDays: 0 }, { minute: EVENING }), "never");
  assert.equal(outlook({ expiries: [THURSDAY, FRIDAY] }, { minute: EVENING }), "later");
});

Deno.test("nothing is listed for days without trading", () => {
  assert.equal(outlook({ maxDays: 0 }, { day: SATURDAY }), "never");
  assert.equal(outlook({ maxDays: 1 }, { day: SATURDAY }), "never");
  assert.equal(outlook({ expiries: [SATURDAY] }), "never");
  assert.equal(outlook({ expiries: [dayOfDate("2026-12-25") ?? 0] }), "never");
  assert.equal(outlook({ expiries: [SATURDAY + 2] }, { day: SATURDAY, listed: [] }), "later");
});

Deno.test("an expiry of today that is not listed in the morning is not listed later", () => {
  assert.equal(outlook({ maxDays: 0 }), "unlisted");
  assert.equal(outlook({ expiries: [THURSDAY] }), "unlisted");
  assert.equal(outlook({ maxDays: 0 }, { listed: [THURSDAY] }), "today", "strikes are added");
  assert.equal(outlook({ maxDays: 1 }), "today", "tomorrow's can be listed");
});

Deno.test("roots of AM-settled contracts have ended on the day before", () => {
  const spx = { underlying: "SPX", listed: [] };
  assert.equal(outlook({ roots: ["SPX"], maxDays: 0 }, spx), "never");
  assert.equal(outlook({ roots: ["SPX"], expiries: [FRIDAY] }, spx), "today");
  const evening = { ...spx, minute: EVENING };
  assert.equal(outlook({ roots: ["SPX"], expiries: [FRIDAY] }, evening), "never");
  assert.equal(outlook({ roots: ["SPX", "SPXW"], expiries: [FRIDAY] }, evening), "later");
  assert.equal(outlook({ roots: ["SPXW"], maxDays: 0 }, spx), "unlisted");
});

/** Whether SPY, with some expiries of which `expiries` are selected, has too few on Thursday. */
function isShort(changes: Partial<OptionSelection>, listed: readonly number[], expiries = 0) {
  return hasFewExpiries({ ...DEFAULT_SELECTION, ...changes }, {
    underlying: "SPY",
    chain: gridOf({ days: listed, strikes: [100] }),
    moment: { now: instantAt(THURSDAY, MORNING), calendar: CALENDAR },
  }, expiries);
}

Deno.test("fewer expiries than requested are few, unless no others can be listed", () => {
  const weekly = [FRIDAY, FRIDAY + 7];
  assert.equal(isShort({ maxExpiries: 2 }, weekly, 2), false);
  assert.equal(isShort({ maxExpiries: 3 }, weekly, 2), true);
  assert.equal(isShort({ maxExpiries: 3, maxDays: 3 }, [THURSDAY, FRIDAY], 2), false, "a weekend");
  assert.equal(isShort({ maxExpiries: 3, maxDays: 3 }, [FRIDAY], 1), true);
  assert.equal(isShort({ maxExpiries: 3, expiryTo: FRIDAY }, [THURSDAY, FRIDAY], 2), false);
  assert.equal(
    isShort({ maxExpiries: 1, roots: ["SPX"], maxDays: 0 }, weekly),
    false,
    "AM-settled",
  );
  assert.equal(isShort({ maxExpiries: 3, expiries: weekly }, [FRIDAY], 1), false, "named");
});

Deno.test("without a number of expiries a list that ends early has few", () => {
  assert.equal(isShort({}, [FRIDAY, FRIDAY + 40]), true);
  assert.equal(isShort({}, [FRIDAY, THURSDAY + 45]), false, "it ends after the selection");
  assert.equal(isShort({ maxDays: 400 }, [FRIDAY, THURSDAY + 89]), true);
  assert.equal(isShort({ maxDays: 400 }, [FRIDAY, THURSDAY + 90]), false, "as chains do");
  assert.equal(isShort({ maxDays: 1 }, [FRIDAY]), false);
  assert.equal(isShort({ expiries: [FRIDAY] }, [FRIDAY]), false);
});

Deno.test("adjusted contracts are no end of a list", () => {
  const chain = [
    ...gridOf({ days: [FRIDAY], strikes: [100] }),
    ...gridOf({ root: "SPY1", days: [FRIDAY, FRIDAY + 120], strikes: [100] }),
  ];
  const moment = { now: instantAt(THURSDAY, MORNING), calendar: CALENDAR };
  const listed = { underlying: "SPY", chain, moment };
  assert.equal(hasFewExpiries(DEFAULT_SELECTION, listed, 1), true);
});

Deno.test("expiries that are not tradable are counted, and are listed", () => {
  const days = [FRIDAY, FRIDAY + 7, FRIDAY + 14, FRIDAY + 120];
  const moment = { now: instantAt(THURSDAY, MORNING), calendar: CALENDAR };
  const listed = (untradable: readonly number[]) => ({
    underlying: "SPY",
    chain: gridOf({ days, strikes: [100, 101] }).map((one) => ({
      ...one,
      isTradable: !untradable.includes(one.expiryDay),
    })),
    moment,
  });
  const count = (changes: Partial<OptionSelection>, untradable: readonly number[]) => {
    const selection = { ...DEFAULT_SELECTION, ...changes };
    const { untradable: some, expiries } = countUntradable(selection, listed(untradable));
    return [some, expiries];
  };
  assert.deepEqual(count({}, []), [0, 0]);
  assert.deepEqual(count({}, days.slice(1, 2)), [1, 3]);
  assert.deepEqual(count({ maxExpiries: 2 }, days.slice(1, 2)), [1, 2]);
  assert.deepEqual(count({ maxExpiries: 1 }, days.slice(1, 2)), [0, 1]);
  assert.deepEqual(count({ expiries: [FRIDAY] }, days.slice(0, 1)), [1, 1]);
  assert.deepEqual(count({}, days.slice(3)), [0, 3], "it is not requested");
  assert.deepEqual(count({}, days), [0, 0], "all are used when none is tradable");
  const named = { ...DEFAULT_SELECTION, expiries: [FRIDAY, FRIDAY + 7, FRIDAY + 21] };
  assert.deepEqual(missingParts(named, listed([FRIDAY])).days, [FRIDAY + 21]);
});
