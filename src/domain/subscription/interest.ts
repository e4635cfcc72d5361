/**
 * What open streams want of one feed, with reference counts.
 *
 * A symbol is wanted while at least one stream holds it. Every `add` is
 * matched by exactly one `remove` of the same symbols.
 *
 * @module
 */
import type { UpstreamChannel } from "./symbol_sets.ts";

const NOTHING: ReadonlyMap<string, number> = new Map();

/** Reference-counted interest in the symbols of one feed. */
export class InterestBook {
  readonly #counts = new Map<UpstreamChannel, Map<string, number>>();

  /** Adds one reference to each symbol; true when one was not wanted before. */
  add(channel: UpstreamChannel, symbols: Iterable<string>): boolean {
    let counts = this.#counts.get(channel);
    if (!counts) this.#counts.set(channel, counts = new Map());
    let changed = false;
    for (const symbol of symbols) {
      const count = counts.get(symbol) ?? 0;
      counts.set(symbol, count + 1);
      changed ||= count === 0;
    }
    return changed;
  }

  /** Takes one reference from each symbol; true when one is no longer wanted. */
  remove(channel: UpstreamChannel, symbols: Iterable<string>): boolean {
    const counts = this.#counts.get(channel);
    if (!counts) return false;
    let changed = false;
    for (const symbol of symbols) {
      const count = counts.get(symbol);
      if (count === undefined) continue;
      if (count > 1) counts.set(symbol, count - 1);
      else {
        counts.delete(symbol);
        changed = true;
      }
    }
    if (counts.size === 0) this.#counts.delete(channel);
    return changed;
  }

  /** The wanted symbols of a channel and how many streams want each. */
  wanted(channel: UpstreamChannel): ReadonlyMap<string, number> {
    return this.#counts.get(channel) ?? NOTHING;
  }

  /** Number of wanted pairs of channel and symbol. */
  get size(): number {
    let size = 0;
    for (const counts of this.#counts.values()) size += counts.size;
    return size;
  }
}
