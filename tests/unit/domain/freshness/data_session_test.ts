import assert from "node:assert/strict";
import { MarketCalendar } from "../../../../src/domain/calendar/market_calendar.ts";
import type { FeedKind } from "../../../../src/domain/connection/feed.ts";
import { dataSessionAt } from "../../../../src/domain/freshness/data_session.ts";

const CALENDAR = new MarketCalendar();

/** The session at a time with its offset from UTC; `?` marks one in which nothing is expected. */
function at(kind: FeedKind, time: string): string {
  const session = dataSessionAt(CALENDAR, kind, Date.parse(time));
  return session ? `${session.name}${session.isExpected ? "" : "?"}` : "closed";
}

Deno.test("stock feeds have three sessions a day and are closed at night", () => {
  const times = ["03:59", "04:00", "09:29", "09:30", "15:59", "16:00", "19:59", "20:00"];
  const sessions = times.map((time) => at("sip", `2026-11-16T${time}:00-05:00`));
  assert.deepEqual(sessions, [
    "closed",
    "premarket",
    "premarket",
    "regular",
    "regular",
    "postmarket",
    "postmarket",
    "closed",
  ]);
});

Deno.test("the delayed feed has the same sessions fifteen minutes later", () => {
  assert.equal(at("delayed_sip", "2026-11-16T09:44:59-05:00"), "premarket");
  assert.equal(at("delayed_sip", "2026-11-16T09:45:00-05:00"), "regular");
  assert.equal(at("delayed_sip", "2026-11-16T20:14:59-05:00"), "postmarket");
  assert.equal(at("delayed_sip", "2026-11-16T20:15:00-05:00"), "closed");
});

Deno.test("option feeds are open in the regular session only", () => {
  assert.equal(at("opra", "2026-11-16T09:29:59-05:00"), "closed");
  assert.equal(at("opra", "2026-11-16T09:30:00-05:00"), "options");
  assert.equal(at("opra", "2026-11-16T16:00:00-05:00"), "closed");
  assert.equal(at("indicative", "2026-11-16T09:44:59-05:00"), "options?");
  assert.equal(at("indicative", "2026-11-16T09:45:00-05:00"), "options");
});

Deno.test("overnight feeds are open from the evening before a trading day", () => {
  assert.equal(at("boats", "2026-11-15T19:59:59-05:00"), "closed", "Sunday");
  assert.equal(at("boats", "2026-11-15T20:00:00-05:00"), "overnight");
  assert.equal(at("boats", "2026-11-16T03:59:59-05:00"), "overnight");
  assert.equal(at("boats", "2026-11-16T12:00:00-05:00"), "closed");
  assert.equal(at("boats", "2026-11-20T20:00:00-05:00"), "closed", "Friday");
  assert.equal(at("overnight", "2026-11-15T20:14:00-05:00"), "overnight?");
  assert.equal(at("overnight", "2026-11-15T20:15:00-05:00"), "overnight");
});

Deno.test("the test stream is always open, and of trade updates nothing is expected", () => {
  for (const time of ["2026-11-14T12:00:00-05:00", "2026-11-16T12:00:00-05:00"]) {
    assert.equal(at("test", time), "always");
    assert.equal(at("trade_updates", time), "always?");
  }
});

Deno.test("weekends and holidays are closed, and a half day ends at 13:00", () => {
  assert.equal(at("sip", "2026-11-14T12:00:00-05:00"), "closed", "Saturday");
  assert.equal(at("sip", "2026-11-26T12:00:00-05:00"), "closed", "Thanksgiving");
  assert.equal(at("opra", "2026-11-26T12:00:00-05:00"), "closed", "Thanksgiving");
  assert.equal(at("sip", "2026-11-27T12:59:59-05:00"), "regular");
  assert.equal(at("sip", "2026-11-27T13:00:00-05:00"), "postmarket");
  assert.equal(at("opra", "2026-11-27T13:00:00-05:00"), "closed");
  assert.equal(at("sip", "2026-11-27T17:00:00-05:00"), "closed");
});

Deno.test("sessions follow New York's clocks when daylight time begins and ends", () => {
  assert.equal(at("sip", "2026-03-06T14:29:59Z"), "premarket", "before the change in March");
  assert.equal(at("sip", "2026-03-06T14:30:00Z"), "regular");
  assert.equal(at("sip", "2026-03-09T13:29:59Z"), "premarket", "after it");
  assert.equal(at("sip", "2026-03-09T13:30:00Z"), "regular");
  assert.equal(at("sip", "2026-10-30T13:30:00Z"), "regular", "before the change in November");
  assert.equal(at("sip", "2026-11-02T13:30:00Z"), "premarket", "after it");
  assert.equal(at("sip", "2026-11-02T14:30:00Z"), "regular");
});
