import type { FeedId } from "../../domain/connection/feed.ts";

/** A symbol quota and what a new stream would add to it. */
export interface QuotaExcess {
  readonly feed: FeedId;
  /** Pairs of channel and symbol that the plan allows on the feed. */
  readonly limit: number;
  /** Pairs that open streams already request. */
  readonly used: number;
  /** Pairs that the new stream would add. */
  readonly requested: number;
}

/**
 * A new stream requests more symbols than the quota has left. It is not opened,
 * and open streams are not affected.
 */
export class QuotaExceeded extends Error {
  override readonly name = "QuotaExceeded";
  readonly excess: QuotaExcess;

  constructor(excess: QuotaExcess) {
    const { feed, limit, used, requested } = excess;
    super(
      `The ${feed} symbol quota is exceeded by ${used + requested - limit}: ` +
        `${limit} allowed, ${used} used, ${requested} more requested`,
    );
    this.excess = excess;
  }
}
