/**
 * What is wanted of upstream, what it acknowledged and what it refused.
 *
 * @module
 */
import type { FeedId } from "../../domain/connection/feed.ts";
import type { UpstreamChannel } from "../../domain/subscription/symbol_sets.ts";

/**
 * Where a symbol stands on a channel:
 * `acknowledged` upstream carries it; `requested` it was or will be asked for;
 * `waiting` the budget has no place for it yet; `refused` upstream said no;
 * `lingering` nobody wants it any more, and it is given back after the grace
 * period.
 */
export type SymbolState =
  | "acknowledged"
  | "requested"
  | "waiting"
  | "refused"
  | "lingering";

/** One symbol on one channel; `*` is every symbol. */
export interface SymbolReport {
  readonly symbol: string;
  readonly state: SymbolState;
  /** Streams that want it; 0 while it lingers. */
  readonly streams: number;
  /** Upstream's words for a refusal, or why it waits. */
  readonly reason: string | undefined;
}

/** One upstream channel. */
export interface ChannelReport {
  readonly channel: UpstreamChannel;
  readonly symbols: readonly SymbolReport[];
  /**
   * Streams without a filter that receive what is being received for others,
   * because `*` cannot be asked for here.
   */
  readonly unfiltered: number;
}

/** The symbol budget of a feed. */
export interface BudgetReport {
  /** Pairs allowed; `undefined` when no limit is known. */
  readonly limit: number | undefined;
  /** True when the limit was learned from a refusal, not set. */
  readonly learned: boolean;
  /** Counted pairs that streams want. */
  readonly used: number;
}

/** An underlying whose contracts are chosen for streams. */
export interface ExpansionReport {
  readonly underlying: string;
  readonly channel: UpstreamChannel;
  readonly streams: number;
  /** Contracts chosen at the moment. */
  readonly contracts: number;
  /** `off` when the catalogue cannot be read; `reason` says why. */
  readonly state: "loading" | "ready" | "off";
  readonly reason: string | undefined;
  /** Price that the strikes are measured from, USD. */
  readonly centre: number | undefined;
}

/** Everything about one feed's subscriptions. */
export interface FeedSubscriptions {
  readonly feed: FeedId;
  readonly channels: readonly ChannelReport[];
  readonly budget: BudgetReport;
  readonly expansions: readonly ExpansionReport[];
}

/** Makes a report on demand; feeds without subscriptions are left out. */
export type SubscriptionSource = () => readonly FeedSubscriptions[];
