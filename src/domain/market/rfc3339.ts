/**
 * Parses RFC 3339 times without a `Date`, which has no nanoseconds and costs more:
 * this runs once per tick in the general decoder.
 *
 * @module
 */
import type { Timestamp } from "./timestamp.ts";

const ZERO = 48;
const SECONDS_PER_DAY = 86_400;

/** The number of the digits `from` up to `to`, or NaN. */
function digits(text: string, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return NaN;
    value = value * 10 + digit;
  }
  return value;
}

/** Days from 1970-01-01 to a proleptic Gregorian date. */
function daysFromCivil(year: number, month: number, day: number): number {
  // Counting years from March puts the leap day last, so that the lengths of
  // the months before it follow one linear formula.
  const shifted = month > 2 ? year : year - 1;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const monthFromMarch = month > 2 ? month - 3 : month + 9;
  const dayOfYear = Math.floor((153 * monthFromMarch + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) -
    Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) {
    const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
    return leap ? 29 : 28;
  }
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Seconds east of UTC of the offset at `at`, or NaN. */
function offsetSeconds(text: string, at: number): number {
  const sign = text.charAt(at);
  if (sign === "Z" || sign === "z") return text.length === at + 1 ? 0 : NaN;
  if (sign !== "+" && sign !== "-") return NaN;
  if (text.length !== at + 6 || text.charAt(at + 3) !== ":") return NaN;
  const hours = digits(text, at + 1, at + 3);
  const minutes = digits(text, at + 4, at + 6);
  if (!(hours <= 23 && minutes <= 59)) return NaN;
  const seconds = hours * 3600 + minutes * 60;
  return sign === "-" ? -seconds : seconds;
}

/** Nanoseconds of the fraction digits `from` up to `to`, or NaN. */
function fraction(text: string, from: number, to: number): number {
  if (to === from) return NaN;
  // Digits past the ninth are below the resolution of a Timestamp.
  const kept = Math.min(to, from + 9);
  if (Number.isNaN(digits(text, kept, to))) return NaN;
  return digits(text, from, kept) * 10 ** (9 - (kept - from));
}

/**
 * Parses an RFC 3339 date and time with any offset and any number of fraction
 * digits (digits past the ninth are cut off).
 *
 * @param text for example `2026-09-14T14:30:02.118450321Z`
 * @returns the time in UTC, or `undefined` unless the text is a full date and time
 *   with an offset; second 60 (a leap second) becomes second 59
 */
export function parseRfc3339(text: string): Timestamp | undefined {
  if (text.length < 20 || text[4] !== "-" || text[7] !== "-") return undefined;
  const separator = text[10];
  if (separator !== "T" && separator !== "t" && separator !== " ") {
    return undefined;
  }
  if (text[13] !== ":" || text[16] !== ":") return undefined;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 7);
  const day = digits(text, 8, 10);
  const hour = digits(text, 11, 13);
  const minute = digits(text, 14, 16);
  const second = digits(text, 17, 19);
  if (!(month >= 1 && month <= 12 && day >= 1)) return undefined;
  if (!(day <= daysInMonth(year, month))) return undefined;
  if (!(hour <= 23 && minute <= 59 && second <= 60)) return undefined;
  let end = 19;
  let nanos = 0;
  if (text[19] === ".") {
    end = 20;
    while (isDigit(text, end)) end++;
    nanos = fraction(text, 20, end);
    if (Number.isNaN(nanos)) return undefined;
  }
  const offset = offsetSeconds(text, end);
  if (Number.isNaN(offset)) return undefined;
  const seconds = daysFromCivil(year, month, day) * SECONDS_PER_DAY +
    hour * 3600 + minute * 60 + Math.min(second, 59) - offset;
  return Number.isNaN(seconds) ? undefined : { seconds, nanos };
}

function isDigit(text: string, at: number): boolean {
  const digit = text.charCodeAt(at) - ZERO;
  return digit >= 0 && digit <= 9;
}
