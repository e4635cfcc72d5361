/**
 * Times with nanosecond precision.
 *
 * A timestamp is two exact numbers instead of a `bigint`, a `Date` or a `Temporal.Instant`, because
 * one is created for every tick.
 *
 * @module
 */

import { dateOfDay } from "../calendar/exchange_time.ts";

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

/** Milliseconds since the Unix epoch, with a fraction; not exact to the nanosecond. */
export function toMilliseconds({ seconds, nanos }: Timestamp): number {
  return seconds * 1_000 + nanos / 1_000_000;
}

/** Negative when the first one is earlier, 0 when both are equal. */
export function compareTimestamps(some: Timestamp, other: Timestamp): number {
  return some.seconds - other.seconds || some.nanos - other.nanos;
}

const ZERO = 48;
const MS_PER_DAY = 86_400_000;
const SECONDS_PER_DAY = 86_400;
const MINUTE = 60;
/** The calendar repeats after this many seconds. */
const FOUR_CENTURIES = 146_097 * 86_400;

/**
 * Parses an RFC 3339 date and time with any offset and any number of fraction digits (digits past
 * the ninth are cut off). Character by character, because the general decoder calls it once per
 * tick: a regular expression takes three times as long.
 *
 * @param text for example `2026-09-14T14:30:02.118450321Z`
 * @returns the time in UTC, or `undefined` unless the text is a full date and time with an offset;
 *   second 60 (a leap second) becomes second 59
 */
export function parseRfc3339(text: string): Timestamp | undefined {
  const separator = text[10];
  const isDateTime = text[4] === "-" && text[7] === "-" && text[13] === ":" && text[16] === ":" &&
    (separator === "T" || separator === "t" || separator === " ");
  if (!isDateTime) return undefined;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 7);
  const day = digits(text, 8, 10);
  const hour = digits(text, 11, 13);
  const minute = digits(text, 14, 16);
  const second = digits(text, 17, 19);
  if (!(month >= 1 && month <= 12 && day >= 1)) return undefined;
  if (day > 28 && !(day <= daysInMonth(year, month))) return undefined;
  if (!(hour <= 23 && minute <= 59 && second <= 60)) return undefined;
  let end = 19;
  if (text[end] === ".") {
    do end++; while (isDigit(text, end));
    if (end === 20) return undefined;
  }
  const last = Math.min(end, 29);
  const nanos = digits(text, 20, last) * 10 ** (29 - last);
  const seconds = secondsAt(year, month, day) + hour * 60 * MINUTE + minute * MINUTE +
    Math.min(second, 59) - offsetSeconds(text, end);
  return Number.isNaN(seconds) ? undefined : { seconds, nanos };
}

function isDigit(text: string, at: number): boolean {
  const digit = text.charCodeAt(at) - ZERO;
  return digit >= 0 && digit <= 9;
}

/** The number of the digits `from` up to `to`, or NaN. */
function digits(text: string, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) {
    if (!isDigit(text, at)) return NaN;
    value = value * 10 + text.charCodeAt(at) - ZERO;
  }
  return value;
}

/** Seconds east of UTC of the offset at `at`, which ends the text; or NaN. */
function offsetSeconds(text: string, at: number): number {
  const sign = text[at];
  if (sign === "Z" || sign === "z") return text.length === at + 1 ? 0 : NaN;
  const isOffset = (sign === "+" || sign === "-") && text.length === at + 6 && text[at + 3] === ":";
  const hours = digits(text, at + 1, at + 3);
  const minutes = digits(text, at + 4, at + 6);
  if (!isOffset || !(hours <= 23 && minutes <= 59)) return NaN;
  return (sign === "-" ? -MINUTE : MINUTE) * (hours * 60 + minutes);
}

/** The first second of a day; `Date.UTC` adds 1900 to years below 100. */
function secondsAt(year: number, month: number, day: number): number {
  const similar = Date.UTC(2000 + year % 400, month - 1, day) / 1000;
  return similar + (Math.floor(year / 400) - 5) * FOUR_CENTURIES;
}

function daysInMonth(year: number, month: number): number {
  const similar = 2000 + year % 400;
  return (Date.UTC(similar, month, 1) - Date.UTC(similar, month - 1, 1)) / MS_PER_DAY;
}

/** RFC 3339 text in UTC with up to nine fractional digits, without trailing zeros. */
export function formatRfc3339({ seconds, nanos }: Timestamp): string {
  const day = Math.floor(seconds / SECONDS_PER_DAY);
  const second = seconds - day * SECONDS_PER_DAY;
  const time = [Math.floor(second / 3_600), Math.floor(second / 60) % 60, second % 60]
    .map((part) => String(part).padStart(2, "0")).join(":");
  const digits = String(nanos).padStart(9, "0").replace(/0+$/, "");
  return `${dateOfDay(day).padStart(10, "0")}T${time}${digits && `.${digits}`}Z`;
}
