/**
 * Upstream's subscription rules (Alpaca: WebSocket Stream) as a model whose
 * requests can be held back and whose answers can be late, lost or repeated.
 *
 * @module
 */
import {
  type Pair,
  pairKey,
  pairsOf,
  type SubscriptionRequest,
  type SymbolSets,
  type UpstreamChannel,
  type UpstreamError,
  WILDCARD,
} from "../../../../src/domain/subscription/pairs.ts";

/** What upstream says to one request. */
export type Answer =
  | { readonly state: SymbolSets }
  | { readonly error: UpstreamError };

/** What the account and the feed allow, unknown to the proxy. */
export interface Truth {
  /** Counted pairs; Infinity for no limit. */
  readonly limit: number;
  readonly counts: ReadonlySet<UpstreamChannel>;
  /** Channels on which `*` is given; elsewhere it is rejected as 405 or 413. */
  readonly wildcards: ReadonlySet<UpstreamChannel>;
  readonly wildcardError: 405 | 413;
  /** Error codes of pairs that are never given, by key. */
  readonly bad: ReadonlyMap<string, number>;
}

/** One account's upstream; the subscriptions are those of one connection. */
export class ModelUpstream {
  readonly truth: Truth;
  /** Requests that have come and are not yet looked at. */
  readonly requests: SubscriptionRequest[] = [];
  /** Answers that are not yet sent. */
  readonly answers: Answer[] = [];
  /** Requests to come that are answered with 500. */
  faults = 0;
  /** Called after every change of the state. */
  onChange: () => void = () => {};
  #state = new Map<UpstreamChannel, Set<string>>();

  constructor(truth: Truth) {
    this.truth = truth;
  }

  /** A new connection has no subscriptions and no pending replies. */
  disconnect(): void {
    this.#state = new Map();
    this.requests.length = 0;
    this.answers.length = 0;
  }

  /** Whether the pair is subscribed by its own name. */
  isSubscribed({ channel, symbol }: Pair): boolean {
    return this.#state.get(channel)?.has(symbol) ?? false;
  }

  /** Whether data of the pair comes. */
  covers(pair: Pair): boolean {
    return this.isSubscribed(pair) || this.isSubscribed({ ...pair, symbol: WILDCARD });
  }

  /** Why a pair can never be had, if it cannot. */
  rejectionOf(pair: Pair): number | undefined {
    const { wildcards, wildcardError, bad } = this.truth;
    if (pair.symbol !== WILDCARD) return bad.get(pairKey(pair));
    return wildcards.has(pair.channel) ? undefined : wildcardError;
  }

  /** A copy of the full state, as an acknowledgement has it. */
  get state(): SymbolSets {
    return copyOf(this.#state);
  }

  /** Drops one pair without a message. */
  forget(which: number): void {
    const pairs = pairsOf(this.#state);
    const pair = pairs[which % Math.max(1, pairs.length)];
    if (pair) this.#state.get(pair.channel)?.delete(pair.symbol);
  }

  /** Looks at the oldest request; its answer waits to be sent. */
  process(): void {
    const request = this.requests.shift();
    if (request) this.answers.push(this.#answer(request));
  }

  /** Whole, or not at all. */
  #answer({ action, pairs }: SubscriptionRequest): Answer {
    if (this.faults > 0) {
      this.faults--;
      return error(500);
    }
    const next = copyOf(this.#state);
    for (const pair of pairs) {
      const symbols = next.get(pair.channel) ?? new Set();
      next.set(pair.channel, symbols);
      if (action === "unsubscribe") symbols.delete(pair.symbol);
      else {
        const code = this.rejectionOf(pair);
        if (code !== undefined) return error(code);
        symbols.add(pair.symbol);
      }
    }
    if (action === "subscribe" && this.#slots(next) > this.truth.limit) {
      return error(405);
    }
    this.#state = next;
    this.onChange();
    return { state: this.state };
  }

  #slots(state: SymbolSets): number {
    let places = 0;
    for (const [channel, symbols] of state) {
      if (!this.truth.counts.has(channel)) continue;
      places += symbols.size - (symbols.has(WILDCARD) ? 1 : 0);
    }
    return places;
  }
}

function copyOf(state: SymbolSets): Map<UpstreamChannel, Set<string>> {
  return new Map(
    Array.from(state, ([channel, symbols]) => [channel, new Set(symbols)]),
  );
}

function error(code: number): Answer {
  return { error: { code, message: `error ${code}` } };
}
