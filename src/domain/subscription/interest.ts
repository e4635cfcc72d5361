/**
 * What open streams want of one feed, with reference counts and a grace period.
 *
 * A pair is wanted while at least one stream holds it. Every `add` is matched
 * by exactly one `remove` of the same symbols. A pair that the last stream has
 * left lingers for the grace period, so that a client which restarts does not
 * make upstream unsubscribe and subscribe again; lingering pairs are kept only
 * as long as nobody else needs their place.
 *
 * @module
 */
import { type Pair, pairKey, type UpstreamChannel } from "./symbol_sets.ts";

/** A pair that streams want, in the order in which pairs were first wanted. */
export interface Wanted extends Pair {
  /** Streams that hold it, at least 1. */
  readonly streams: number;
}

/** A pair that nobody wants any more. */
export interface Lingering extends Pair {
  /** When its grace ends, in ms on the caller's clock. */
  readonly until: number;
}

const NOTHING: ReadonlyMap<string, Wanted> = new Map();

/** Reference-counted interest in the symbols of one feed. */
export class InterestBook {
  readonly #graceMs: number;
  readonly #wanted = new Map<string, Wanted>();
  readonly #byChannel = new Map<UpstreamChannel, Map<string, Wanted>>();
  /** In the order of release, which is the order in which grace ends. */
  readonly #lingering = new Map<string, Lingering>();

  /** @param graceMs how long a pair lingers; 0 lets go at once */
  constructor(graceMs = 0) {
    this.#graceMs = graceMs;
  }

  /** Adds one stream to each symbol; true when one was not wanted before. */
  add(channel: UpstreamChannel, symbols: Iterable<string>): boolean {
    let changed = false;
    for (const symbol of symbols) {
      const pair = { channel, symbol };
      const key = pairKey(pair);
      const streams = (this.#wanted.get(key)?.streams ?? 0) + 1;
      this.#set(key, { ...pair, streams });
      this.#lingering.delete(key);
      changed ||= streams === 1;
    }
    return changed;
  }

  /**
   * Takes one stream from each symbol; true when one is no longer wanted.
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
      const streams = this.#wanted.get(key)?.streams;
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

  /** Lets go of pairs whose grace has ended; true when there were some. */
  sweep(now: number): boolean {
    let changed = false;
    for (const [key, { until }] of this.#lingering) {
      if (until > now) break;
      this.#lingering.delete(key);
      changed = true;
    }
    return changed;
  }

  /** When the next grace ends; `undefined` when nothing lingers. */
  get nextSweepAt(): number | undefined {
    for (const { until } of this.#lingering.values()) return until;
    return undefined;
  }

  /** Lets go of everything that lingers. */
  dropLingering(): void {
    this.#lingering.clear();
  }

  /** The wanted symbols of a channel. */
  wanted(channel: UpstreamChannel): ReadonlyMap<string, Wanted> {
    return this.#byChannel.get(channel) ?? NOTHING;
  }

  /** Every wanted pair, the one that was wanted first first. */
  pairs(): Iterable<Wanted> {
    return this.#wanted.values();
  }

  /** Every lingering pair, the one that was released first first. */
  lingering(): Iterable<Lingering> {
    return this.#lingering.values();
  }

  /** Streams that hold a pair. */
  streamsOf(pair: Pair): number {
    return this.#wanted.get(pairKey(pair))?.streams ?? 0;
  }

  /** Number of wanted pairs. */
  get size(): number {
    return this.#wanted.size;
  }

  #set(key: string, wanted: Wanted): void {
    this.#wanted.set(key, wanted);
    const { channel, symbol } = wanted;
    const symbols = this.#byChannel.get(channel);
    if (symbols) symbols.set(symbol, wanted);
    else this.#byChannel.set(channel, new Map([[symbol, wanted]]));
  }

  #delete(key: string, { channel, symbol }: Pair): void {
    this.#wanted.delete(key);
    const symbols = this.#byChannel.get(channel);
    symbols?.delete(symbol);
    if (symbols?.size === 0) this.#byChannel.delete(channel);
  }
}
