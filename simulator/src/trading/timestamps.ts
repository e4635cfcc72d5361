/**
 * RFC 3339 text with nanoseconds, as Alpaca writes it: trailing zeros of the
 * fraction are trimmed, a whole second has no fraction at all.
 *
 * @module
 */

const NANOS_PER_SECOND = 1_000_000_000n;
const NANOS_PER_MICRO = 1_000n;

/** Formatting choices of {@linkcode formatInstant}. */
export interface InstantFormat {
  /** Minutes east of UTC; 0 is written as `Z`. */
  readonly offsetMinutes?: number;
}

/** Writes nanoseconds since the Unix epoch as RFC 3339 text. */
export function formatInstant(
  nanos: bigint,
  { offsetMinutes = 0 }: InstantFormat = {},
): string {
  const seconds = nanos / NANOS_PER_SECOND;
  const fraction = (nanos % NANOS_PER_SECOND).toString().padStart(9, "0")
    .replace(/0+$/, "");
  const local = new Date(Number(seconds) * 1_000 + offsetMinutes * 60_000);
  const clock = local.toISOString().slice(0, 19);
  return clock + (fraction === "" ? "" : `.${fraction}`) +
    formatOffset(offsetMinutes);
}

/** Rounds up to a whole microsecond, the precision of Alpaca's `at` field. */
export function ceilToMicros(nanos: bigint): bigint {
  const rest = nanos % NANOS_PER_MICRO;
  return rest === 0n ? nanos : nanos + NANOS_PER_MICRO - rest;
}

/** Reads RFC 3339 text, or a bare date as its midnight UTC; undefined if bad. */
export function parseInstant(text: string): bigint | undefined {
  const whole = /^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text;
  try {
    return Temporal.Instant.from(whole).epochNanoseconds;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function formatOffset(minutes: number): string {
  if (minutes === 0) return "Z";
  const size = Math.abs(minutes);
  const hours = String(Math.trunc(size / 60)).padStart(2, "0");
  const rest = String(size % 60).padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${hours}:${rest}`;
}
