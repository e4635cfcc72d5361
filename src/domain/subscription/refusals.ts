/**
 * Pairs that a connection has set aside, and why.
 *
 * @module
 */
import { isObjection, type UpstreamError } from "./request.ts";
import { type Pair, pairKey } from "./symbol_sets.ts";

/** A pair that upstream does not give us, and why. */
export interface Refusal extends Pair {
  readonly error: UpstreamError;
}

/** Refusals by pair. */
export class Refusals {
  readonly #byPair = new Map<string, Refusal>();

  /** Every refusal, oldest first. */
  get all(): readonly Refusal[] {
    return [...this.#byPair.values()];
  }

  /** Whether a pair is set aside. */
  has(pair: Pair): boolean {
    return this.#byPair.size > 0 && this.#byPair.has(pairKey(pair));
  }

  /** Sets a pair aside. */
  add(pair: Pair, error: UpstreamError): Refusal {
    const refusal = { ...pair, error };
    this.#byPair.set(pairKey(pair), refusal);
    return refusal;
  }

  /** Takes a pair back. */
  delete(pair: Pair): void {
    this.#byPair.delete(pairKey(pair));
  }

  /** Whether a pair was given up without an objection of upstream. */
  get hasGivenUp(): boolean {
    return this.all.some(({ error }) => !isObjection(error));
  }

  /** Takes back the pairs that were given up without an objection. */
  forgetGivenUp(): void {
    for (const refusal of this.all) {
      if (!isObjection(refusal.error)) this.delete(refusal);
    }
  }

  /** Takes everything back. */
  clear(): void {
    this.#byPair.clear();
  }
}
