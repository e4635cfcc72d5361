import assert from "node:assert/strict";
import { dayOfDate } from "../../../../src/domain/calendar/exchange_time.ts";
import { MarketCalendar, MARKETS } from "../../../../src/domain/calendar/market_calendar.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const calendar = new MarketCalendar();

/** Full holidays as the NYSE published them (2024 to 2028). */
const HOLIDAYS: Readonly<Record<number, string>> = {
  2024: "01-01 01-15 02-19 03-29 05-27 06-19 07-04 09-02 11-28 12-25",
  2025: "01-01 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25",
  2026: "01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25",
  2027: "01-01 01-18 02-15 03-26 05-31 06-18 07-05 09-06 11-25 12-24",
  2028: "01-17 02-21 04-14 05-29 06-19 07-04 09-04 11-23 12-25",
};

/** Closes at 13:00 as the NYSE published them. */
const EARLY_CLOSES: Readonly<Record<number, string>> = {
  2024: "07-03 11-29 12-24",
  2025: "07-03 11-28 12-24",
  2026: "11-27 12-24",
  2027: "11-26",
  2028: "07-03 11-24",
};

function dayOf(date: string): number {
  const day = dayOfDate(date);
  assert.ok(day !== undefined, date);
  return day;
}

/** Every weekday of a year as `MM-DD`, with its day number. */
function* weekdays(year: number): Generator<[date: string, day: number]> {
  for (let ms = Date.UTC(year, 0, 1); ms < Date.UTC(year + 1, 0, 1); ms += DAY_MS) {
    const weekday = new Date(ms).getUTCDay();
    if (weekday === 0 || weekday === 6) continue;
    yield [new Date(ms).toISOString().slice(5, 10), ms / DAY_MS];
  }
}

Deno.test("the holidays are those that the NYSE published", () => {
  for (const [year, dates] of Object.entries(HOLIDAYS)) {
    for (const market of MARKETS) {
      const closed = [...weekdays(Number(year))]
        .filter(([, day]) => calendar.hours(market, day) === undefined)
        .map(([date]) => date);
      assert.equal(closed.join(" "), dates, `${market} in ${year}`);
    }
  }
});

Deno.test("the early closes are those that the NYSE published", () => {
  for (const [year, dates] of Object.entries(EARLY_CLOSES)) {
    for (const market of ["regular", "options"] as const) {
      const early = [...weekdays(Number(year))].filter(([, day]) => {
        const hours = calendar.hours(market, day);
        return hours && hours.closesAt - hours.opensAt !== 6.5 * HOUR_MS;
      });
      assert.equal(early.map(([date]) => date).join(" "), dates, `${market} in ${year}`);
      for (const [, day] of early) {
        const hours = calendar.hours(market, day);
        assert.equal(hours && hours.closesAt - hours.opensAt, 3.5 * HOUR_MS);
      }
    }
  }
});

Deno.test("no market is open on a weekend day, except overnight on Sunday evening", () => {
  // Saturday, 2026-11-21, 00:00 in New York.
  const saturday = Date.parse("2026-11-21T05:00:00Z");
  for (let minute = 0; minute < 2 * 24 * 60; minute++) {
    const session = calendar.sessionAt(saturday + minute * 60_000);
    assert.equal(session, minute < 44 * 60 ? "closed" : "overnight");
  }
});

const SESSIONS: readonly (readonly [what: string, day: string, changes: string])[] = [
  [
    "a normal day in winter",
    "2026-01-14T05:00:00Z",
    "overnight 04:00 premarket 09:30 regular 16:00 postmarket 20:00 overnight",
  ],
  [
    "a normal day in summer",
    "2026-07-15T04:00:00Z",
    "overnight 04:00 premarket 09:30 regular 16:00 postmarket 20:00 overnight",
  ],
  [
    "a day with an early close",
    "2026-12-24T05:00:00Z",
    "overnight 04:00 premarket 09:30 regular 13:00 postmarket 17:00 closed",
  ],
  [
    "the day before a holiday",
    "2026-11-25T05:00:00Z",
    "overnight 04:00 premarket 09:30 regular 16:00 postmarket 20:00 closed",
  ],
  ["a holiday before a trading day", "2026-11-26T05:00:00Z", "closed 20:00 overnight"],
  [
    "a Friday",
    "2026-11-20T05:00:00Z",
    "overnight 04:00 premarket 09:30 regular 16:00 " +
    "postmarket 20:00 closed",
  ],
  ["a Saturday", "2026-11-21T05:00:00Z", "closed"],
];

