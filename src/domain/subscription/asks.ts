/**
 * How often each pair was asked for on one connection, and given back.
 *
 * @module
 */
import type { SubscriptionRequest } from "./request.ts";
import { type Pair, pairKey } from "./symbol_sets.ts";

/** How often one pair is asked for on one connection. */
export const MAX_ASKS = 3;

/** What is asked of a pair. */
export type Action = SubscriptionRequest["action"];

/** Counts asks, so that a contrary upstream is not asked for ever. */
export class Asks {
  readonly #counts = new Map<
    string,
    { readonly pair: Pair; readonly count: number }
  >();

  /** Asks of this kind so far. */
  of(action: Action, pair: Pair): number {
    return this.#counts.get(askKey(action, pair))?.count ?? 0;
  }

  /** One more ask; it settles the count of the opposite. */
  add(action: Action, pair: Pair): void {
    const count = this.of(action, pair) + 1;
    this.#counts.set(askKey(action, pair), { pair, count });
    const opposite = action === "subscribe" ? "unsubscribe" : "subscribe";
    this.#counts.delete(askKey(opposite, pair));
  }

  /** Takes back one ask; earlier ones still count. */
  takeBack(action: Action, pair: Pair): void {
    const count = this.of(action, pair) - 1;
    if (count > 0) this.#counts.set(askKey(action, pair), { pair, count });
    else this.#counts.delete(askKey(action, pair));
  }

  /** Forgets one count. */
  forget(action: Action, pair: Pair): void {
    this.#counts.delete(askKey(action, pair));
  }

  /** Forgets the counts of pairs that can matter no more. */
  forgetUnless(matters: (pair: Pair) => boolean): void {
    for (const [key, { pair }] of this.#counts) {
      if (!matters(pair)) this.#counts.delete(key);
    }
  }

  /** Whether some pair was asked for, or given back, so often. */
  hasReached(limit: number): boolean {
    for (const { count } of this.#counts.values()) {
      if (count >= limit) return true;
    }
    return false;
  }

  /** Forgets everything. */
  clear(): void {
    this.#counts.clear();
  }

  /** Number of counts that are kept. */
  get size(): number {
    return this.#counts.size;
  }
}

function askKey(action: Action, pair: Pair): string {
  return `${action} ${pairKey(pair)}`;
}
