/**
 * What upstream is to carry: what streams want, within what the plan allows.
 *
 * - A place that is taken is never taken away: what upstream carries and
 *   streams want stays, then pairs get the places that are left in the order in
 *   which they were first wanted; the others wait.
 * - Lingering pairs keep the places that nobody else needs; the one that was
 *   released first gives way first.
 * - `*` is asked for only where it may be. Elsewhere a stream that wants
 *   everything receives what is carried for others.
 * - A channel on which more symbols are wanted than the threshold says is
 *   carried as `*` where that is allowed, and by name again when the number has
 *   fallen clearly below it, lingering ones included.
 *
 * @module
 */
import type { SymbolBudget } from "./budget.ts";
import type { InterestBook } from "./interest.ts";
import type { Room } from "./room.ts";
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

/** What a connection has shown of single pairs. */
export interface Verdicts {
  /** Upstream refuses the pair, which then needs no place. */
  readonly isRefused: (pair: Pair) => boolean;
  /** Upstream does not let go of the pair, which then keeps its place. */
  readonly isStuck: (pair: Pair) => boolean;
}

const never = () => false;

/** Computes the desired pairs from interest and budget. */
export class DesiredPairs {
  readonly #interest: InterestBook;
  readonly #budget: SymbolBudget;
  readonly #wildcardAbove: number;
  /** Channels with more symbols than the threshold, allowed as `*` or not. */
  readonly #crowded = new Set<UpstreamChannel>();
  readonly #byWildcard = new Set<UpstreamChannel>();
  #sets = new Map<UpstreamChannel, Set<string>>();
  #missing: Pair[] = [];
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

  /** A pair of `state`, rather one that is desired; none of an empty one. */
  anyOf(state: SymbolSets): Pair | undefined {
    let any: Pair | undefined;
    for (const [channel, symbols] of state) {
      for (const symbol of symbols) {
        const pair = { channel, symbol };
        if (this.has(pair)) return pair;
        any ??= pair;
      }
    }
    return any;
  }

  /** Whether somebody needs a pair, allowed or not. */
  isWanted(pair: Pair): boolean {
    const { channel, symbol } = pair;
    return this.#interest.wanted(channel).has(symbol) ||
      (symbol === WILDCARD && this.#crowded.has(channel));
  }

  /** Number of desired pairs. */
  get size(): number {
    let size = 0;
    for (const symbols of this.#sets.values()) size += symbols.size;
    return size;
  }

  /** Desired pairs that upstream does not carry, first come first. */
  get missing(): readonly Pair[] {
    return this.#missing;
  }

  /** Wanted pairs that the budget has no place for, first come first. */
  get waiting(): readonly Pair[] {
    return this.#waiting;
  }

  /** Whether a channel is carried as `*` because of its many symbols. */
  isByWildcard(channel: UpstreamChannel): boolean {
    return this.#byWildcard.has(channel);
  }

  /** Computes everything anew. */
  refresh(
    acknowledged: SymbolSets,
    verdicts: Verdicts = { isRefused: never, isStuck: never },
  ): void {
    const { isRefused, isStuck } = verdicts;
    this.#chooseForms(isRefused);
    this.#sets = new Map();
    this.#missing = [];
    this.#waiting = [];
    for (const channel of this.#byWildcard) {
      const everything = { channel, symbol: WILDCARD };
      if (isIn(acknowledged, everything)) this.#desire(everything);
      else this.#miss(everything);
    }
    const room = this.#budget.room();
    this.#placeCarried(acknowledged, { room, isStuck });
    for (const pair of this.#interest.pairs()) {
      if (this.has(pair) || this.#isCovered(pair)) continue;
      if (isRefused(pair)) continue;
      const { channel, symbol } = pair;
      if (room.fits(pair)) {
        room.take(pair);
        this.#miss({ channel, symbol });
      } else this.#waiting.push({ channel, symbol });
    }
    for (const pair of [...this.#interest.lingering()].reverse()) {
      if (this.#isCovered(pair) || !isIn(acknowledged, pair)) continue;
      if (!room.fits(pair)) continue;
      room.take(pair);
      this.#desire(pair);
    }
  }

  /** Keeps the needed and stuck pairs that are carried, and their places. */
  #placeCarried(
    acknowledged: SymbolSets,
    { room, isStuck }: {
      readonly room: Room;
      readonly isStuck: (pair: Pair) => boolean;
    },
  ): void {
    for (const [channel, symbols] of acknowledged) {
      for (const symbol of symbols) {
        const pair = { channel, symbol };
        // A `*` that upstream carries is had, whatever was said of it before.
        const isNeeded = this.isWanted(pair) &&
          (symbol === WILDCARD || !this.#isCovered(pair));
        if (!isNeeded && !isStuck(pair)) continue;
        room.take(pair);
        this.#desire(pair);
      }
    }
  }

  /** Whether a pair need not be asked for by name, or cannot be. */
  #isCovered({ channel, symbol }: Pair): boolean {
    if (symbol === WILDCARD) return !this.#budget.allowsWildcard(channel);
    return this.#byWildcard.has(channel);
  }

  #chooseForms(isRefused: (pair: Pair) => boolean): void {
    const above = this.#wildcardAbove;
    if (above === 0) return;
    const lingering = new Map<UpstreamChannel, number>();
    for (const { channel, symbol } of this.#interest.lingering()) {
      if (symbol === WILDCARD) continue;
      lingering.set(channel, (lingering.get(channel) ?? 0) + 1);
    }
    for (const channel of UPSTREAM_CHANNELS) {
      const wanted = this.#interest.wanted(channel);
      const names = wanted.size - (wanted.has(WILDCARD) ? 1 : 0);
      const left = names + (lingering.get(channel) ?? 0);
      if (names > above) this.#crowded.add(channel);
      else if (left < above * RETURN_BELOW) this.#crowded.delete(channel);
      const isByWildcard = this.#crowded.has(channel) &&
        this.#budget.allowsWildcard(channel) &&
        !isRefused({ channel, symbol: WILDCARD });
      if (isByWildcard) this.#byWildcard.add(channel);
      else this.#byWildcard.delete(channel);
    }
  }

  #miss(pair: Pair): void {
    this.#missing.push(pair);
    this.#desire(pair);
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
