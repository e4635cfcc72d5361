/**
 * What is known of one upstream session: its subscriptions, the request in
 * flight and the pairs that failed. Nothing of it outlives the session.
 *
 * @module
 */
import type { PairStatus } from "./desired_set.ts";
import { RejectedSymbols, type Rejection } from "./rejections.ts";
import type { Action, Pair, SubscriptionRequest, SymbolSets, UpstreamChannel } from "./pairs.ts";

/** How often one pair is requested on one session without effect. */
export const MAX_ATTEMPTS = 3;

/**
 * Whether the last acknowledgement is current. It may be outdated after a
 * request was `unanswered`, and `over_limit` after upstream then reported its
 * symbol limit, which contradicts what we believe it carries.
 */
export type AckState = "current" | "unanswered" | "over_limit";

/** A pair that is requested alone, and the refusal that this tests. */
export interface Retest {
  readonly pair: Pair;
  readonly of: "limit" | "wildcard" | "pair";
}

/** The mutable state of one session. */
export class SessionState implements PairStatus {
  /** Every pair that upstream last acknowledged. */
  acknowledged: SymbolSets = new Map();
  ackState: AckState = "current";
  inFlight: SubscriptionRequest | undefined;
  /** The retest in flight. */
  retest: Retest | undefined;
  readonly attempts = new AttemptCounter();
  readonly bisection = new BisectionQueue();
  readonly rejected = new RejectedSymbols();
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

  isRejected(pair: Pair): boolean {
    return this.rejected.has(pair);
  }

  isStuck(pair: Pair): boolean {
    return this.attempts.of("unsubscribe", pair) >= MAX_ATTEMPTS;
  }
}

/**
 * Counts by channel and symbol. Read for every missing pair before each request,
 * so no key is built.
 */
type Counts = Map<UpstreamChannel, Map<string, number>>;

/** Counts requests per pair and action, to bound retries without effect. */
export class AttemptCounter {
  readonly #counts: Readonly<Record<Action, Counts>> = {
    subscribe: new Map(),
    unsubscribe: new Map(),
  };

  /** Attempts so far. */
  of(action: Action, { channel, symbol }: Pair): number {
    return this.#counts[action].get(channel)?.get(symbol) ?? 0;
  }

  /** Counts one attempt and clears the count of the opposite action. */
  increment(action: Action, pair: Pair): void {
    this.#set(action, pair, this.of(action, pair) + 1);
    this.forget(action === "subscribe" ? "unsubscribe" : "subscribe", pair);
  }

  /** Takes back one attempt; earlier ones still count. */
  decrement(action: Action, pair: Pair): void {
    const count = this.of(action, pair) - 1;
    if (count > 0) this.#set(action, pair, count);
    else this.forget(action, pair);
  }

  /** Clears one count. */
  forget(action: Action, { channel, symbol }: Pair): void {
    this.#counts[action].get(channel)?.delete(symbol);
  }

  /** Keeps only the counts of pairs for which `isNeeded` holds. */
  retain(isNeeded: (pair: Pair) => boolean): void {
    for (const [channel, symbols] of this.#lists()) {
      for (const symbol of symbols.keys()) {
        if (!isNeeded({ channel, symbol })) symbols.delete(symbol);
      }
    }
  }

  /** Whether a pair has `limit` attempts or more, of either action. */
  anyAtLeast(limit: number): boolean {
    for (const [, symbols] of this.#lists()) {
      for (const count of symbols.values()) if (count >= limit) return true;
    }
    return false;
  }

  /** Clears every count. */
  clear(): void {
    for (const counts of Object.values(this.#counts)) counts.clear();
  }

  /** Number of counts that are kept. */
  get size(): number {
    let size = 0;
    for (const [, symbols] of this.#lists()) size += symbols.size;
    return size;
  }

  #set(action: Action, { channel, symbol }: Pair, count: number): void {
    const counts = this.#counts[action];
    const symbols = counts.get(channel);
    if (symbols) symbols.set(symbol, count);
    else counts.set(channel, new Map([[symbol, count]]));
  }

  #lists(): readonly (readonly [UpstreamChannel, Map<string, number>])[] {
    return [...this.#counts.subscribe, ...this.#counts.unsubscribe];
  }
}

/**
 * Parts of refused requests that are still to be requested on their own, until
 * the pair that upstream rejects is alone.
 */
export class BisectionQueue {
  readonly #parts: Record<Action, (readonly Pair[])[]> = {
    subscribe: [],
    unsubscribe: [],
  };

  /** Puts both halves of a refused request first. */
  split({ action, pairs }: SubscriptionRequest): void {
    const half = pairs.length >> 1;
    this.#parts[action].unshift(pairs.slice(0, half), pairs.slice(half));
  }

  /** Takes the next part, without pairs that need no request any more. */
  take(action: Action, isNeeded: (pair: Pair) => boolean): readonly Pair[] {
    const parts = this.#parts[action];
    for (let part = parts.shift(); part; part = parts.shift()) {
      const needed = part.filter(isNeeded);
      if (needed.length > 0) return needed;
    }
    return [];
  }
}
