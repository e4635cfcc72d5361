import type { FeedId } from "../../domain/connection/feed.ts";

/** The symbol budget of one feed in numbers, for metrics and alerts. */
export interface BudgetFigures {
  readonly feed: FeedId;
  /** Pairs of channel and symbol allowed; `Infinity` while no limit is known. */
  readonly limit: number;
  /** Counted pairs that streams want. */
  readonly used: number;
  /** Wanted pairs that wait for a place. */
  readonly waiting: number;
  /** Wanted pairs that upstream refuses. */
  readonly refused: number;
}

/** Reads the figures of every market data feed on demand. */
export type BudgetSource = () => readonly BudgetFigures[];
