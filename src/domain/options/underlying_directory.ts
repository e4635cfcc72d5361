/**
 * Resolves option symbols to underlyings.
 *
 * The option catalog is authoritative. Without an entry from it, roots that are
 * known to differ from their underlying are translated, and the digit of an
 * adjusted or FLEX root is dropped. Roots match exactly, never by prefix: `A` is Agilent,
 * not AAPL.
 *
 * @module
 */
import { occRoot } from "../market/occ_symbol.ts";
import type { OptionContract } from "./contract.ts";

/**
 * Index series with a root of their own, and class shares, whose root lacks the
 * dot.
 */
const KNOWN_ROOTS: ReadonlyMap<string, string> = new Map([
  ["SPXW", "SPX"],
  ["VIXW", "VIX"],
  ["NDXP", "NDX"],
  ["RUTW", "RUT"],
  ["BRKB", "BRK.B"],
  ["BFB", "BF.B"],
]);

/** A FLEX root, whose first digit is its style (`1SPX`), or an adjusted one (`BRKB1`). */
const WITH_DIGIT = /^(?:[0-9]([A-Z]+)|([A-Z]+)[0-9])$/;

/** Resolves an option root without the catalog; a ticker resolves to itself. */
export function usualUnderlying(root: string): string {
  const [, flex, adjusted] = WITH_DIGIT.exec(root) ?? [];
  const standard = flex ?? adjusted ?? root;
  return KNOWN_ROOTS.get(standard) ?? standard;
}

const KNOWN_UNDERLYINGS: ReadonlySet<string> = new Set(KNOWN_ROOTS.values());

/**
 * The underlying of a root that has certainly no other one; `undefined` for all other roots. An
 * adjusted root may be on another company since a merger, and an unknown one may be on an index.
 */
export function certainUnderlying(root: string): string | undefined {
  return KNOWN_ROOTS.get(root) ?? (KNOWN_UNDERLYINGS.has(root) ? root : undefined);
}

/** Resolves option symbols, with the roots learned from the catalog. */
export class UnderlyingDirectory {
  /** Underlying by root, from the catalog: a few thousand at most. */
  readonly #learned = new Map<string, string>();

  /** Adds the roots of contracts from the catalog. */
  learn(contracts: Iterable<OptionContract>): void {
    for (const { root, underlying } of contracts) {
      this.#learned.set(root, underlying);
    }
  }

  /**
   * The underlying of a compact OCC symbol; `""` for shorter text. Stores
   * nothing, so that invalid symbols use no memory.
   */
  underlyingOf(symbol: string): string {
    const root = occRoot(symbol);
    return this.#learned.get(root) ?? usualUnderlying(root);
  }
}
