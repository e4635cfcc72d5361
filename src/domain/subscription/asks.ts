/**
 * How often each pair was asked for on one connection, and given back.
 *
 * @module
 */
import type { SubscriptionRequest } from "./request.ts";
import type { Pair, UpstreamChannel } from "./symbol_sets.ts";

/** How often one pair is asked for on one connection. */
export const MAX_ASKS = 3;

/** What is asked of a pair. */
export type Action = SubscriptionRequest["action"];

/**
 * Asks by symbol. Looked up for every missing pair before each request, so
 * that no key is made for that.
 */
type Counts = Map<UpstreamChannel, Map<string, number>>;

/** Counts asks, so that a contrary upstream is not asked for ever. */
export class Asks {
  readonly #counts: Readonly<Record<Action, Counts>> = {
    subscribe: new Map(),
    unsubscribe: new Map(),
  };

  /** Asks of this kind so far. */
  of(action: Action, { channel, symbol }: Pair): number {
    return this.#counts[action].get(channel)?.get(symbol) ?? 0;
  }

  /** One more ask; it settles the count of the opposite. */
  add(action: Action, pair: Pair): void {
    this.#set(action, pair, this.of(action, pair) + 1);
    this.forget(action === "subscribe" ? "unsubscribe" : "subscribe", pair);
  }

  /** Takes back one ask; earlier ones still count. */
  takeBack(action: Action, pair: Pair): void {
    const count = this.of(action, pair) - 1;
    if (count > 0) this.#set(action, pair, count);
    else this.forget(action, pair);
  }

  /** Forgets one count. */
  forget(action: Action, { channel, symbol }: Pair): void {
    this.#counts[action].get(channel)?.delete(symbol);
  }

  /** Forgets the counts of pairs that can matter no more. */
  forgetUnless(matters: (pair: Pair) => boolean): void {
    for (const [channel, symbols] of this.#lists()) {
      for (const symbol of symbols.keys()) {
        if (!matters({ channel, symbol })) symbols.delete(symbol);
      }
    }
  }

  /** Whether some pair was asked for, or given back, so often. */
  hasReached(limit: number): boolean {
    for (const [, symbols] of this.#lists()) {
      for (const count of symbols.values()) if (count >= limit) return true;
    }
    return false;
  }

  /** Forgets everything. */
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
