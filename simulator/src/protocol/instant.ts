/**
 * A point in time with nanoseconds, as two plain numbers.
 *
 * The generator makes hundreds of thousands of these a second, so there is no
 * BigInt and no Date in here.
 *
 * @module
 */

const TEXT =
  /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/;

/** Nanoseconds in one second. */
export const NANOS_PER_SECOND = 1_000_000_000;

/** A point in time: whole seconds since the Unix epoch and 0…999 999 999 ns. */
export class Instant {
  readonly seconds: number;
  readonly nanos: number;

  constructor(seconds: number, nanos: number) {
    this.seconds = seconds;
    this.nanos = nanos;
  }

  /** The same point `offset` nanoseconds later (or earlier when negative). */
  plus(offset: number): Instant {
    const sum = this.nanos + Math.round(offset);
    const carry = Math.floor(sum / NANOS_PER_SECOND);
    return new Instant(this.seconds + carry, sum - carry * NANOS_PER_SECOND);
  }

  /** Text as Alpaca's JSON shows it: UTC, `Z`, no trailing zeros. */
  toString(): string {
    return formatInstant(this);
  }
}

/** A point in time from nanoseconds since the Unix epoch. */
export function instantFromNanos(nanos: bigint): Instant {
  const seconds = nanos / 1_000_000_000n;
  const rest = nanos - seconds * 1_000_000_000n;
  return rest < 0n
    ? new Instant(Number(seconds) - 1, Number(rest) + NANOS_PER_SECOND)
    : new Instant(Number(seconds), Number(rest));
}

/** A point in time from milliseconds since the Unix epoch. */
export function instantFromMillis(millis: number): Instant {
  const seconds = Math.floor(millis / 1000);
  return new Instant(seconds, Math.round((millis - seconds * 1000) * 1e6));
}

/** Reads RFC 3339 text with any offset; undefined when it is not that. */
export function parseInstant(text: string): Instant | undefined {
  const parts = TEXT.exec(text);
  if (!parts) return undefined;
  const [, local = "", fraction = "", zone = "Z"] = parts;
  const millis = Date.parse(local + zone);
  if (Number.isNaN(millis)) return undefined;
  return new Instant(millis / 1000, Number(fraction.padEnd(9, "0")));
}

let cachedSecond = NaN;
let cachedText = "";

/** RFC 3339 in UTC with up to nine fractional digits, trailing zeros cut. */
export function formatInstant({ seconds, nanos }: Instant): string {
  if (seconds !== cachedSecond) {
    cachedSecond = seconds;
    cachedText = new Date(seconds * 1000).toISOString().slice(0, -5);
  }
  if (nanos === 0) return cachedText + "Z";
  let digits = String(nanos).padStart(9, "0");
  let end = 9;
  while (digits.charCodeAt(end - 1) === 48) end--;
  if (end < 9) digits = digits.slice(0, end);
  return `${cachedText}.${digits}Z`;
}
