/**
 * Errors of streams that cannot be opened. Other streams are not affected.
 *
 * @module
 */
import type { FeedId } from "../../domain/connection/feed.ts";

/** The feed of a stream is not enabled: it would never receive anything. */
export class FeedDisabled extends Error {
  override readonly name = "FeedDisabled";
  readonly feed: FeedId;

  constructor(feed: FeedId) {
    super(`The ${feed} feed is disabled; add it to STREAM_PROXY_FEEDS`);
    this.feed = feed;
  }
}

/**
 * The limit on the filter entries of all streams, and what a new one requests of
 * it. Counted like `StreamRegistry.symbols`: ten repeated symbols are one entry.
 */
export interface SymbolExcess {
  /** Entries that all open streams together may have. */
  readonly limit: number;
  /** Entries of open streams. */
  readonly used: number;
  /** Entries that the new stream adds. */
  readonly requested: number;
}

/** A new stream has more symbols, underlyings and order ids than are left. */
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