for (const [what, midnight, changes] of SESSIONS) {
  Deno.test(`the sessions of ${what}`, () => {
    const start = Date.parse(midnight);
    const seen: string[] = [];
    for (let minute = 0; minute < 24 * 60; minute++) {
      const session = calendar.sessionAt(start + minute * 60_000);
      if (session === seen.at(-1)) continue;
      const time = new Date(minute * 60_000).toISOString().slice(11, 16);
      seen.push(...(minute > 0 ? [time] : []), session);
    }
    assert.equal(seen.join(" "), changes);
  });
}

for (
  const [what, opensAt, closesAt] of [
    ["before daylight time", "2026-03-06T14:30:00Z", "2026-03-06T21:00:00Z"],
    ["after daylight time began", "2026-03-09T13:30:00Z", "2026-03-09T20:00:00Z"],
    ["before standard time", "2026-10-30T13:30:00Z", "2026-10-30T20:00:00Z"],
    ["after standard time began", "2026-11-02T14:30:00Z", "2026-11-02T21:00:00Z"],
  ] as const
) {
  Deno.test(`the regular session follows New York's clock ${what}`, () => {
    assert.deepEqual(calendar.hours("regular", dayOf(opensAt.slice(0, 10))), {
      opensAt: Date.parse(opensAt),
      closesAt: Date.parse(closesAt),
    });
  });
}

Deno.test("the next change of every market is where its state changes, for two years", () => {
  for (const market of MARKETS) {
    let at = Date.parse("2026-01-01T00:00:00Z");
    const end = Date.parse("2028-01-01T00:00:00Z");
    let isOpen = calendar.isOpen(market, at);
    while (at < end) {
      const next = calendar.nextChange(market, at);
      assert.ok(next > at, market);
      assert.equal(calendar.isOpen(market, next - 1), isOpen, new Date(next).toISOString());
      assert.equal(calendar.isOpen(market, next), !isOpen, new Date(next).toISOString());
      assert.equal(calendar.nextChange(market, (at + next) / 2), next);
      isOpen = !isOpen;
      at = next;
    }
  }
});

Deno.test("an announced closure closes every market of that day", () => {
  const mourning = dayOf("2025-01-09");
  const closed = new MarketCalendar(["2025-01-09"]);
  for (const market of MARKETS) {
    assert.ok(calendar.hours(market, mourning), market);
    assert.equal(closed.hours(market, mourning), undefined, market);
    assert.ok(closed.hours(market, mourning + 1), market);
  }
  const evening = Date.parse("2025-01-08T22:00:00-05:00");
  assert.equal(closed.sessionAt(evening), "closed");
  assert.equal(
    closed.nextChange("overnight", evening),
    Date.parse("2025-01-09T20:00:00-05:00"),
  );
});

const EXPECTED: readonly (readonly [
  kind: Parameters<MarketCalendar["isDataExpected"]>[0],
  from: string,
  to: string,
])[] = [
  ["sip", "09:30", "16:00"],
  ["iex", "09:30", "16:00"],
  ["delayed_sip", "09:45", "16:00"],
  ["opra", "09:30", "16:00"],
  ["indicative", "09:45", "16:00"],
  ["boats", "20:00", "04:00"],
  ["overnight", "20:15", "04:00"],
  ["test", "00:00", "00:00"],
];

/** The first minute at which a condition becomes true on a Wednesday in January. */
function firstMinute(isTrue: (ms: number) => boolean): string {
  const midnight = Date.parse("2026-01-14T05:00:00Z");
  for (let minute = 0; minute < 24 * 60; minute++) {
    const ms = midnight + minute * 60_000;
    if (isTrue(ms) && !isTrue(ms - 60_000)) {
      return new Date(minute * 60_000).toISOString().slice(11, 16);
    }
  }
  return "00:00";
}

for (const [kind, from, to] of EXPECTED) {
  Deno.test(`data of ${kind} is expected from ${from} to ${to}`, () => {
    assert.equal(firstMinute((ms) => calendar.isDataExpected(kind, ms)), from);
    assert.equal(firstMinute((ms) => !calendar.isDataExpected(kind, ms)), to);
  });
}

Deno.test("data of trade updates is never expected, of the test feed always", () => {
  for (let hour = 0; hour < 7 * 24; hour++) {
    const ms = Date.parse("2026-01-12T05:00:00Z") + hour * HOUR_MS;
    assert.equal(calendar.isDataExpected("trade_updates", ms), false);
    assert.equal(calendar.isDataExpected("test", ms), true);
  }
});
