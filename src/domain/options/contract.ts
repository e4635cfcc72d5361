/**
 * Listed option contracts, as the catalogue describes them.
 *
 * @module
 */

/** Calls, puts, or both. */
export type OptionRight = "call" | "put";

/** One listed contract. */
export interface OptionContract {
  /** Compact OCC symbol. */
  readonly symbol: string;
  /** The underlying's own symbol; never to be derived from the root. */
  readonly underlying: string;
  /** OCC root: `SPXW` for some contracts of SPX, `CSGP1` for adjusted ones. */
  readonly root: string;
  /** Expiration day as days since 1970-01-01. */
  readonly expiryDay: number;
  readonly right: OptionRight;
  /** USD. */
  readonly strike: number;
}
