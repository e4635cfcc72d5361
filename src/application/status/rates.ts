/**
 * Rates out of totals that only grow.
 *
 * @module
 */

/** A gap longer than this says nothing about now, in ms. */
export const LONGEST_STEP_MS = 5_000;

/** Turns the totals of successive moments into rates per second. */
export class Rates {
  #last: { readonly at: number; readonly totals: ReadonlyMap<string, number> } =
    { at: -Infinity, totals: new Map() };

  /**
   * Rates since the call before; a name is missing when nothing can be said of
   * it: at first, and after a pause of more than five seconds.
   *
   * @param at monotonic ms
   */
  next(
    totals: ReadonlyMap<string, number>,
    at: number,
  ): ReadonlyMap<string, number> {
    const rates = new Map<string, number>();
    const elapsed = at - this.#last.at;
    if (elapsed > 0 && elapsed <= LONGEST_STEP_MS) {
      for (const [name, total] of totals) {
        const before = this.#last.totals.get(name);
        if (before === undefined) continue;
        rates.set(name, Math.max(0, total - before) * 1000 / elapsed);
      }
    }
    this.#last = { at, totals };
    return rates;
  }
}
