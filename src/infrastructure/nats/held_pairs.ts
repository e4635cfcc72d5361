/**
 * What the hub has subscribed for this edge in one session, as far as its replies show.
 *
 * @module
 */
import {
  type Action,
  hasPair,
  type Pair,
  pairKey,
  type SymbolSets,
} from "../../domain/subscription/pairs.ts";
import { PairDigest } from "./hub_protocol.ts";

/** The pairs that the hub has of a session; it has a digest of the same. */
export class HeldPairs {
  readonly #pairs = new Set<string>();
  readonly #digest = new PairDigest();
  /** Pairs of unanswered requests, which the hub may have applied. */
  readonly #uncertain = new Map<string, Pair>();

  /** The digest; `undefined` while it is not known what the hub has. */
  get digest(): string | undefined {
    return this.#uncertain.size > 0 ? undefined : String(this.#digest);
  }

  /** The hub has applied a request; `state` is all that it carries for the edge afterwards. */
  applied(action: Action, pairs: readonly Pair[], state: SymbolSets): void {
    // If the hub has one without carrying it, the next digest shows that.
    for (const pair of this.#uncertain.values()) this.#set(pair, hasPair(state, pair));
    this.#uncertain.clear();
    for (const pair of pairs) this.#set(pair, action === "subscribe");
  }

  /** A request has no answer. */
  unanswered(action: Action, pairs: readonly Pair[]): void {
    for (const pair of pairs) {
      const key = pairKey(pair);
      // Otherwise it changes nothing, also if the hub has applied it.
      if (this.#pairs.has(key) !== (action === "subscribe")) this.#uncertain.set(key, pair);
    }
  }

  #set(pair: Pair, isHeld: boolean): void {
    const key = pairKey(pair);
    if (isHeld === this.#pairs.has(key)) return;
    if (isHeld) {
      this.#pairs.add(key);
      this.#digest.add(pair);
    } else {
      this.#pairs.delete(key);
      this.#digest.remove(pair);
    }
  }
}
