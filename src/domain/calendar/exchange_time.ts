/**
 * Converts between instants, days and times of day of the US exchanges
 * (America/New_York). A day is a number of days since 1970-01-01, which can be
 * subtracted; an instant is milliseconds since the Unix epoch.
 *
 * Daylight time is computed by the rule in force since 2007 (second Sunday of March
 * to first Sunday of November, both at 02:00). `Intl.DateTimeFormat` follows the
 * same rule, takes about 2 µs per call and cannot convert a time of day back to an
 * instant. A test compares both.
 *
 * @module
 */

const MS_PER_MINUTE = 60_000;
const MS_PER_DAY = 86_400_000;
/** New York is five hours behind UTC, four in daylight time. */
const STANDARD_OFFSET_MS = 5 * 3_600_000;
const DAYLIGHT_OFFSET_MS = 4 * 3_600_000;

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const SHORT_DATE = /^(\d{2})(\d{2})(\d{2})$/;

/** Today at the exchanges. */
export function exchangeDay(nowMs: number): number {
  return Math.floor((nowMs - offsetAt(nowMs)) / MS_PER_DAY);
}

/**
 * The instant at which clocks in New York show a time of day, which must not be in
 * the hour that daylight time skips or repeats (01:00 to 03:00).
 *
 * @param minutes minutes since midnight of `day`; negative on the day before
 */
export function instantAt(day: number, minutes: number): number {
  const local = day * MS_PER_DAY + minutes * MS_PER_MINUTE;
  return local + offsetAt(local + STANDARD_OFFSET_MS);
}

/** The day of a month; days beyond its end continue in the next one. */
export function dayOf(year: number, month: number, date: number): number {
  return Date.UTC(year, month - 1, date) / MS_PER_DAY;
}

/** The year of a day. */
export function yearOf(day: number): number {
  const year = 1970 + Math.floor(day / 365.2425);
  if (day < dayOf(year, 1, 1)) return year - 1;
  return day < dayOf(year + 1, 1, 1) ? year : year + 1;
}

/** The weekday of a day: 0 is Sunday, 6 is Saturday. */
export function weekdayOf(day: number): number {
  // 1970-01-01 was a Thursday.
  return ((day + 4) % 7 + 7) % 7;
}

/** The first `weekday` on or after a day. */
export function firstWeekday(weekday: number, day: number): number {
  return day + (weekday - weekdayOf(day) + 7) % 7;
}

/** The `YYYY-MM-DD` date of a day. */
export function dateOfDay(day: number): string {
  const year = yearOf(day);
  let month = 12;
  while (dayOf(year, month, 1) > day) month--;
  const date = day - dayOf(year, month, 1) + 1;
  return [year, month, date].map((part) => `${part}`.padStart(2, "0")).join("-");
}

/** The day of a `YYYY-MM-DD` date; `undefined` if invalid. */
export function dayOfDate(date: string): number | undefined {
  return dayOfMatch(DATE.exec(date), 0);
}

/**
 * The day of the `YYMMDD` in an OCC symbol (years 2000 to 2099); `undefined` if
 * invalid.
 */
export function dayOfExpiration(expiration: string): number | undefined {
  return dayOfMatch(SHORT_DATE.exec(expiration), 2000);
}

function dayOfMatch(
  match: RegExpExecArray | null,
  century: number,
): number | undefined {
  if (match === null) return undefined;
  const [, year, month, day] = match.map(Number);
  if (year === undefined || month === undefined || day === undefined) {
    return undefined;
  }
  if (month < 1 || month > 12 || day < 1) return undefined;
  const value = dayOf(century + year, month, day);
  return value < dayOf(century + year, month + 1, 1) ? value : undefined;
}

/** Milliseconds that New York is behind UTC. */
function offsetAt(ms: number): number {
  const year = yearOf(Math.floor(ms / MS_PER_DAY));
  const start = firstWeekday(0, dayOf(year, 3, 8)) * MS_PER_DAY + 2 * 3_600_000;
  const end = firstWeekday(0, dayOf(year, 11, 1)) * MS_PER_DAY + 2 * 3_600_000;
  const isDaylight = ms >= start + STANDARD_OFFSET_MS && ms < end + DAYLIGHT_OFFSET_MS;
  return isDaylight ? DAYLIGHT_OFFSET_MS : STANDARD_OFFSET_MS;
}
