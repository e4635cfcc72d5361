/**
 * Wanted against acknowledged, for one connection of one feed.
 *
 * The next request is always computed from the difference between what open
 * streams want and what upstream last said it carries; nothing is tracked by
 * hand, so a late, repeated or contradicting acknowledgement is repaired by
 * the next look. One request is in flight at a time. A refused request is
 * halved until the symbol that upstream objects to stands alone; that one is
 * set aside for as long as it is wanted on this connection, the others go
 * through.
 *
 * A pair that upstream neither refuses nor acknowledges is asked for
 * {@linkcode MAX_ASKS} times and then set aside as well, so that a contrary
 * upstream cannot be asked for ever.
 *
 * @module
 */
import type { InterestBook } from "./interest.ts";
import {
  type ChunkLimits,
  type SubscriptionRequest,
  takeChunk,
  type UpstreamError,
} from "./request.ts";
import {
  countPairs,
  type Pair,
  pairKey,
  type SymbolSets,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
} from "./symbol_sets.ts";

/** How often one pair is asked for on one connection. */
export const MAX_ASKS = 3;

const SYMBOL_LIMIT_EXCEEDED = 405;
const NOT_ACKNOWLEDGED: UpstreamError = {
  code: 0,
  message: "not acknowledged",
};

/** A pair that upstream does not give us, and why. */
export interface Refusal extends Pair {
  readonly error: UpstreamError;
}

/** Computes requests and digests their answers. */
export class Ledger {
  readonly #interest: InterestBook;
  readonly #limits: ChunkLimits;
  #acknowledged: SymbolSets = new Map();
  #inFlight: SubscriptionRequest | undefined;
  /** Halves of refused requests, still to be asked for on their own. */
  #suspects: (readonly Pair[])[] = [];
  readonly #refusals = new Map<string, Refusal>();
  readonly #asks = new Map<string, number>();
  /** Set by a 405 for one single pair: no room until something is given back. */
  #full: UpstreamError | undefined;

  constructor(interest: InterestBook, limits: ChunkLimits) {
    this.#interest = interest;
    this.#limits = limits;
  }

  /** A new connection carries nothing yet, and nothing is held against it. */
  reset(): void {
    this.#acknowledged = new Map();
    this.#inFlight = undefined;
    this.#suspects = [];
    this.#refusals.clear();
    this.#asks.clear();
    this.#full = undefined;
  }

  /** The request that waits for its answer. */
  get inFlight(): SubscriptionRequest | undefined {
    return this.#inFlight;
  }

  /** What upstream last said it carries for us. */
  get acknowledged(): SymbolSets {
    return this.#acknowledged;
  }

