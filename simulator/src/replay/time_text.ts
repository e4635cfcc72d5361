/**
 * Times and durations as the command line has them.
 *
 * @module
 */
import type { Moment } from "./replay.ts";

const DURATION = /^(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?$/;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/;

/** Ms of a duration such as `90s` or `1h30m`; throws a RangeError that names the flag. */
export function parseDuration(flag: string, text: string): number {
  const [, hours, minutes, seconds] = text === "" ? [] : DURATION.exec(text) ?? [];
  if (hours === undefined && minutes === undefined && seconds === undefined) {
    throw new RangeError(`${flag} must be a duration such as 90s or 1h30m, received "${text}"`);
  }
  return Number(hours ?? 0) * 3_600_000 + Number(minutes ?? 0) * 60_000 +
    Number(seconds ?? 0) * 1_000;
}

/** A time with its offset from UTC, or `+` and a duration; throws a RangeError. */
export function parseMoment(flag: string, text: string): Moment {
  if (text.startsWith("+")) return { offset: parseDuration(flag, text.slice(1)) };
  const time = TIME.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(time)) return { time };
  throw new RangeError(
    `${flag} must be a time such as 2026-09-14T14:30:00Z, or +90s after the first entry, ` +
      `received "${text}"`,
  );
}

/** A duration for people: `1 h 5 min`, `2 min 3 s`, `4.2 s`. */
export function durationText(ms: number): string {
  const seconds = ms / 1_000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3_600)} h ${Math.floor(whole % 3_600 / 60)} min`;
}
