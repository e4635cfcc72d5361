/**
 * The trading day of US equities in New York time: open 09:30, close 16:00,
 * extended hours until 20:00, Monday to Friday. Exchange holidays and early
 * closes are not known here.
 *
 * @module
 */

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** Minutes after midnight in New York. */
export const SESSION_MINUTES = { open: 570, close: 960, extended: 1_200 };

const NEW_YORK = new Intl.DateTimeFormat("en-US", {
  timeZone: "America/New_York",
  weekday: "short",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/** A moment of the trading day. */
export type SessionBoundary = keyof typeof SESSION_MINUTES;

/** Whether regular trading is going on at this epoch millisecond. */
export function isRegularSession(nowMs: number): boolean {
  const { weekend, minutes } = newYorkTime(nowMs);
  return !weekend && minutes >= SESSION_MINUTES.open &&
    minutes < SESSION_MINUTES.close;
}

/** The first such moment after `nowMs`, in epoch milliseconds. */
export function nextBoundary(nowMs: number, boundary: SessionBoundary): number {
  const wanted = SESSION_MINUTES[boundary];
  for (let day = 0; day <= 7; day++) {
    const probe = nowMs + day * DAY_MS;
    const local = newYorkTime(probe);
    const guess = Math.round(probe + (wanted - local.minutes) * MINUTE_MS);
    const drift = wanted - newYorkTime(guess).minutes; // a clock change between
    const moment = Math.round(guess + drift * MINUTE_MS);
    if (moment > nowMs && !newYorkTime(moment).weekend) return moment;
  }
  throw new RangeError(`No trading day within a week of ${nowMs}`);
}

function newYorkTime(ms: number): { weekend: boolean; minutes: number } {
  const parts = new Map(
    NEW_YORK.formatToParts(ms).map((part) => [part.type, part.value]),
  );
  const weekday = parts.get("weekday");
  return {
    weekend: weekday === "Sat" || weekday === "Sun",
    minutes: Number(parts.get("hour")) * 60 + Number(parts.get("minute")) +
      (Number(parts.get("second")) + (ms % 1_000) / 1_000) / 60,
  };
}
