/**
 * The deltas of the contracts of one underlying, as long as they are current enough to be used.
 *
 * @module
 */
import { parseOccSymbol } from "../../domain/market/occ_symbol.ts";
import type { DeltaRange } from "../../domain/options/delta_range.ts";

/** How long a delta is used that is not renewed, in ms. */
const MAX_AGE_MS = 3_600_000;

/** Where the day of expiry is in an OCC symbol. */
const DAY = [-15, -9] as const;

/** Deltas by contract; those that a reply lacks are kept for an hour. */
export class KnownDeltas {
  #values: ReadonlyMap<string, number> | undefined;
  /** Monotonic ms of the last reply. */
  #repliedAt = -Infinity;
  /** Monotonic ms at which the values were fetched that the last reply lacks. */
  #fetchedAt: ReadonlyMap<string, number> = new Map();
  /** Monotonic ms from which on a value is too old. */
  #oldAt = Infinity;

  /** Deltas by contract; another map after every change, `undefined` while none are known. */
  get values(): ReadonlyMap<string, number> | undefined {
    return this.#values;
  }

  /**
   * Adds the deltas of a reply; returns how many of the requested expiries have older ones only.
   *
   * @param reply at least one delta
   * @param options.now monotonic ms
   */
  add(
    reply: ReadonlyMap<string, number>,
    options: { readonly now: number; readonly expiries: DeltaRange["expiries"] },
  ): number {
    const { now, expiries: [first, last] } = options;
    const { values, fetchedAt } = this.#recent(now, reply);
    const all = new Map(reply);
    for (const [symbol, delta] of values) all.set(symbol, delta);
    this.#replace(all, fetchedAt, now);
    const missing = new Set<string>();
    for (const symbol of fetchedAt.keys()) {
      const day = symbol.slice(...DAY);
      if (missing.has(day)) continue;
      const expiry = parseOccSymbol(symbol)?.expiry;
      if (expiry !== undefined && expiry >= first && expiry <= last) missing.add(day);
    }
    for (const symbol of reply.keys()) {
      if (missing.size === 0) break;
      missing.delete(symbol.slice(...DAY));
    }
    return missing.size;
  }

  /** Removes the deltas that are too old; returns whether there were any. */
  removeOld(now: number): boolean {
    if (now < this.#oldAt) return false;
    const { values, fetchedAt } = this.#recent(now);
    this.#replace(values, fetchedAt, this.#repliedAt);
    return true;
  }

  /** The deltas that are not too old and that a reply lacks, and when they were fetched. */
  #recent(now: number, reply?: ReadonlyMap<string, number>): {
    readonly values: ReadonlyMap<string, number>;
    readonly fetchedAt: ReadonlyMap<string, number>;
  } {
    const values = new Map<string, number>();
    const fetchedAt = new Map<string, number>();
    for (const [symbol, delta] of this.#values ?? []) {
      const at = this.#fetchedAt.get(symbol) ?? this.#repliedAt;
      if (now - at >= MAX_AGE_MS || reply?.has(symbol)) continue;
      values.set(symbol, delta);
      fetchedAt.set(symbol, at);
    }
    return { values, fetchedAt };
  }

  #replace(
    values: ReadonlyMap<string, number>,
    fetchedAt: ReadonlyMap<string, number>,
    repliedAt: number,
  ): void {
    this.#values = values.size > 0 ? values : undefined;
    this.#fetchedAt = fetchedAt;
    this.#repliedAt = repliedAt;
    let oldest = repliedAt;
    for (const at of fetchedAt.values()) oldest = Math.min(oldest, at);
    this.#oldAt = values.size > 0 ? oldest + MAX_AGE_MS : Infinity;
  }
}
