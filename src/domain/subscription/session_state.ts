/**
 * What is known of one upstream session: its subscriptions, the request in
 * flight and the pairs that failed. Nothing of it outlives the session.
 *
 * @module
 */
import {
  type Action,
  type Pair,
  pairKey,
  perChannel,
  type SubscriptionRequest,
  type SymbolSets,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
} from "./pairs.ts";
import type { RejectedPair, Rejection } from "./rejections.ts";

/** How often one pair is requested on one session without effect. */
export const MAX_ATTEMPTS = 3;

/**
 * Whether the last acknowledgement is current. It may be outdated after a
 * request was `unanswered`, and `over_limit` after upstream then reported its
 * symbol limit, which contradicts what it acknowledged.
 */
type AckState = "current" | "unanswered" | "over_limit";

/** A pair that is requested alone, and the rejection that this tests. */
export interface Retest {
  readonly pair: Pair;
  readonly of: "limit" | "wildcard" | "pair";
}

/** The mutable state of one session. */
export class SessionState {
  /** Every pair that upstream last acknowledged. */
  acknowledged: SymbolSets = new Map();
  ackState: AckState = "current";
  inFlight: SubscriptionRequest | undefined;
  /** The last probe that was sent because the acknowledgement may be outdated. */
  stateQuestion: SubscriptionRequest | undefined;
  /** The retest in flight. */
  retest: Retest | undefined;
  readonly attempts = new AttemptCounter();
  /** Rejected pairs by {@linkcode pairKey}, oldest first. */
  readonly rejected = new Map<string, RejectedPair>();
  /**
   * Parts of rejected requests that are still to be requested on their own, until
   * the pair that upstream rejects is alone.
   */
  readonly #parts: Record<Action, (readonly Pair[])[]> = { subscribe: [], unsubscribe: [] };
  /** Acknowledged pairs to unsubscribe once, although they stay desired, by {@linkcode pairKey}. */
  readonly renewals = new Map<string, Pair>();
  /** Pairs given up since they were last reported. */
  givenUp: Rejection[] = [];
  /**
   * A reply was overdue. Replies carry no ids, so that from now on any reply may
   * belong to another request.
   */
  repliesUnreliable = false;
  /** Channels that the limit is still to be tested with in this round. */
  untested = new Set<UpstreamChannel>();
  /** Monotonic ms at which given-up pairs are requested again. */
  retryAt: number | undefined;

  /** Whether the pair is set aside; it then needs no slot. */
  isRejected(pair: Pair): boolean {
    return this.rejected.size > 0 && this.rejected.has(pairKey(pair));
  }

  /** Sets aside a pair. */
  setAside(rejected: RejectedPair): Rejection {
    this.rejected.set(pairKey(rejected.rejection), rejected);
    return rejected.rejection;
  }

  /** Removes and returns the pairs that are set aside for which `isTaken` holds. */
  restore(isTaken: (rejected: RejectedPair) => boolean): readonly Rejection[] {
    const restored: Rejection[] = [];
    for (const [key, rejected] of this.rejected) {
      if (!isTaken(rejected)) continue;
      this.rejected.delete(key);
      restored.push(rejected.rejection);
    }
    return restored;
  }

  /** Puts both halves of a rejected request first. */
  bisect({ action, pairs }: SubscriptionRequest): void {
    const half = pairs.length >> 1;
    this.#parts[action].unshift(pairs.slice(0, half), pairs.slice(half));
  }

  /** Takes the next part of a rejected request, without pairs that need no request any more. */
  takePart(action: Action, isNeeded: (pair: Pair) => boolean): readonly Pair[] {
    const parts = this.#parts[action];
    for (let part = parts.shift(); part; part = parts.shift()) {
      const needed = part.filter(isNeeded);
      if (needed.length > 0) return needed;
    }
    return [];
  }

  /** Whether unsubscribing the pair has no effect; it then keeps its slot. */
  isStuck(pair: Pair): boolean {
    return this.attempts.of("unsubscribe", pair) >= MAX_ATTEMPTS;
  }
}

/** Counts requests per pair, to bound retries without effect. */
class AttemptCounter {
  // Read for every missing pair before each request, so no key is built.
  readonly #counts = perChannel(() => new Map<string, { action: Action; count: number }>());

  /** Attempts since the last one of the opposite action. */
  of(action: Action, { channel, symbol }: Pair): number {
    const attempts = this.#counts[channel].get(symbol);
    return attempts?.action === action ? attempts.count : 0;
  }

  /** Counts one attempt. */
  increment(action: Action, pair: Pair): void {
    this.#counts[pair.channel].set(pair.symbol, { action, count: this.of(action, pair) + 1 });
  }

  /** Takes back one attempt; earlier ones still count. */
  decrement(action: Action, pair: Pair): void {
    const count = this.of(action, pair) - 1;
    if (count > 0) this.#counts[pair.channel].set(pair.symbol, { action, count });
    else this.forget(action, pair);
  }

  /** Clears one count. */
  forget(action: Action, pair: Pair): void {
    if (this.of(action, pair) > 0) this.#counts[pair.channel].delete(pair.symbol);
  }

  /** Keeps only the counts of pairs for which `isNeeded` holds. */
  retain(isNeeded: (pair: Pair) => boolean): void {
    for (const pair of this.pairs()) {
      if (!isNeeded(pair)) this.#counts[pair.channel].delete(pair.symbol);
    }
  }

  /** Every pair with attempts. */
  *pairs(): Generator<Pair & { readonly count: number }> {
    for (const channel of UPSTREAM_CHANNELS) {
      for (const [symbol, { count }] of this.#counts[channel]) yield { channel, symbol, count };
    }
  }

  /** Clears every count. */
  clear(): void {
    for (const channel of UPSTREAM_CHANNELS) this.#counts[channel].clear();
  }

  /** Number of counts that are kept. */
  get size(): number {
    return UPSTREAM_CHANNELS.reduce((sum, channel) => sum + this.#counts[channel].size, 0);
  }
}
