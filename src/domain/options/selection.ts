/**
 * The part of a chain that a stream requests: its fields, defaults and bounds.
 * `select_contracts.ts` applies it.
 *
 * @module
 */
import type { OptionRight } from "./contract.ts";

/** The part of a chain that a stream requests. */
export interface OptionSelection {
  /** Nearest expiry, in calendar days from today; 0 is today. */
  readonly minDays: number;
  /** Farthest expiry, in calendar days from today. */
  readonly maxDays: number;
  /**
   * Strikes within this many percent around the underlying's price, and of each expiry at least
   * the next one on each side of it.
   */
  readonly strikeWindowPercent: number;
  /** `undefined` means both. */
  readonly right: OptionRight | undefined;
  /** Most contracts per underlying. */
  readonly maxContracts: number;
  /** Expiries as days since 1970-01-01, ascending; every one by default. */
  readonly expiries?: readonly number[] | undefined;
  /** First expiry as days since 1970-01-01. */
  readonly expiryFrom?: number | undefined;
  /** Last expiry as days since 1970-01-01. */
  readonly expiryTo?: number | undefined;
  /** Most expiries, the nearest first. */
  readonly maxExpiries?: number | undefined;
  /** Most contracts of one expiry. */
  readonly maxContractsPerExpiry?: number | undefined;
  /** Strikes per expiry on each side of the price; replaces `strikeWindowPercent`. */
  readonly strikesEachSide?: number | undefined;
  /** Lowest strike, USD. */
  readonly minStrike?: number | undefined;
  /** Highest strike, USD. */
  readonly maxStrike?: number | undefined;
  /** OCC roots, for example `SPXW` without `SPX`; every one by default. */
  readonly roots?: readonly string[] | undefined;
  /** Whether adjusted contracts are selected too, after the standard ones. @default false */
  readonly includeAdjusted?: boolean | undefined;
  /** Lowest absolute delta, 0 to 1. Ignored for an expiry of which no delta is known. */
  readonly minAbsDelta?: number | undefined;
  /** Highest absolute delta, 0 to 1. Ignored like `minAbsDelta`. */
  readonly maxAbsDelta?: number | undefined;
  /** Replaces the same fields for an expiry of which no delta is known. */
  readonly withoutDeltas?:
    | Pick<OptionSelection, "strikeWindowPercent" | "strikesEachSide">
    | undefined;
  /** Share of the symbol quota relative to other selections. @default 1 */
  readonly weight?: number | undefined;
}

/** The selection of a stream that requests none. */
export const DEFAULT_SELECTION: OptionSelection = {
  minDays: 0,
  maxDays: 45,
  strikeWindowPercent: 10,
  right: undefined,
  maxContracts: 100,
};

/** Bounds of the fields of a selection, inclusive. */
export const SELECTION_BOUNDS: Readonly<
  Record<
    | "days"
    | "strikeWindowPercent"
    | "strikesEachSide"
    | "maxExpiries"
    | "maxContracts"
    | "strike"
    | "absDelta"
    | "weight",
    { readonly min: number; readonly max: number }
  >
> = {
  // The farthest LEAPS are listed about three years ahead.
  days: { min: 0, max: 3_650 },
  strikeWindowPercent: { min: 0.1, max: 1_000 },
  strikesEachSide: { min: 1, max: 1_000 },
  maxExpiries: { min: 1, max: 1_000 },
  maxContracts: { min: 1, max: 10_000 },
  // An OCC symbol has eight digits for the strike × 1000.
  strike: { min: 0.001, max: 99_999.999 },
  absDelta: { min: 0, max: 1 },
  weight: { min: 1, max: 100 },
};
