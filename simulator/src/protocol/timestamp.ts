/**
 * Timestamps with nanoseconds, as two plain numbers: the generator creates
 * hundreds of thousands per second, which rules out BigInt and Date.
 *
 * @module
 */

const TEXT = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/;

/** Nanoseconds in one second. */
const NANOS_PER_SECOND = 1_000_000_000;

/** Whole seconds since the Unix epoch and 0 to 999,999,999 ns. */
export class Timestamp {
  /** Whole seconds since the Unix epoch. */
  readonly seconds: number;
  /** Nanoseconds within the second, 0 to 999,999,999. */
  readonly nanos: number;

  /** Both numbers must be in their ranges. */
  constructor(seconds: number, nanos: number) {
    this.seconds = seconds;
    this.nanos = nanos;
  }

  /** This timestamp plus `offset` nanoseconds, which may be negative. */
  plus(offset: number): Timestamp {
    const sum = this.nanos + Math.round(offset);
    const carry = Math.floor(sum / NANOS_PER_SECOND);
    return new Timestamp(this.seconds + carry, sum - carry * NANOS_PER_SECOND);
  }

  /** Text as in Alpaca's JSON: UTC, `Z`, no trailing zeros. */
  toString(): string {
    return formatTimestamp(this);
  }
}

/** A timestamp from nanoseconds since the Unix epoch. */
export function timestampFromNanos(nanos: bigint): Timestamp {
  const seconds = nanos / 1_000_000_000n;
  const rest = nanos - seconds * 1_000_000_000n;
  return rest < 0n
    ? new Timestamp(Number(seconds) - 1, Number(rest) + NANOS_PER_SECOND)
    : new Timestamp(Number(seconds), Number(rest));
}

/** A timestamp from milliseconds since the Unix epoch. */
export function timestampFromMillis(millis: number): Timestamp {
  const seconds = Math.floor(millis / 1000);
  return new Timestamp(seconds, Math.round((millis - seconds * 1000) * 1e6));
}

/** Parses RFC 3339 text with any offset; undefined for other text. */
export function parseTimestamp(text: string): Timestamp | undefined {
  const parts = TEXT.exec(text);
  if (!parts) return undefined;
  const [, local = "", fraction = "", zone = "Z"] = parts;
  const millis = Date.parse(local + zone);
  if (Number.isNaN(millis)) return undefined;
  return new Timestamp(millis / 1000, Number(fraction.padEnd(9, "0")));
}

let cachedSecond = NaN;
let cachedText = "";

/** RFC 3339 in UTC with up to nine fractional digits, without trailing zeros. */
export function formatTimestamp({ seconds, nanos }: Timestamp): string {
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
