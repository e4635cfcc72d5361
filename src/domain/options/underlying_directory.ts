/**
 * Which underlying an option symbol belongs to.
 *
 * The catalogue knows best. Where it has not been asked (or cannot be), roots
 * that are known to differ from their underlying are translated, and the digit
 * of an adjusted root is dropped. A root is never matched by its beginning:
 * `A` is Agilent and has nothing to do with AAPL.
 *
 * @module
 */
import { occRoot } from "../market/occ_symbol.ts";
import { isAdjustedRoot, type OptionContract } from "./contract.ts";

/**
 * Series of indexes that trade under a root of their own, and class shares,
 * whose dot a root cannot carry.
 */
const KNOWN_ROOTS: ReadonlyMap<string, string> = new Map([
  ["SPXW", "SPX"],
  ["VIXW", "VIX"],
  ["NDXP", "NDX"],
  ["RUTW", "RUT"],
  ["BRKB", "BRK.B"],
  ["BFB", "BF.B"],
]);

/**
 * The underlying that a root usually stands for, known without a catalogue;
 * a ticker stands for itself.
 */
export function usualUnderlying(root: string): string {
  return KNOWN_ROOTS.get(root) ??
    (isAdjustedRoot(root) ? root.slice(0, -1) : root);
}

/** Translates option symbols to underlyings. */
export class UnderlyingDirectory {
  /** Roots the catalogue spoke of: a few thousand are listed at most. */
  readonly #learned = new Map<string, string>();

  /** Learns the roots of contracts from the catalogue. */
  learn(contracts: Iterable<OptionContract>): void {
    for (const { root, underlying } of contracts) {
      this.#learned.set(root, underlying);
    }
  }

  /**
   * The underlying of a compact OCC symbol; `""` for text too short to be one.
   * Remembers nothing, so that made-up symbols cost no memory.
   */
  underlyingOf(symbol: string): string {
    const root = occRoot(symbol);
    return this.#learned.get(root) ?? usualUnderlying(root);
  }
}
