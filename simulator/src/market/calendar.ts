/**
 * Days and trading hours of US exchanges in New York time: open 09:30, close
 * 16:00, extended hours until 20:00, Monday to Friday. Holidays and early
 * closes are not known.
 *
 * @module
 */
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** Minutes after midnight in New York. */
const SESSION_MINUTES = { open: 570, close: 960, extended: 1200 };

/** A time of the trading day. */
type SessionBoundary = keyof typeof SESSION_MINUTES;

const NEW_YORK = new Intl.DateTimeFormat("en-US", {
  timeZone: "America/New_York",
  hourCycle: "h23",
  weekday: "short",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

/** Midnight in New York at the beginning of the day, in epoch milliseconds. */
export function sessionDay(nowMs: number): number {
  const minutes = Math.floor(newYork(nowMs).minutes);
  return Math.floor(nowMs / MINUTE_MS) * MINUTE_MS - minutes * MINUTE_MS;
}

/** Whether the exchanges are in their regular hours. */
export function isRegularHours(nowMs: number): boolean {
  const { minutes, isWeekend } = newYork(nowMs);
  return !isWeekend && minutes >= SESSION_MINUTES.open &&
    minutes < SESSION_MINUTES.close;
}

/** The first such time of a trading day after `nowMs`, in epoch milliseconds. */
export function nextBoundary(nowMs: number, boundary: SessionBoundary): number {
  const wanted = SESSION_MINUTES[boundary];
  for (let day = 0; day <= 7; day++) {
    const probe = nowMs + day * DAY_MS;
    const guess = Math.round(
      probe + (wanted - newYork(probe).minutes) * MINUTE_MS,
    );
    // A clock change may lie between `probe` and `guess`.
    const drift = wanted - newYork(guess).minutes;
    const time = Math.round(guess + drift * MINUTE_MS);
    if (time > nowMs && !newYork(time).isWeekend) return time;
  }
  throw new RangeError(`no trading day within a week of ${nowMs}`);
}

/** The next `count` Fridays after the day of `nowMs`, as `YYYY-MM-DD`. */
export function nextFridays(nowMs: number, count: number): string[] {
  const days: string[] = [];
  for (let at = nowMs + DAY_MS; days.length < count; at += DAY_MS) {
    const date = new Date(at);
    if (date.getUTCDay() === 5) days.push(date.toISOString().slice(0, 10));
  }
  return days;
}

/** Whether a `YYYY-MM-DD` Friday is the third of its month. */
export function isMonthly(day: string): boolean {
  const date = Number(day.slice(8));
  return date >= 15 && date <= 21;
}

/** The day of the week, and minutes since midnight with their fraction. */
function newYork(ms: number): { minutes: number; isWeekend: boolean } {
  const parts = new Map(
    NEW_YORK.formatToParts(ms).map(({ type, value }) => [type, value]),
  );
  const weekday = parts.get("weekday");
  const seconds = Number(parts.get("second")) + (ms % 1000) / 1000;
  return {
    minutes: Number(parts.get("hour")) * 60 + Number(parts.get("minute")) +
      seconds / 60,
    isWeekend: weekday === "Sat" || weekday === "Sun",
  };
}