  /** Entries in the last acknowledgement; `*` counts as one. */
  get acknowledgedCount(): number {
    return countPairs(this.#acknowledged);
  }

  /** Pairs that are wanted but set aside, with upstream's reason. */
  get refusals(): readonly Refusal[] {
    return [...this.#refusals.values()];
  }

  /** The error of a full symbol budget, while it is full. */
  get full(): UpstreamError | undefined {
    return this.#full;
  }

  /**
   * The next request, now in flight; `undefined` when one already is or when
   * there is nothing to ask for.
   */
  next(): SubscriptionRequest | undefined {
    if (this.#inFlight) return undefined;
    this.#forgetUnwantedRefusals();
    // What is given back first may make room for what is asked for next.
    const request = this.#unsubscribe() ?? this.#subscribe();
    if (request) {
      for (const pair of request.pairs) this.#countAsk(request, pair);
    }
    this.#inFlight = request;
    return request;
  }

  /**
   * A request that changes nothing but has to be answered; `undefined` when a
   * request is in flight, which then is the question already.
   */
  probe(): SubscriptionRequest | undefined {
    if (this.#inFlight) return undefined;
    const pair = this.#anyAcknowledged();
    const pairs = pair ? [pair] : [];
    return this.#inFlight = { action: "subscribe", pairs, probe: true };
  }

  /** Upstream said what it carries: the whole state, never a difference. */
  acknowledge(state: SymbolSets): void {
    const before = countPairs(this.#acknowledged);
    this.#acknowledged = state;
    this.#inFlight = undefined;
    if (countPairs(state) < before) this.#full = undefined;
  }

  /**
   * Upstream refused what was in flight, whole: state is as before.
   *
   * @returns the pair that is now set aside, if the refusal isolated one
   */
  refuse(error: UpstreamError): Refusal | undefined {
    const request = this.#inFlight;
    this.#inFlight = undefined;
    if (!request || request.probe) return undefined;
    if (request.pairs.length > 1) {
      const half = request.pairs.length >> 1;
      this.#suspects.unshift(
        request.pairs.slice(0, half),
        request.pairs.slice(half),
      );
      for (const pair of request.pairs) this.#uncountAsk(request, pair);
      return undefined;
    }
    const [pair] = request.pairs;
    if (!pair) return undefined;
    if (
      request.action === "subscribe" && error.code === SYMBOL_LIMIT_EXCEEDED
    ) {
      this.#full = error;
      this.#suspects = [];
      this.#uncountAsk(request, pair);
      return { ...pair, error };
    }
    return this.#setAside(pair, error);
  }

  /** The answer is overdue: whatever is missing will be asked for again. */
  expire(): void {
    this.#inFlight = undefined;
  }

  #unsubscribe(): SubscriptionRequest | undefined {
    return this.#request("unsubscribe", this.#surplus());
  }

  #subscribe(): SubscriptionRequest | undefined {
    if (this.#full) return undefined;
    while (this.#suspects.length > 0) {
      const group = this.#suspects.shift() ?? [];
      const request = this.#request(
        "subscribe",
        group.filter((pair) => this.#isMissing(pair)),
      );
      if (request) return request;
    }
    return this.#request("subscribe", this.#missing());
  }

  #request(
    action: SubscriptionRequest["action"],
    candidates: Iterable<Pair>,
  ): SubscriptionRequest | undefined {
    const pairs = takeChunk(candidates, this.#limits);
    return pairs.length > 0 ? { action, pairs, probe: false } : undefined;
  }

  *#missing(): Generator<Pair> {
    for (const channel of UPSTREAM_CHANNELS) {
      for (const symbol of this.#interest.wanted(channel).keys()) {
        const pair = { channel, symbol };
        if (this.#isMissing(pair)) yield pair;
      }
    }
  }

  *#surplus(): Generator<Pair> {
    for (const [channel, symbols] of this.#acknowledged) {
      const wanted = this.#interest.wanted(channel);
      for (const symbol of symbols) {
        if (wanted.has(symbol)) continue;
        const pair = { channel, symbol };
        if (this.#asksOf("unsubscribe", pair) < MAX_ASKS) yield pair;
      }
    }
  }

  #isMissing(pair: Pair): boolean {
    if (!this.#interest.wanted(pair.channel).has(pair.symbol)) return false;
    if (this.#acknowledged.get(pair.channel)?.has(pair.symbol)) return false;
    if (this.#refusals.has(pairKey(pair))) return false;
    if (this.#asksOf("subscribe", pair) < MAX_ASKS) return true;
    this.#setAside(pair, NOT_ACKNOWLEDGED);
    return false;
  }

  #setAside(pair: Pair, error: UpstreamError): Refusal {
    const refusal = { ...pair, error };
    this.#refusals.set(pairKey(pair), refusal);
    return refusal;
  }

  /** A symbol that nobody wants any more gets a fresh chance when it returns. */
  #forgetUnwantedRefusals(): void {
    for (const [key, { channel, symbol }] of this.#refusals) {
      if (this.#interest.wanted(channel).has(symbol)) continue;
      this.#refusals.delete(key);
      this.#asks.delete(`subscribe ${key}`);
    }
  }

  #anyAcknowledged(): Pair | undefined {
    for (const [channel, symbols] of this.#acknowledged) {
      for (const symbol of symbols) return { channel, symbol };
    }
    return undefined;
  }

  #asksOf(action: SubscriptionRequest["action"], pair: Pair): number {
    return this.#asks.get(`${action} ${pairKey(pair)}`) ?? 0;
  }

  #countAsk(request: SubscriptionRequest, pair: Pair): void {
    const key = `${request.action} ${pairKey(pair)}`;
    this.#asks.set(key, (this.#asks.get(key) ?? 0) + 1);
    // Asking for one thing settles the count of the opposite.
    const opposite = request.action === "subscribe"
      ? "unsubscribe"
      : "subscribe";
    this.#asks.delete(`${opposite} ${pairKey(pair)}`);
  }

  #uncountAsk(request: SubscriptionRequest, pair: Pair): void {
    this.#asks.delete(`${request.action} ${pairKey(pair)}`);
  }
}

/** Makes a state from lists, for adapters that read an acknowledgement. */
export function symbolSets(
  lists: Iterable<readonly [UpstreamChannel, Iterable<string>]>,
): SymbolSets {
  return new Map(
    Array.from(lists, ([channel, symbols]) => [channel, new Set(symbols)]),
  );
}
