/**
 * The symbol budget of one feed: what the plan allows, and what upstream's
 * refusals have taught. What was learned outlives the connection.
 *
 * @module
 */
import type { PlanLimit } from "./plans.ts";
import {
  type Pair,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
  WILDCARD,
} from "./symbol_sets.ts";

/** Counts places and remembers refusals. */
export class SymbolBudget {
  readonly #plan: PlanLimit;
  readonly #refusedWildcards = new Set<UpstreamChannel>();
  #counts: ReadonlySet<UpstreamChannel>;
  #learned: number | undefined;

  constructor(plan: PlanLimit) {
    this.#plan = plan;
    this.#counts = plan.counts;
  }

  /** Pairs allowed, by the plan or by experience; `undefined` while unknown. */
  get limit(): number | undefined {
    const { pairs } = this.#plan;
    if (pairs === undefined) return this.#learned;
    return Math.min(pairs, this.#learned ?? pairs);
  }

  /** Whether the limit comes from experience. */
  get learned(): boolean {
    return this.#learned !== undefined && this.limit === this.#learned;
  }

  /** Whether a pair takes a place; `*` never does, it is had or not had. */
  takesPlace({ channel, symbol }: Pair): boolean {
    return symbol !== WILDCARD && this.#counts.has(channel);
  }

  /** Whether `*` may be asked for. */
  allowsWildcard(channel: UpstreamChannel): boolean {
    return this.#plan.wildcards.has(channel) &&
      !this.#refusedWildcards.has(channel);
  }

  /** Number of places that pairs take. */
  placesOf(pairs: Iterable<Pair>): number {
    let places = 0;
    for (const pair of pairs) if (this.takesPlace(pair)) places++;
    return places;
  }

  /** Upstream refused `*` on a channel, whatever the reason. */
  learnNoWildcard(channel: UpstreamChannel): void {
    this.#refusedWildcards.add(channel);
  }

  /** Upstream had no place for `refused` while it carried `carried`. */
  learnFull(refused: Pair, carried: readonly Pair[]): void {
    // A refusal on a channel that should not count says that every one does.
    if (!this.takesPlace(refused)) this.#counts = new Set(UPSTREAM_CHANNELS);
    this.#learned = this.placesOf(carried);
  }

  /** Forgets the lessons: the plan alone counts again. */
  unlearn(): void {
    this.#refusedWildcards.clear();
    this.#counts = this.#plan.counts;
    this.#learned = undefined;
  }

  /** Upstream carries these pairs: what was learned against them was wrong. */
  learnCarried(carried: readonly Pair[]): void {
    for (const { channel, symbol } of carried) {
      if (symbol === WILDCARD) this.#refusedWildcards.delete(channel);
    }
    if (this.#learned === undefined) return;
    this.#learned = Math.max(this.#learned, this.placesOf(carried));
  }
}
