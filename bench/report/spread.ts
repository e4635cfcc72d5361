/**
 * A measured figure: never one number, always what repetitions said.
 *
 * @module
 */

/** Median and extremes of repeated measurements. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** How many repetitions. */
  readonly n: number;
}

/**
 * The spread of some values.
 *
 * @throws RangeError when there are none
 */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const { length: n } = sorted;
  const [min] = sorted;
  const max = sorted[n - 1];
  if (min === undefined || max === undefined) {
    throw new RangeError("Cannot spread no values");
  }
  const upper = sorted[n >> 1] ?? max;
  const lower = sorted[(n - 1) >> 1] ?? min;
  return { median: (lower + upper) / 2, min, max, n };
}

/** A number in few digits: `0.82`, `3.1`, `412`, `318 k`, `1.24 M`. */
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
