/**
 * How many symbols a plan allows on a feed, counted the way upstream counts.
 *
 * A budget is a number of pairs over the channels that count. It may be known
 * from the settings, learned from upstream's first refusal, or unknown, which
 * means that nothing is assumed.
 *
 * @module
 */
import type { UpstreamChannel } from "./symbol_sets.ts";
import { WILDCARD } from "./symbol_sets.ts";

/** What a plan says of one feed. */
export interface PlanLimit {
  /** Pairs of channel and symbol; `undefined` when the plan sets no limit. */
  readonly pairs: number | undefined;
  /** Channels whose pairs count. */
  readonly counts: ReadonlySet<UpstreamChannel>;
  /** Counted channels on which `*` may be asked for. */
  readonly wildcard: boolean;
}

/** The budget of one feed. */
export class SymbolBudget {
  readonly #plan: PlanLimit;
  #learned: number | undefined;

  constructor(plan: PlanLimit) {
    this.#plan = plan;
  }

  /** Pairs allowed, from the plan or learned; `undefined` while unknown. */
  get limit(): number | undefined {
    const { pairs } = this.#plan;
    if (pairs === undefined) return this.#learned;
    return this.#learned === undefined ? pairs : Math.min(pairs, this.#learned);
  }

  /** Whether the limit was learned from a refusal. */
  get learned(): boolean {
    return this.#learned !== undefined && this.limit === this.#learned;
  }

  /** Whether pairs of this channel count. */
  counts(channel: UpstreamChannel): boolean {
    return this.#plan.counts.has(channel);
  }

  /** Whether `*` may be asked for on this channel. */
  allowsWildcard(channel: UpstreamChannel): boolean {
    if (!this.counts(channel)) return true;
    return this.#plan.wildcard && this.#learned === undefined;
  }

  /** Whether a pair takes a place. */
  takesPlace(channel: UpstreamChannel, symbol: string): boolean {
    return symbol !== WILDCARD && this.counts(channel);
  }

  /** Upstream refused a pair for want of room while it carried `used` of them. */
  learn(used: number): void {
    this.#learned = used;
  }

  /** Upstream carries `used` pairs: a smaller limit was learned wrongly. */
  confirm(used: number): void {
    if (this.#learned !== undefined && used > this.#learned) {
      this.#learned = used;
    }
  }
}
