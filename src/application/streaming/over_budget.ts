import type { FeedId } from "../../domain/connection/feed.ts";

/** A symbol budget and by how much a new stream would exceed it. */
export interface BudgetExcess {
  readonly feed: FeedId;
  /** Pairs of channel and symbol that the plan allows on the feed. */
  readonly limit: number;
  /** Pairs that open streams already want. */
  readonly used: number;
  /** Pairs that the new stream would add. */
  readonly requested: number;
}

/**
 * A new stream wants more symbols than the plan has left; it is not opened, and
 * nothing changes for the streams that are.
 */
export class OverBudget extends Error {
  override readonly name = "OverBudget";
  readonly excess: BudgetExcess;

  constructor(excess: BudgetExcess) {
    const { feed, limit, used, requested } = excess;
    super(
      `The ${feed} symbol budget is exceeded by ${used + requested - limit}: ` +
        `${limit} allowed, ${used} used, ${requested} more requested`,
    );
    this.excess = excess;
  }
}
