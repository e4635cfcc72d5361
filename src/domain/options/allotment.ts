/**
 * Shares places in a symbol budget among selections.
 *
 * By age: the oldest gets what it wants first, so that a newcomer never takes
 * a contract from a stream that is running already, and whoever waits longest
 * is served first when places become free. A contract that several want takes
 * one place.
 *
 * @module
 */

/**
 * What each of `wishes` (oldest first, each best first) gets of the places.
 * Fewer than no places are none.
 */
export function allot(
  wishes: readonly (readonly string[])[],
  places: number,
): readonly (readonly string[])[] {
  const taken = new Set<string>();
  return wishes.map((wish) =>
    wish.filter((symbol) => {
      if (taken.has(symbol)) return true;
      if (taken.size >= places) return false;
      taken.add(symbol);
      return true;
    })
  );
}
