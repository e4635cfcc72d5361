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
 *
 * @module
 */
import type { SymbolBudget } from "./budget.ts";
import type { InterestBook } from "./interest.ts";
import type { Room } from "./room.ts";
import {
  type Pair,
  type SymbolSets,
  type UpstreamChannel,
  WILDCARD,
} from "./symbol_sets.ts";

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
  #sets = new Map<UpstreamChannel, Set<string>>();
  #missing: Pair[] = [];
  #waiting: Pair[] = [];

  constructor(interest: InterestBook, budget: SymbolBudget) {
    this.#interest = interest;
    this.#budget = budget;
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
  isWanted({ channel, symbol }: Pair): boolean {
    return this.#interest.wanted(channel).has(symbol);
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

  /** Computes everything anew. */
  refresh(
    acknowledged: SymbolSets,
    verdicts: Verdicts = { isRefused: never, isStuck: never },
  ): void {
    const { isRefused, isStuck } = verdicts;
    this.#sets = new Map();
    this.#missing = [];
    this.#waiting = [];
    const room = this.#budget.room();
    this.#placeCarried(acknowledged, { room, isStuck });
    for (const pair of this.#interest.pairs()) {
      if (this.has(pair) || !this.#isAllowed(pair)) continue;
      if (isRefused(pair)) continue;
      const { channel, symbol } = pair;
      if (room.fits(pair)) {
        room.take(pair);
        this.#miss({ channel, symbol });
      } else this.#waiting.push({ channel, symbol });
    }
    for (const pair of [...this.#interest.lingering()].reverse()) {
      if (!this.#isAllowed(pair) || !isIn(acknowledged, pair)) continue;
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
        // A wanted `*` that is carried is kept, even where it was refused before.
        if (!this.isWanted(pair) && !isStuck(pair)) continue;
        room.take(pair);
        this.#desire(pair);
      }
    }
  }

  /** Whether a pair may be requested: `*` only where the budget allows it. */
  #isAllowed({ channel, symbol }: Pair): boolean {
    return symbol !== WILDCARD || this.#budget.allowsWildcard(channel);
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
