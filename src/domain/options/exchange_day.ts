/**
 * Converts calendar days of the option exchanges to days since 1970-01-01, which
 * can be subtracted.
 *
 * @module
 */

const MS_PER_DAY = 86_400_000;

/** Dates in New York, with daylight saving time. */
const NEW_YORK = new Intl.DateTimeFormat("en-US", {
  timeZone: "America/New_York",
  year: "numeric",
  month: "numeric",
  day: "numeric",
});

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const SHORT_DATE = /^(\d{2})(\d{2})(\d{2})$/;

/**
 * Today at the exchanges (America/New_York) as days since 1970-01-01.
 *
 * @param nowMs milliseconds since the Unix epoch
 */
export function exchangeDay(nowMs: number): number {
  const parts = NEW_YORK.formatToParts(nowMs);
  const part = (type: "year" | "month" | "day") =>
    Number(parts.find((item) => item.type === type)?.value);
  return daysOf(part("year"), part("month"), part("day"));
}

/** Days since 1970-01-01 of a `YYYY-MM-DD` date; `undefined` if invalid. */
export function dayOfDate(date: string): number | undefined {
  return dayOfMatch(DATE.exec(date), 0);
}

/**
 * Days since 1970-01-01 of the `YYMMDD` in an OCC symbol (years 2000 to 2099);
 * `undefined` if invalid.
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
  if (month < 1 || month > 12 || day < 1 || day > 31) return undefined;
  return daysOf(century + year, month, day);
}

function daysOf(year: number, month: number, day: number): number {
  return Date.UTC(year, month - 1, day) / MS_PER_DAY;
}
