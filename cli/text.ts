/**
 * Formats prices, times, counts and codes.
 *
 * @module
 */
import type { DescEnum } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";

/** `15:00:00.123456789` in UTC; spaces of the same width when there is none. */
export function timeOfDay(
  timestamp: Timestamp | undefined,
  digits: 0 | 3 | 6 | 9 = 9,
): string {
  const width = digits === 0 ? 8 : 9 + digits;
  if (timestamp === undefined) return "-".padEnd(width);
  const day = ((Number(timestamp.seconds) % 86_400) + 86_400) % 86_400;
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const clock = `${two(day / 3600)}:${two(day / 60 % 60)}:${two(day % 60)}`;
  if (digits === 0) return clock;
  const nanos = String(timestamp.nanos).padStart(9, "0").slice(0, digits);
  return `${clock}.${nanos}`;
}

/** Milliseconds since the epoch, with a fraction. */
export function millisecondsOf(timestamp: Timestamp): number {
  return Number(timestamp.seconds) * 1000 + timestamp.nanos / 1e6;
}

/**
 * A price with its decimal point always in the same column: two to four
 * decimals, without trailing zeros; a dash for 0, which means no price. Nine
 * columns up to 9999.
 */
export function price(value: number): string {
  if (value === 0) return "-".padStart(4).padEnd(9);
  const [whole = "", fraction = ""] = value.toFixed(4).split(".");
  const decimals = fraction.replace(/0{1,2}$/, "");
  return `${whole.padStart(4)}.${decimals.padEnd(4)}`;
}

/** `12 345`, with thin groups of three. */
export function grouped(value: number | bigint): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, " ");
}

/** `4s`, `3m 20s`, `2h 05m`, `3d 4h`. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (value: number) => String(value).padStart(2, "0");
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${two(seconds % 60)}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h ${two(minutes % 60)}m`;
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

/** `0.42 ms`, `12 ms`, `1.3 s`: up to three digits, seven columns. */
export function latency(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return "-".padStart(7);
  const text = milliseconds < 10
    ? `${milliseconds.toFixed(2)} ms`
    : milliseconds < 1000
    ? `${milliseconds.toFixed(0)} ms`
    : `${(milliseconds / 1000).toFixed(1)} s`;
  return text.padStart(7);
}

/** The name of an enum value in lower case: `partial_fill`; `?7` if unknown. */
export function enumName(schema: DescEnum, value: number): string {
  const name = schema.value[value]?.localName;
  return name === undefined ? `?${value}` : name.toLowerCase();
}

/** Condition codes: `[@ I]`; empty when there are none. */
export function conditions(codes: readonly string[]): string {
  const shown = codes.filter((code) => code.trim() !== "");
  return shown.length === 0 ? "" : `[${shown.join(" ")}]`;
}
