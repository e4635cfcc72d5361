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
  /** Places that were taken when there was none for a pair, by pair. */
  readonly #fullAt = new Map<string, number>();

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

  /** Sets a pair aside that there was no place for while `taken` were taken. */
  addFull(pair: Pair, error: UpstreamError, taken: number): Refusal {
    this.#fullAt.set(pairKey(pair), taken);
    return this.add(pair, error);
  }

  /** Takes a pair back. */
  delete(pair: Pair): void {
    const key = pairKey(pair);
    this.#byPair.delete(key);
    this.#fullAt.delete(key);
  }

  /**
   * Takes the pairs back that there may be a place for by now.
   *
   * @param taken places that are taken; asked only if the answer matters
   */
  takeRoomed(taken: () => number): readonly Pair[] {
    if (this.#fullAt.size === 0) return [];
    const now = taken();
    const roomed = this.all.filter((pair) =>
      (this.#fullAt.get(pairKey(pair)) ?? 0) > now
    );
    for (const pair of roomed) this.delete(pair);
    return roomed;
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
    this.#fullAt.clear();
  }
}
