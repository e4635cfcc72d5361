/**
 * Listed option contracts, as the option catalog describes them.
 *
 * @module
 */

/** Calls, puts, or both. */
export type OptionRight = "call" | "put";

/** One listed contract. */
export interface OptionContract {
  /** Compact OCC symbol. */
  readonly symbol: string;
  /** The underlying's symbol, which does not follow from the root. */
  readonly underlying: string;
  /** OCC root: `SPXW` for some contracts of SPX, `CSGP1` for adjusted ones. */
  readonly root: string;
  /** Expiration day as days since 1970-01-01. */
  readonly expiryDay: number;
  readonly right: OptionRight;
  /** USD. */
  readonly strike: number;
  /** Contracts outstanding as of the last count; 0 when unknown. */
  readonly openInterest: number;
  /** Whether it delivers something else than 100 shares or units of the underlying. */
  readonly isAdjusted: boolean;
  /** Whether Alpaca accepts orders for it; one that it does not is not selected. @default true */
  readonly isTradable?: boolean | undefined;
}

const LETTERS_AND_DIGIT = /^[A-Z]+[0-9]$/;

/**
 * Whether a root is that of adjusted contracts: they deliver something else
 * than 100 shares, so their strikes do not relate to the underlying's price.
 * Not every adjusted contract has such a root: see `OptionContract.isAdjusted`.
 */
export function isAdjustedRoot(root: string): boolean {
  return LETTERS_AND_DIGIT.test(root);
}
