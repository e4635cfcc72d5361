import assert from "node:assert/strict";
import {
  dateOfDay,
  dayOfDate,
  dayOfExpiration,
  exchangeDay,
  instantAt,
  weekdayOf,
  yearOf,
} from "../../../../src/domain/calendar/exchange_time.ts";

const day = (date: string) => Date.parse(`${date}T00:00:00Z`) / 86_400_000;

const MIDNIGHTS: readonly (readonly [what: string, at: string, was: string, is: string])[] = [
  ["in winter", "2026-01-15T05:00:00Z", "2026-01-14", "2026-01-15"],
  ["in summer", "2026-07-15T04:00:00Z", "2026-07-14", "2026-07-15"],
  ["as summer begins", "2026-03-08T05:00:00Z", "2026-03-07", "2026-03-08"],
  ["after summer began", "2026-03-09T04:00:00Z", "2026-03-08", "2026-03-09"],
  ["as winter begins", "2026-11-01T04:00:00Z", "2026-10-31", "2026-11-01"],
  ["after winter began", "2026-11-02T05:00:00Z", "2026-11-01", "2026-11-02"],
  ["at New Year", "2027-01-01T05:00:00Z", "2026-12-31", "2027-01-01"],
];

for (const [what, at, was, is] of MIDNIGHTS) {
  Deno.test(`the exchange day changes at New York's midnight ${what}`, () => {
    const ms = Date.parse(at);
    assert.equal(exchangeDay(ms - 1), day(was));
    assert.equal(exchangeDay(ms), day(is));
  });
}

Deno.test("dates and expirations are days since the epoch", () => {
  assert.equal(dayOfDate("1970-01-02"), 1);
  assert.equal(dayOfDate("2028-01-21"), day("2028-01-21"));
  assert.equal(dayOfExpiration("280121"), day("2028-01-21"));
});

for (
  const text of [
    "",
    "2028-1-21",
    "2028-13-01",
    "2028-00-01",
    "2028-02-30",
    "2027-02-29",
    "20280121",
  ]
) {
  Deno.test(`"${text}" is no date`, () => {
    assert.equal(dayOfDate(text), undefined);
  });
}

for (const text of ["", "281301", "280100", "280431", "2801211", "28O121"]) {
  Deno.test(`"${text}" is no expiration`, () => {
    assert.equal(dayOfExpiration(text), undefined);
  });
}

Deno.test("days and times follow the time zone database every 30 minutes of 20 years", () => {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: "America/New_York",
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
  });
  for (let year = 2020; year < 2040; year++) {
    // The months in which clocks change and the turn of the year.
    for (const [month, days] of [[2, 31], [10, 30], [11, 33]] as const) {
      for (let half = 0; half < days * 48; half++) {
        const ms = Date.UTC(year, month, 1) + half * 1_800_000;
        const parts = Object.fromEntries(
          format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]),
        );
        const { year: y = 0, month: m = 0, day: d = 0, hour = 0, minute = 0 } = parts;
        const today = exchangeDay(ms);
        assert.equal(today, Date.UTC(y, m - 1, d) / 86_400_000);
        assert.equal(yearOf(today), y);
        assert.equal(weekdayOf(today), new Date(Date.UTC(y, m - 1, d)).getUTCDay());
        if (hour < 1 || hour >= 3) assert.equal(instantAt(today, hour * 60 + minute), ms);
      }
    }
  }
});

Deno.test("times before midnight are on the day before", () => {
  const monday = day("2026-03-09");
  // Daylight time began on Sunday, 2026-03-08.
  assert.equal(instantAt(monday, -240), Date.parse("2026-03-08T20:00:00-04:00"));
  assert.equal(instantAt(monday - 1, -240), Date.parse("2026-03-07T20:00:00-05:00"));
});

Deno.test("the year of a day is exact at its first and last day", () => {
  for (let year = 1990; year < 2100; year++) {
    assert.equal(yearOf(day(`${year}-01-01`)), year);
    assert.equal(yearOf(day(`${year}-12-31`)), year);
  }
});

Deno.test("the date of a day is that of the calendar", () => {
  for (const date of ["1970-01-01", "2024-02-29", "2026-12-31", "2027-01-01", "2099-10-09"]) {
    assert.equal(dateOfDay(day(date)), date);
  }
  for (let at = 0; at < 47_482; at += 13) assert.equal(dayOfDate(dateOfDay(at)), at);
});
