/**
 * The desired set: the requested pairs limited by the quota, and its difference
 * to what upstream carries.
 *
 * - A used slot is never taken away: pairs that are carried and requested stay,
 *   then the free slots go to the other pairs in the order of their first
 *   request; the rest waits.
 * - Lingering pairs keep slots that no other pair needs; the one released first
 *   is dropped first.
 * - `*` is requested only where the quota allows it. Elsewhere a stream without
 *   a filter receives what is carried for others.
 *
 * @module
 */
import type { SlotAllocation, SymbolQuota } from "./quota.ts";
import type { SymbolRefCounts } from "./ref_counts.ts";
import {
  type Action,
  hasPair,
  type Pair,
  type SymbolSets,
  type UpstreamChannel,
  WILDCARD,
} from "./pairs.ts";

const NONE: ReadonlySet<string> = new Set();

/** What a session has shown about single pairs. */
export interface PairStatus {
  /** Whether upstream rejects the pair, which then needs no slot. */
  isRejected(pair: Pair): boolean;
  /** Whether unsubscribing the pair has no effect; it then keeps its slot. */
  isStuck(pair: Pair): boolean;
}

const never = () => false;

/** Computes the desired pairs from reference counts and quota. */
export class DesiredSet {
  readonly #refCounts: SymbolRefCounts;
  readonly #quota: SymbolQuota;
  #sets = new Map<UpstreamChannel, Set<string>>();
  #missing: Pair[] = [];
  #waiting: Pair[] = [];

  constructor(refCounts: SymbolRefCounts, quota: SymbolQuota) {
    this.#refCounts = refCounts;
    this.#quota = quota;
  }

  /** The desired symbols of a channel, as of the last refresh. */
  of(channel: UpstreamChannel): ReadonlySet<string> {
    return this.#sets.get(channel) ?? NONE;
  }

  /** Whether a pair is desired. */
  has({ channel, symbol }: Pair): boolean {
    return this.of(channel).has(symbol);
  }

  /** Whether a stream requests a pair, within the quota or not. */
  isRequested({ channel, symbol }: Pair): boolean {
    return this.#refCounts.symbols(channel).has(symbol);
  }

  /** Number of desired pairs. */
  get size(): number {
    let size = 0;
    for (const symbols of this.#sets.values()) size += symbols.size;
    return size;
  }

  /** Desired pairs that upstream does not carry, in the order of request. */
  get missing(): readonly Pair[] {
    return this.#missing;
  }

  /** Requested pairs that the quota has no slot for, in the order of request. */
  get waiting(): readonly Pair[] {
    return this.#waiting;
  }

  /** Recomputes the set. */
  refresh(
    carried: SymbolSets,
    status: PairStatus = { isRejected: never, isStuck: never },
  ): void {
    this.#sets = new Map();
    this.#missing = [];
    this.#waiting = [];
    const slots = this.#quota.allocate();
    this.#keepCarried(carried, slots, status);
    for (const pair of this.#refCounts.pairs()) {
      if (this.has(pair) || !this.#isAllowed(pair)) continue;
      if (status.isRejected(pair)) continue;
      const { channel, symbol } = pair;
      if (slots.fits(pair)) {
        this.#desire(pair, slots);
        this.#missing.push({ channel, symbol });
      } else this.#waiting.push({ channel, symbol });
    }
    for (const pair of [...this.#refCounts.lingering()].reverse()) {
      if (!this.#isAllowed(pair) || !hasPair(carried, pair)) continue;
      if (slots.fits(pair)) this.#desire(pair, slots);
    }
  }

  /** Carried pairs to unsubscribe. */
  *surplus(carried: SymbolSets): Generator<Pair> {
    for (const [channel, symbols] of carried) {
      for (const symbol of symbols) {
        const pair = { channel, symbol };
        if (this.needs("unsubscribe", pair, carried)) yield pair;
      }
    }
  }

  /** Whether a pair is to be subscribed or to be unsubscribed. */
  needs(action: Action, pair: Pair, carried: SymbolSets): boolean {
    const isCarried = hasPair(carried, pair);
    if (isCarried === this.has(pair)) return false;
    if (action === "subscribe") return !isCarried;
    return isCarried && !this.#isSubstitute(pair, carried);
  }

  /**
   * Keeps pairs that are carried and requested, and those that cannot be
   * unsubscribed. A requested `*` stays even where it was refused before.
   */
  #keepCarried(
    carried: SymbolSets,
    slots: SlotAllocation,
    status: PairStatus,
  ): void {
    for (const [channel, symbols] of carried) {
      for (const symbol of symbols) {
        const pair = { channel, symbol };
        if (this.isRequested(pair) || status.isStuck(pair)) {
          this.#desire(pair, slots);
        }
      }
    }
  }

  #isAllowed({ channel, symbol }: Pair): boolean {
    return symbol !== WILDCARD || this.#quota.allowsWildcard(channel);
  }

  /**
   * Whether a surplus pair delivers data of a missing one until that is carried:
   * `*` of the names and the names of `*`. Pairs that a limit counts do not stay
   * for that, because they would keep their slots.
   */
  #isSubstitute(pair: Pair, carried: SymbolSets): boolean {
    const { channel, symbol } = pair;
    if (this.#quota.isLimited(pair)) return false;
    if (symbol !== WILDCARD) {
      return this.needs("subscribe", { channel, symbol: WILDCARD }, carried);
    }
    return this.#missing.some((missing) => missing.channel === channel);
  }

  #desire(pair: Pair, slots: SlotAllocation): void {
    slots.take(pair);
    const symbols = this.#sets.get(pair.channel);
    if (symbols) symbols.add(pair.symbol);
    else this.#sets.set(pair.channel, new Set([pair.symbol]));
  }
}
