/**
 * The limit on the entries of all open streams, and what a new one adds. Counted
 * as `Streams.symbols` does: ten repeated symbols are one entry.
 */
export interface SymbolExcess {
  /** Entries that all open streams may name together. */
  readonly limit: number;
  /** Entries of open streams. */
  readonly used: number;
  /** Entries that the new stream adds. */
  readonly requested: number;
}

/**
 * A new stream names more symbols, underlyings and order ids than are left of
 * the limit on all open streams together. It is not opened.
 */
export class TooManySymbols extends Error {
  override readonly name = "TooManySymbols";
  readonly excess: SymbolExcess;

  constructor(excess: SymbolExcess) {
    const { limit, used, requested } = excess;
    super(
      `The limit on the symbols, underlyings and order ids of all open ` +
        `streams is exceeded by ${used + requested - limit}: ` +
        `${limit} allowed, ${used} used, ${requested} more requested`,
    );
    this.excess = excess;
  }
}
