/**
 * Reference counts of the symbols that open streams of one feed request.
 *
 * A pair is referenced while at least one stream requests it. Every `add` is
 * matched by exactly one `remove` of the same symbols. A pair whose last stream
 * closes lingers for the grace period, so that a client restart does not cause
 * an unsubscribe and a subscribe; lingering pairs use only slots of the quota
 * that no referenced pair needs.
 *
 * @module
 */
import { type Pair, pairKey, type UpstreamChannel } from "./pairs.ts";

/** A pair that open streams request. */
export interface ReferencedPair extends Pair {
  /** Streams that request it, at least 1. */
  readonly streams: number;
}

/** A pair that no open stream requests any more. */
export interface LingeringPair extends Pair {
  /** When its grace period ends, in ms on the caller's clock. */
  readonly until: number;
}

const NONE: ReadonlyMap<string, ReferencedPair> = new Map();

/** Counts the streams that request each symbol of one feed. */
export class SymbolRefCounts {
  readonly #graceMs: number;
  /** In the order of the first reference. */
  readonly #referenced = new Map<string, ReferencedPair>();
  readonly #byChannel = new Map<UpstreamChannel, Map<string, ReferencedPair>>();
  /** In the order of the last removal, in which grace periods end. */
  readonly #lingering = new Map<string, LingeringPair>();

  /** @param graceMs how long a pair lingers, in ms; 0 disables lingering */
  constructor(graceMs = 0) {
    this.#graceMs = graceMs;
  }

  /** Adds one reference to each symbol; true when one had none before. */
  add(channel: UpstreamChannel, symbols: Iterable<string>): boolean {
    let changed = false;
    for (const symbol of symbols) {
      const pair = { channel, symbol };
      const key = pairKey(pair);
      const streams = (this.#referenced.get(key)?.streams ?? 0) + 1;
      this.#set(key, { ...pair, streams });
      this.#lingering.delete(key);
      changed ||= streams === 1;
    }
    return changed;
  }

  /**
   * Removes one reference from each symbol; true when one has none left.
   *
   * @param now ms on the same clock as {@linkcode sweep}
   */
  remove(
    channel: UpstreamChannel,
    symbols: Iterable<string>,
    now = 0,
  ): boolean {
    let changed = false;
    for (const symbol of symbols) {
      const pair = { channel, symbol };
      const key = pairKey(pair);
      const streams = this.#referenced.get(key)?.streams;
      if (streams === undefined) continue;
      if (streams > 1) {
        this.#set(key, { ...pair, streams: streams - 1 });
        continue;
      }
      this.#delete(key, pair);
      changed = true;
      if (this.#graceMs > 0) {
        this.#lingering.set(key, { ...pair, until: now + this.#graceMs });
      }
    }
    return changed;
  }

  /** Drops pairs whose grace period has ended; true when there were some. */
  sweep(now: number): boolean {
    let changed = false;
    for (const [key, { until }] of this.#lingering) {
      if (until > now) break;
      this.#lingering.delete(key);
      changed = true;
    }
    return changed;
  }

  /** When the next grace period ends; `undefined` when no pair lingers. */
  get nextSweepAt(): number | undefined {
    for (const { until } of this.#lingering.values()) return until;
    return undefined;
  }

  /** Drops every lingering pair. */
  dropLingering(): void {
    this.#lingering.clear();
  }

  /** The referenced symbols of a channel. */
  symbols(channel: UpstreamChannel): ReadonlyMap<string, ReferencedPair> {
    return this.#byChannel.get(channel) ?? NONE;
  }

  /** Every referenced pair, in the order of the first reference. */
  pairs(): Iterable<ReferencedPair> {
    return this.#referenced.values();
  }

  /** Every lingering pair, in the order of the last removal. */
  lingering(): Iterable<LingeringPair> {
    return this.#lingering.values();
  }

  /** Number of streams that request a pair. */
  streamsOf(pair: Pair): number {
    return this.#referenced.get(pairKey(pair))?.streams ?? 0;
  }

  #set(key: string, entry: ReferencedPair): void {
    this.#referenced.set(key, entry);
    const { channel, symbol } = entry;
    const symbols = this.#byChannel.get(channel);
    if (symbols) symbols.set(symbol, entry);
    else this.#byChannel.set(channel, new Map([[symbol, entry]]));
  }

  #delete(key: string, { channel, symbol }: Pair): void {
    this.#referenced.delete(key);
    const symbols = this.#byChannel.get(channel);
    symbols?.delete(symbol);
    if (symbols?.size === 0) this.#byChannel.delete(channel);
  }
}
