/**
 * What upstream is to carry: what streams want, within what the plan allows.
 *
 * - A place that is taken is never taken away: what upstream carries and
 *   streams want stays, then pairs get the places that are left in the order in
 *   which they were first wanted; the others wait.
 * - Lingering pairs keep the places that nobody else needs.
 * - `*` is asked for only where it may be. Elsewhere a stream that wants
 *   everything receives what is carried for others.
 * - A channel on which more symbols are wanted than the threshold says is
 *   carried as `*` where that is allowed, and by name again when the number has
 *   fallen clearly below it.
 *
 * @module
 */
import type { SymbolBudget } from "./budget.ts";
import type { InterestBook } from "./interest.ts";
import {
  type Pair,
  type SymbolSets,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
  WILDCARD,
} from "./symbol_sets.ts";

/** A channel returns to names below this part of the threshold. */
const RETURN_BELOW = 0.8;

const NOTHING: ReadonlySet<string> = new Set();

/** Computes the desired pairs from interest and budget. */
export class DesiredPairs {
  readonly #interest: InterestBook;
  readonly #budget: SymbolBudget;
  readonly #wildcardAbove: number;
  readonly #byWildcard = new Set<UpstreamChannel>();
  #sets = new Map<UpstreamChannel, Set<string>>();
  #waiting: Pair[] = [];

  /** @param options.wildcardAbove symbols on a channel; 0 never switches */
  constructor(
    interest: InterestBook,
    options: {
      readonly budget: SymbolBudget;
      readonly wildcardAbove: number;
    },
  ) {
    this.#interest = interest;
    this.#budget = options.budget;
    this.#wildcardAbove = options.wildcardAbove;
  }

  /** The desired symbols of a channel, as of the last refresh. */
  of(channel: UpstreamChannel): ReadonlySet<string> {
    return this.#sets.get(channel) ?? NOTHING;
  }

  /** Whether a pair is desired. */
  has({ channel, symbol }: Pair): boolean {
    return this.of(channel).has(symbol);
  }

  /** Whether somebody needs a pair, allowed or not. */
  isWanted(pair: Pair): boolean {
    const { channel, symbol } = pair;
    return this.#interest.wanted(channel).has(symbol) ||
      (symbol === WILDCARD && this.#byWildcard.has(channel));
  }

  /** Number of desired pairs. */
  get size(): number {
    let size = 0;
    for (const symbols of this.#sets.values()) size += symbols.size;
    return size;
  }

  /** Wanted pairs that the budget has no place for, first come first. */
  get waiting(): readonly Pair[] {
    return this.#waiting;
  }

  /** Whether a channel is carried as `*` because of its many symbols. */
  isByWildcard(channel: UpstreamChannel): boolean {
    return this.#byWildcard.has(channel);
  }

  /**
   * Computes everything anew.
   *
   * @param isRefused whether upstream refuses a pair, which then needs no place
   */
  refresh(
    acknowledged: SymbolSets,
    isRefused: (pair: Pair) => boolean = () => false,
  ): void {
    for (const channel of UPSTREAM_CHANNELS) this.#chooseForm(channel);
    this.#sets = new Map();
    this.#waiting = [];
    for (const channel of this.#byWildcard) {
      this.#desire({ channel, symbol: WILDCARD });
    }
    let places = this.#placeCarried(acknowledged);
    for (const pair of this.#interest.pairs()) {
      if (this.has(pair) || this.#isCovered(pair)) continue;
      if (isRefused(pair)) continue;
      if (!this.#budget.takesPlace(pair)) this.#desire(pair);
      else if (places > 0) {
        places--;
        this.#desire(pair);
      } else this.#waiting.push(pair);
    }
    for (const pair of this.#interest.lingering()) {
      if (this.#isCovered(pair) || !isIn(acknowledged, pair)) continue;
      if (this.#budget.takesPlace(pair) && places-- <= 0) continue;
      this.#desire(pair);
    }
  }

  /** Keeps the wanted pairs that are carried; gives the places left. */
  #placeCarried(acknowledged: SymbolSets): number {
    let places = this.#budget.limit ?? Infinity;
    for (const [channel, symbols] of acknowledged) {
      for (const symbol of symbols) {
        const pair = { channel, symbol };
        if (!this.isWanted(pair)) continue;
        // A `*` that upstream carries is had, whatever was said of it before.
        if (symbol !== WILDCARD && this.#isCovered(pair)) continue;
        if (this.#budget.takesPlace(pair)) places--;
        this.#desire(pair);
      }
    }
    return places;
  }

  /** Whether a pair need not be asked for by name, or cannot be. */
  #isCovered({ channel, symbol }: Pair): boolean {
    if (symbol === WILDCARD) return !this.#budget.allowsWildcard(channel);
    return this.#byWildcard.has(channel);
  }

  #chooseForm(channel: UpstreamChannel): void {
    const wanted = this.#interest.wanted(channel);
    const names = wanted.size - (wanted.has(WILDCARD) ? 1 : 0);
    const above = this.#wildcardAbove;
    if (above === 0 || !this.#budget.allowsWildcard(channel)) {
      this.#byWildcard.delete(channel);
    } else if (names > above) this.#byWildcard.add(channel);
    else if (names < above * RETURN_BELOW) this.#byWildcard.delete(channel);
  }

  #desire({ channel, symbol }: Pair): void {
    const symbols = this.#sets.get(channel);
    if (symbols) symbols.add(symbol);
    else this.#sets.set(channel, new Set([symbol]));
  }
}

/** Whether a state contains a pair. */
export function isIn(state: SymbolSets, { channel, symbol }: Pair): boolean {
  return state.get(channel)?.has(symbol) ?? false;
}
