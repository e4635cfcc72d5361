/**
 * Median and range of repeated measurements.
 *
 * @module
 */

/** Median and extremes of repeated measurements. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Number of repetitions. */
  readonly n: number;
}

/** Computes the spread. @throws RangeError without values */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const { length: n } = sorted;
  const [min] = sorted;
  const max = sorted[n - 1];
  if (min === undefined || max === undefined) {
    throw new RangeError("No values");
  }
  const upper = sorted[n >> 1] ?? max;
  const lower = sorted[(n - 1) >> 1] ?? min;
  return { median: (lower + upper) / 2, min, max, n };
}

/** Formats a number with few digits: `0.82`, `3.1`, `412`, `318 k`, `1.24 M`. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${digits(value / 1e6)} M`;
  if (size >= 1e4) return `${digits(value / 1e3)} k`;
  return digits(value);
}

function digits(value: number): string {
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e4) return String(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

/** `3.1 (2.9–3.4)`. */
export function spreadText({ median, min, max, n }: Spread): string {
  if (n === 1) return short(median);
  return `${short(median)} (${short(min)}–${short(max)})`;
}
