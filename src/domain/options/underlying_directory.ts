/**
 * Which underlying an option symbol belongs to.
 *
 * The catalogue knows best. Where it has not been asked (or cannot be), index
 * roots that are known to differ from their underlying are translated, and the
 * digit of an adjusted root is dropped.
 *
 * @module
 */
import { occRoot } from "../market/occ_symbol.ts";
import type { OptionContract } from "./contract.ts";

/** Weekly and afternoon-settled series that trade under a root of their own. */
const KNOWN_ROOTS: ReadonlyMap<string, string> = new Map([
  ["SPXW", "SPX"],
  ["VIXW", "VIX"],
  ["NDXP", "NDX"],
  ["RUTW", "RUT"],
]);

const LAST_DIGIT = /[0-9]$/;

/** Translates option symbols to underlyings. */
export class UnderlyingDirectory {
  readonly #byRoot = new Map<string, string>();

  /** Learns the roots of contracts from the catalogue. */
  learn(contracts: Iterable<OptionContract>): void {
    for (const { root, underlying } of contracts) {
      this.#byRoot.set(root, underlying);
    }
  }

  /** The underlying of a compact OCC symbol. */
  underlyingOf(symbol: string): string {
    const root = occRoot(symbol);
    const known = this.#byRoot.get(root);
    if (known !== undefined) return known;
    const underlying = KNOWN_ROOTS.get(root) ?? root.replace(LAST_DIGIT, "");
    // One entry per root ever seen: the listed roots are a few thousand.
    this.#byRoot.set(root, underlying);
    return underlying;
  }
}
