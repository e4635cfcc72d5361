/**
 * Upstream's subscription rules as a model, for tests of the reconciler.
 *
 * @module
 */
import type { SubscriptionReconciler } from "../../../../src/domain/subscription/reconciler.ts";
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

/** What the account and the feed allow. */
export interface UpstreamRules {
  /** Named pairs in total, `*` uses no slot; Infinity for no limit. */
  readonly quota: number;
  /** Error code by symbol, or by channel and symbol, that rejects a request. */
  readonly rejected: ReadonlyMap<string, number>;
}

/** One connection's subscriptions, and every request that it saw. */
export class ScriptedUpstream {
  readonly requests: SubscriptionRequest[] = [];
  /** Named pairs in all, as of now. */
  quota: number;
  /** Subscribes to come that are rejected with `code`, of any symbols. */
  rejecting = { code: 405, requests: 0 };
  readonly #rules: UpstreamRules;
  #state = new Map<UpstreamChannel, Set<string>>();

  constructor(rules: UpstreamRules) {
    this.#rules = rules;
    this.quota = rules.quota;
  }

  /** A new connection starts with nothing. */
  reconnect(): void {
    this.#state = new Map();
  }

  /** A copy of the full state, as an acknowledgement has it. */
  get state(): SymbolSets {
    return new Map(
      Array.from(this.#state, ([channel, symbols]) => [
        channel,
        new Set(symbols),
      ]),
    );
  }

  /** Why a pair can never be had, if it cannot. */
  rejectionOf({ channel, symbol }: Pair): number | undefined {
    const { rejected } = this.#rules;
    return rejected.get(symbol) ?? rejected.get(`${channel} ${symbol}`);
  }

  /** Applies a request whole, or rejects it whole. */
  answer(request: SubscriptionRequest): Answer {
    this.requests.push(request);
    const isSubscribe = request.action === "subscribe";
    if (isSubscribe && this.rejecting.requests > 0) {
      this.rejecting.requests--;
      return reject(this.rejecting.code);
    }
    const next = new Map(this.state) as Map<UpstreamChannel, Set<string>>;
    for (const pair of request.pairs) {
      const code = this.rejectionOf(pair);
      if (code !== undefined && isSubscribe) return reject(code);
      const symbols = next.get(pair.channel) ?? new Set();
      next.set(pair.channel, symbols);
      if (isSubscribe) symbols.add(pair.symbol);
      else symbols.delete(pair.symbol);
    }
    const before = namesIn(this.#state);
    const after = namesIn(next);
    if (after > before && after > this.quota) return reject(405);
    this.#state = next;
    return { state: this.state };
  }
}

/** The keys of a state, sorted, for comparing. */
export function keysOf(state: SymbolSets): string[] {
  const keys: string[] = [];
  for (const [channel, symbols] of state) {
    for (const symbol of symbols) keys.push(pairKey({ channel, symbol }));
  }
  return keys.sort();
}

function namesIn(state: SymbolSets): number {
  return pairsOf(state).filter(({ symbol }) => symbol !== WILDCARD).length;
}

function reject(code: number): Answer {
  return { error: { code, message: `error ${code}` } };
}

/** Asks and answers until nothing is left to ask; gives the request count. */
export function drain(
  reconciler: SubscriptionReconciler,
  upstream: ScriptedUpstream,
): number {
  let requests = 0;
  for (let next = reconciler.next(); next; next = reconciler.next()) {
    requests++;
    const answer = upstream.answer(next);
    if ("state" in answer) reconciler.acknowledge(answer.state);
    else reconciler.reject(answer.error);
  }
  return requests;
}
