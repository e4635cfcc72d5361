/**
 * Times with nanosecond precision.
 *
 * A timestamp is two exact numbers instead of a `bigint`, a `Date` or a `Temporal.Instant`, because
 * one is created for every tick.
 *
 * @module
 */

/** A point in time: whole seconds since 1970-01-01T00:00:00Z plus nanoseconds. */
export interface Timestamp {
  /** Whole seconds since the Unix epoch, UTC; negative before 1970. */
  readonly seconds: number;
  /** Nanoseconds within that second, always 0 to 999 999 999. */
  readonly nanos: number;
}

/** 0001-01-01T00:00:00Z, in seconds since the Unix epoch. */
const FIRST_SECOND = -62_135_596_800;
/** 9999-12-31T23:59:59Z, in seconds since the Unix epoch. */
const LAST_SECOND = 253_402_300_799;
const LAST_NANO = 999_999_999;

/**
 * Whether a timestamp is in the years 1 to 9999, the range of `google.protobuf.Timestamp` and RFC
 * 3339. A consumer may convert it without a check and fail on any other.
 */
export function isTimestamp({ seconds, nanos }: Timestamp): boolean {
  return Number.isInteger(seconds) && Number.isInteger(nanos) &&
    seconds >= FIRST_SECOND && seconds <= LAST_SECOND &&
    nanos >= 0 && nanos <= LAST_NANO;
}

const MS_PER_DAY = 86_400_000;
const DATE = String.raw`((\d{4})-(\d\d)-(\d\d))`;
/** Hour and minute, second, fraction of a second. */
const TIME = String.raw`((?:[01]\d|2[0-3]):[0-5]\d):([0-5]\d|60)(?:\.(\d+))?`;
const OFFSET = String.raw`(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))`;
const RFC3339 = new RegExp(`^${DATE}[Tt ]${TIME}${OFFSET}$`);

/**
 * Parses an RFC 3339 date and time with any offset and any number of fraction digits (digits past
 * the ninth are cut off).
 *
 * @param text for example `2026-09-14T14:30:02.118450321Z`
 * @returns the time in UTC, or `undefined` unless the text is a full date and time with an offset;
 *   second 60 (a leap second) becomes second 59
 */
export function parseRfc3339(text: string): Timestamp | undefined {
  const match = RFC3339.exec(text);
  if (!match) return undefined;
  const [, date, year, month, day, minute, second, fraction = "", sign, hours, minutes] = match;
  const start = Date.parse(`${date}T${minute}:00Z`);
  if (Number.isNaN(start)) return undefined;
  // `Date.parse` reads June 31 as July 1.
  const dayOfMonth = Number(day);
  if (dayOfMonth > 28 && dayOfMonth > daysInMonth(Number(year), Number(month))) return undefined;
  const east = sign ? Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes)) : 0;
  return {
    seconds: start / 1000 - east * 60 + Math.min(Number(second), 59),
    nanos: Number(fraction.slice(0, 9).padEnd(9, "0")),
  };
}

/** The calendar repeats after 400 years; `Date.UTC` adds 1900 to years below 100. */
function daysInMonth(year: number, month: number): number {
  const similar = 2000 + year % 400;
  return (Date.UTC(similar, month, 1) - Date.UTC(similar, month - 1, 1)) / MS_PER_DAY;
}
