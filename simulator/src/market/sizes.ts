/**
 * Sizes of trades and quotes: whole shares, or fractions of shares as they are
 * on the tape since 2026.
 *
 * @module
 */
import type { SeededRandom } from "../random.ts";

/** Which sizes have a fraction, and how they are written. */
export interface FractionalSizes {
  /** Share of trades and of quote sizes with a fraction, 0 to 1. Default 0. */
  readonly share?: number;
  /** JSON numbers, or text. Whole sizes are always numbers. Default `number`. */
  readonly format?: "number" | "text";
}

/** Decimal places of a fraction. */
const PLACES = 6;
const UNITS = 10 ** PLACES;

/** A whole size, or one with a fraction instead; draws nothing without a share. */
export function withFraction(
  size: number,
  random: SeededRandom,
  { share = 0 }: FractionalSizes,
): number {
  if (share === 0 || random.next() >= share) return size;
  // Many fractional trades are below one share.
  const whole = random.next() < 0.5 ? 0 : size;
  return roundSize(whole + (1 + random.below(UNITS - 1)) / UNITS);
}

/** Rounds a sum of sizes to the places that a size has. */
export function roundSize(size: number): number {
  return Math.round(size * UNITS) / UNITS;
}

/** A size as a message has it. */
export function writeSize(
  size: number,
  { format = "number" }: FractionalSizes,
): number | string {
  return format === "text" && !Number.isInteger(size) ? String(size) : size;
}
