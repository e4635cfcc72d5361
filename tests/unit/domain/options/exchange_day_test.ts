import assert from "node:assert/strict";
import {
  dayOfDate,
  dayOfExpiration,
  exchangeDay,
} from "../../../../src/domain/options/exchange_day.ts";

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

for (const text of ["", "2028-1-21", "2028-13-01", "2028-00-01", "20280121"]) {
  Deno.test(`"${text}" is no date`, () => {
    assert.equal(dayOfDate(text), undefined);
  });
}

for (const text of ["", "281301", "280100", "2801211", "28O121"]) {
  Deno.test(`"${text}" is no expiration`, () => {
    assert.equal(dayOfExpiration(text), undefined);
  });
}
