/**
 * Pairs of upstream channel and symbol, and sets of them.
 *
 * @module
 */

/** Upstream channels that client streams can cause to be subscribed. */
export type UpstreamChannel = "trades" | "quotes" | "bars";

/** Every upstream channel, in the order in which requests list them. */
export const UPSTREAM_CHANNELS: readonly UpstreamChannel[] = [
  "trades",
  "quotes",
  "bars",
];

/** Every symbol of a channel. */
export const WILDCARD = "*";

/** One symbol on one channel. */
export interface Pair {
  readonly channel: UpstreamChannel;
  readonly symbol: string;
}

/** Symbols per channel; a channel without an entry has none. */
export type SymbolSets = ReadonlyMap<UpstreamChannel, ReadonlySet<string>>;

/** Number of pairs in the sets; `*` counts as one. */
export function countPairs(sets: SymbolSets): number {
  let count = 0;
  for (const symbols of sets.values()) count += symbols.size;
  return count;
}

/** Returns one string per pair, for use as a map key. */
export function pairKey(pair: Pair): string {
  return `${pair.channel} ${pair.symbol}`;
}

/** Groups pairs by channel, keeping their order. */
export function groupPairs(
  pairs: readonly Pair[],
): Map<UpstreamChannel, string[]> {
  const groups = new Map<UpstreamChannel, string[]>();
  for (const { channel, symbol } of pairs) {
    const symbols = groups.get(channel);
    if (symbols) symbols.push(symbol);
    else groups.set(channel, [symbol]);
  }
  return groups;
}

/** Whether the sets contain a pair. */
export function hasPair(sets: SymbolSets, { channel, symbol }: Pair): boolean {
  return sets.get(channel)?.has(symbol) ?? false;
}

/** Returns a copy of the sets without one pair. */
export function without(
  sets: SymbolSets,
  { channel, symbol }: Pair,
): SymbolSets {
  const symbols = new Set(sets.get(channel));
  symbols.delete(symbol);
  return new Map(sets).set(channel, symbols);
}

/** Lists every pair of the sets. */
export function pairsOf(sets: SymbolSets): readonly Pair[] {
  const pairs: Pair[] = [];
  for (const [channel, symbols] of sets) {
    for (const symbol of symbols) pairs.push({ channel, symbol });
  }
  return pairs;
}
