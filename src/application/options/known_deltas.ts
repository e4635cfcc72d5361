/**
 * The deltas of the contracts of one underlying, as long as they are current enough to be used.
 *
 * @module
 */
import { parseOccSymbol } from "../../domain/market/occ_symbol.ts";
import type { DeltaRange } from "../../domain/options/delta_range.ts";

/** How long a delta is used that is not renewed, in ms. */
const MAX_AGE_MS = 3_600_000;
/** Contracts that are processed without a pause: it takes a few ms. */
const CONTRACTS_PER_TURN = 5_000;
/** Where the day of expiry is in an OCC symbol. */
const DAY = [-15, -9] as const;

const NOTHING: ReadonlyMap<string, number> = new Map();

/**
 * Deltas by contract; those that a reply lacks are kept for an hour. A long list is processed in
 * steps; nothing changes before the last one.
 */
export class KnownDeltas {
  #values = NOTHING;
  /** Monotonic ms of the last reply. */
  #repliedAt = -Infinity;
  /** Monotonic ms at which the values were fetched that the last reply lacks. */
  #fetchedAt = NOTHING;
  /** Monotonic ms from which on a value is too old. */
  #oldAt = Infinity;
  /** The days of expiry of the last reply, as in symbols. */
  #days: ReadonlySet<string> = new Set();

  /** Deltas by contract; another map after every change, `undefined` while none are known. */
  get values(): ReadonlyMap<string, number> | undefined {
    return this.#values.size > 0 ? this.#values : undefined;
  }

  /** Adds the deltas of a reply. `now` is in monotonic ms. */
  *add(reply: ReadonlyMap<string, number>, now: number): Generator<void, void> {
    const days = new Set<string>();
    let count = 0;
    for (const symbol of reply.keys()) {
      if (++count % CONTRACTS_PER_TURN === 0) yield;
      days.add(symbol.slice(...DAY));
    }
    yield* this.#update(reply, now);
    this.#repliedAt = now;
    this.#days = days;
  }

  /** Removes the deltas that are too old; returns whether there were any. */
  *removeOld(now: number): Generator<void, boolean> {
    if (now < this.#oldAt) return false;
    yield* this.#update(NOTHING, now);
    return true;
  }

  /** How many expiries of a range have no deltas in the last reply, but older ones. */
  missing([first, last]: DeltaRange["expiries"]): number {
    const missing = new Set<number>();
    for (const symbol of this.#fetchedAt.keys()) {
      if (this.#days.has(symbol.slice(...DAY))) continue;
      const expiry = parseOccSymbol(symbol)?.expiry;
      if (expiry !== undefined && expiry >= first && expiry <= last) missing.add(expiry);
    }
    return missing.size;
  }

  /** Keeps new values, and others that are not too old. */
  *#update(latest: ReadonlyMap<string, number>, now: number): Generator<void, void> {
    const values = new Map<string, number>();
    const fetchedAt = new Map<string, number>();
    let count = 0;
    let oldest = now;
    for (const [symbol, delta] of latest) {
      if (++count % CONTRACTS_PER_TURN === 0) yield;
      values.set(symbol, delta);
    }
    for (const [symbol, delta] of this.#values) {
      if (++count % CONTRACTS_PER_TURN === 0) yield;
      const at = this.#fetchedAt.get(symbol) ?? this.#repliedAt;
      if (now - at >= MAX_AGE_MS || values.has(symbol)) continue;
      values.set(symbol, delta);
      fetchedAt.set(symbol, at);
      oldest = Math.min(oldest, at);
    }
    this.#values = values;
    this.#fetchedAt = fetchedAt;
    this.#oldAt = values.size > 0 ? oldest + MAX_AGE_MS : Infinity;
  }
}
