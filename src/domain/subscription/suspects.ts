/**
 * Requests that were refused whole, in halves that are still to be asked for
 * on their own, until the pair that upstream objects to stands alone.
 *
 * @module
 */
import type { Action } from "./asks.ts";
import type { SubscriptionRequest } from "./request.ts";
import type { Pair } from "./symbol_sets.ts";

/** Halves of refused requests, the smallest next. */
export class Suspects {
  readonly #groups: Record<Action, (readonly Pair[])[]> = {
    subscribe: [],
    unsubscribe: [],
  };

  /** Both halves of a refused request come next. */
  halve({ action, pairs }: SubscriptionRequest): void {
    const half = pairs.length >> 1;
    this.#groups[action].unshift(pairs.slice(0, half), pairs.slice(half));
  }

  /** Takes the next group, without pairs that need not be asked for any more. */
  take(action: Action, isOpen: (pair: Pair) => boolean): readonly Pair[] {
    const groups = this.#groups[action];
    for (let group = groups.shift(); group; group = groups.shift()) {
      const open = group.filter(isOpen);
      if (open.length > 0) return open;
    }
    return [];
  }

  /** Forgets everything. */
  clear(): void {
    this.#groups.subscribe = [];
    this.#groups.unsubscribe = [];
  }
}
