/**
 * The desired set: the requested pairs limited by the quota, and its difference
 * to what upstream acknowledged.
 *
 * - A used slot of a pair that a stream names is never taken away: pairs that
 *   are acknowledged and named stay, then the free slots go to the other named
 *   pairs in the order of their first request; the rest waits.
 * - Pairs that only selections of option contracts request get the slots that no
 *   named pair needs, by the same rule. An acknowledged one yields its slot to a
 *   named one.
 * - Lingering pairs keep slots that no other pair needs; the one released first
 *   is dropped first.
 * - Where identities have reservations, pairs in a reservation get slots first; pairs outside of
 *   them yield theirs, which a limit that is learned late makes necessary.
 * - `*` is requested only where the quota allows it. Elsewhere a stream without
 *   a filter receives what is subscribed for others.
 *
 * @module
 */
import {
  type Action,
  hasPair,
  type Pair,
  perChannel,
  type SymbolSets,
  type UpstreamChannel,
  WILDCARD,
} from "./pairs.ts";
import type { IdentityShares } from "./identity_shares.ts";
import type { SlotAllocation, SymbolQuota } from "./quota.ts";
import type { SymbolRefCounts } from "./ref_counts.ts";
import type { SessionState } from "./session_state.ts";

/** Computes the desired pairs from reference counts and quota. */
export class DesiredSet {
  readonly #refCounts: SymbolRefCounts;
  readonly #quota: SymbolQuota;
  readonly #shares: IdentityShares | undefined;
  #sets = perChannel(() => new Set<string>());
  #missing: Pair[] = [];
  #waiting: Pair[] = [];

  /** @param shares of identities; absent when there are none */
  constructor(refCounts: SymbolRefCounts, quota: SymbolQuota, shares?: IdentityShares) {
    this.#refCounts = refCounts;
    this.#quota = quota;
    this.#shares = shares;
  }

  /** The desired symbols of a channel, as of the last refresh. */
  of(channel: UpstreamChannel): ReadonlySet<string> {
    return this.#sets[channel];
  }

  /** Whether a pair is desired. */
  has({ channel, symbol }: Pair): boolean {
    return this.#sets[channel].has(symbol);
  }

  /** Whether a stream requests a pair, within the quota or not. */
  isRequested({ channel, symbol }: Pair): boolean {
    return this.#refCounts.symbols(channel).has(symbol);
  }

  /** Number of desired pairs. */
  get size(): number {
    return Object.values(this.#sets).reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Desired pairs that upstream has not acknowledged, in the order of request, after each `*`: it
   * carries every name from its acknowledgement on, so that after a reconnect no name waits for its
   * own and none is interrupted twice.
   */
  get missing(): readonly Pair[] {
    return this.#missing;
  }

  /** Requested pairs that the quota has no slot for, in the order of request. */
  get waiting(): readonly Pair[] {
    return this.#waiting;
  }

  /**
   * Recomputes the set.
   *
   * @param session which pairs the session rejects or cannot unsubscribe; absent
   *   means none
   */
  refresh(acknowledged: SymbolSets, session?: Pick<SessionState, "isRejected" | "isStuck">): void {
    this.#sets = perChannel(() => new Set<string>());
    this.#missing = [];
    this.#waiting = [];
    const slots = this.#quota.allocate();
    const missingNames: Pair[] = [];
    const claimed = this.#claimed(acknowledged, session);
    for (const pair of claimed) this.#desire(pair, slots);
    missingNames.push(...claimed.filter((pair) => !hasPair(acknowledged, pair)));
    // A requested `*` stays even where it was rejected before.
    for (const [channel, symbols] of acknowledged) {
      for (const symbol of symbols) {
        const pair = { channel, symbol };
        if (this.has(pair)) continue;
        const isStuck = session?.isStuck(pair) ?? false;
        if (!isStuck && !this.#refCounts.isNamed(pair)) continue;
        if (isStuck || claimed.length === 0 || slots.fits(pair)) this.#desire(pair, slots);
      }
    }
    const addMissing = (pair: Pair) => {
      if (this.has(pair) || !this.#isAllowed(pair)) return;
      if (session?.isRejected(pair)) return;
      const { channel, symbol } = pair;
      if (slots.fits(pair)) {
        this.#desire(pair, slots);
        const missing = symbol === WILDCARD ? this.#missing : missingNames;
        missing.push({ channel, symbol });
      } else this.#waiting.push({ channel, symbol });
    };
    for (const pair of this.#refCounts.pairs()) if (pair.named > 0) addMissing(pair);
    if (this.#refCounts.hasSelectedOnly) {
      for (const [channel, symbols] of acknowledged) {
        for (const symbol of symbols) {
          const pair = { channel, symbol };
          if (this.has(pair) || !this.isRequested(pair)) continue;
          if (slots.fits(pair)) this.#desire(pair, slots);
        }
      }
      for (const pair of this.#refCounts.pairs()) if (pair.named === 0) addMissing(pair);
    }
    this.#missing = this.#missing.concat(missingNames);
    for (const pair of [...this.#refCounts.lingering()].reverse()) {
      if (!this.#isAllowed(pair) || !hasPair(acknowledged, pair)) continue;
      if (slots.fits(pair)) this.#desire(pair, slots);
    }
  }

  /** Acknowledged pairs to unsubscribe. */
  *surplus(acknowledged: SymbolSets): Generator<Pair> {
    for (const [channel, symbols] of acknowledged) {
      for (const symbol of symbols) {
        const pair = { channel, symbol };
        if (this.needs("unsubscribe", pair, acknowledged)) yield pair;
      }
    }
  }

  /** Whether a pair is to be subscribed or to be unsubscribed. */
  needs(action: Action, pair: Pair, acknowledged: SymbolSets): boolean {
    const isAcknowledged = hasPair(acknowledged, pair);
    if (isAcknowledged === this.has(pair)) return false;
    if (action === "subscribe") return !isAcknowledged;
    return isAcknowledged && !this.#isSubstitute(pair, acknowledged);
  }

  /** The pairs in reservations, if one of them is not acknowledged; each has a slot. */
  #claimed(
    acknowledged: SymbolSets,
    session: Pick<SessionState, "isRejected"> | undefined,
  ): readonly Pair[] {
    const shares = this.#shares;
    if (!shares?.hasReserved) return [];
    const claimed: Pair[] = [];
    for (const { channel, symbol } of this.#refCounts.pairs()) {
      const pair = { channel, symbol };
      if (shares.isReserved(pair) && !session?.isRejected(pair)) claimed.push(pair);
    }
    return claimed.every((pair) => hasPair(acknowledged, pair)) ? [] : claimed;
  }

  #isAllowed({ channel, symbol }: Pair): boolean {
    return symbol !== WILDCARD || this.#quota.allowsWildcard(channel);
  }

  /**
   * Whether a surplus pair delivers data of a missing one until that is
   * acknowledged: `*` of the names and the names of `*`. Pairs that a limit counts
   * do not stay for that, because they would keep their slots.
   */
  #isSubstitute(pair: Pair, acknowledged: SymbolSets): boolean {
    const { channel, symbol } = pair;
    if (this.#quota.isLimited(pair)) return false;
    if (symbol !== WILDCARD) {
      return this.needs("subscribe", { channel, symbol: WILDCARD }, acknowledged);
    }
    return this.#missing.some((missing) => missing.channel === channel);
  }

  #desire(pair: Pair, slots: SlotAllocation): void {
    slots.take(pair);
    this.#sets[pair.channel].add(pair.symbol);
  }
}
