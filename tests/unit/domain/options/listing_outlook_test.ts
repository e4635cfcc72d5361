import assert from "node:assert/strict";
import { dayOfDate, instantAt } from "../../../../src/domain/calendar/exchange_time.ts";
import { MarketCalendar } from "../../../../src/domain/calendar/market_calendar.ts";
import { listingOutlook } from "../../../../src/domain/options/listing_outlook.ts";
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
