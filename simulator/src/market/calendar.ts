/**
 * New York's days and hours, which decide when a daily bar starts and which
 * trades carry an extended-hours condition.
 *
 * @module
 */
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const OPEN_MINUTE = 9 * 60 + 30;
const CLOSE_MINUTE = 16 * 60;

const NEW_YORK = new Intl.DateTimeFormat("en-US", {
  timeZone: "America/New_York",
  hourCycle: "h23",
  weekday: "short",
  hour: "2-digit",
  minute: "2-digit",
});

/** Milliseconds since the epoch of the midnight that began this ET day. */
export function sessionDay(nowMs: number): number {
  const { minutes } = newYork(nowMs);
  return Math.floor(nowMs / MINUTE_MS) * MINUTE_MS - minutes * MINUTE_MS;
}

/** Whether the exchanges are in their regular hours; holidays are not known. */
export function isRegularHours(nowMs: number): boolean {
  const { minutes, weekend } = newYork(nowMs);
  return !weekend && minutes >= OPEN_MINUTE && minutes < CLOSE_MINUTE;
}

/** The next `count` Fridays after the day of `nowMs`, as `YYYY-MM-DD`. */
export function nextFridays(nowMs: number, count: number): string[] {
  const days: string[] = [];
  for (let at = nowMs + DAY_MS; days.length < count; at += DAY_MS) {
    if (new Date(at).getUTCDay() === 5) days.push(isoDay(at));
  }
  return days;
}

/** Whether a `YYYY-MM-DD` Friday is the third of its month. */
export function isMonthly(day: string): boolean {
  const date = Number(day.slice(8));
  return date >= 15 && date <= 21;
}

function newYork(nowMs: number): { minutes: number; weekend: boolean } {
  const parts = NEW_YORK.formatToParts(nowMs);
  const part = (type: string) =>
    parts.find((item) => item.type === type)?.value ?? "";
  return {
    minutes: Number(part("hour")) * 60 + Number(part("minute")),
    weekend: part("weekday").startsWith("S"),
  };
}

function isoDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
