/**
 * Events of the news stream.
 *
 * @module
 */
import type { Timestamp } from "./timestamp.ts";

/** An article, or a new version of one. */
export interface NewsArticle {
  /** The same for every version; a `bigint` only where a double would lose digits. */
  readonly id: number | bigint;
  readonly headline: string;
  readonly summary: string;
  readonly author: string;
  /** May contain HTML. */
  readonly content: string;
  /** Empty when Alpaca sends none. */
  readonly url: string;
  /** What it is about, crypto pairs without a slash; may be empty. */
  readonly symbols: readonly string[];
  /** For example `benzinga`. */
  readonly source: string;
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
}
