/**
 * Patterns of names: exact ones, prefixes (`SPY*`), and `*` for every name.
 *
 * @module
 */

/** The pattern that matches every name. */
const EVERY = "*";

/** A list of patterns; a name matches when one of them does. */
export class Patterns {
  /** Matches every name. */
  static readonly ALL: Patterns = new Patterns([EVERY]);
  /** Whether every name matches. */
  readonly isAll: boolean;
  readonly #exact = new Set<string>();
  /** Prefixes by their length, so that the cost does not grow with their number. */
  readonly #prefixes = new Map<number, Set<string>>();

  /**
   * Prepares patterns.
   *
   * @param patterns names that may end in one `*`; letter case matters
   */
  constructor(patterns: readonly string[]) {
    this.isAll = patterns.includes(EVERY);
    for (const pattern of patterns) {
      if (pattern.endsWith(EVERY)) this.#addPrefix(pattern.slice(0, -1));
      else this.#exact.add(pattern);
    }
  }

  /** Whether a name matches one of the patterns. */
  matches(name: string): boolean {
    if (this.isAll || this.#exact.has(name)) return true;
    for (const [length, prefixes] of this.#prefixes) {
      if (prefixes.has(name.slice(0, length))) return true;
    }
    return false;
  }

  #addPrefix(prefix: string): void {
    const { length } = prefix;
    const prefixes = this.#prefixes.get(length) ?? new Set();
    this.#prefixes.set(length, prefixes.add(prefix));
  }
}
