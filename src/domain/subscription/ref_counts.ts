/**
 * Reference counts of the symbols that open streams of one feed request.
 *
 * A pair is referenced while at least one stream names it or a selection of
 * option contracts has it. Named pairs come before selected ones wherever slots
 * of the quota are short. Every `add` is matched by exactly one `remove` of the
 * same symbols by the same kind of requester. A pair whose last stream
 * closes lingers for the grace period, so that a client restart does not cause
 * an unsubscribe and a subscribe; lingering pairs use only slots of the quota
 * that no referenced pair needs.
 *
 * A pair that has ended, an option contract after its last trading moment, is
 * referenced no more, so that it needs no slot; its references are still counted.
 *
 * @module
 */
import { type Pair, pairKey, perChannel, type UpstreamChannel } from "./pairs.ts";

/** What requests a symbol: a stream that names it, or a selection of option contracts. */
export type Requester = "stream" | "selection";

/** A pair that open streams request. */
interface ReferencedPair extends Pair {
  /** Streams and selections that request it, at least 1. */
  readonly streams: number;
  /** Streams that name it. */
  readonly named: number;
  /** Rises in the order of the first reference; never used twice. */
  readonly position: number;
}

type CountedPair = ReferencedPair & { streams: number; named: number };

/** A pair that no open stream requests any more. */
interface LingeringPair extends Pair {
  /** When its grace period ends, in ms on the caller's clock. */
  readonly until: number;
}

/** Counts the streams that request each symbol of one feed. */
export class SymbolRefCounts {
  readonly #graceMs: number;
  /** In the order of the first reference. */
  readonly #referenced = new Set<CountedPair>();
  readonly #byChannel = perChannel(() => new Map<string, CountedPair>());
  /** In the order of the last removal, in which grace periods end. */
  readonly #lingering = new Map<string, LingeringPair>();
  /** Pairs that have ended, with their references. */
  readonly #ended = perChannel(() => new Map<string, CountedPair>());
  #nextPosition = 0;
  /** Referenced pairs that no stream names. */
  #selectedOnly = 0;

  /** @param graceMs how long a pair lingers, in ms; 0 disables lingering */
  constructor(graceMs = 0) {
    this.#graceMs = graceMs;
  }

  /** Adds one reference to each symbol; true when the first stream or selection requests one. */
  add(
    channel: UpstreamChannel,
    symbols: Iterable<string>,
    requester: Requester = "stream",
  ): boolean {
    let changed = false;
    const named = requester === "stream" ? 1 : 0;
    for (const symbol of symbols) {
      const ended = this.#ended[channel].get(symbol);
      if (ended) {
        ended.streams++;
        ended.named += named;
        continue;
      }
      const known = this.#byChannel[channel].get(symbol);
      if (known) {
        // A named pair that waited as a selected one is requested now.
        if (named > 0 && known.named === 0) {
          this.#selectedOnly--;
          changed = true;
        }
        known.streams++;
        known.named += named;
        continue;
      }
      if (named === 0) this.#selectedOnly++;
      const position = this.#nextPosition++;
      const pair = { channel, symbol, streams: 1, named, position };
      this.#byChannel[channel].set(symbol, pair);
      this.#referenced.add(pair);
      this.#lingering.delete(pairKey(pair));
      changed = true;
    }
    return changed;
  }

  /**
   * Removes one reference from each symbol; true when one has none left, or only those of
   * selections.
   *
   * @param now ms on the same clock as {@linkcode sweep}
   */
  remove(
    channel: UpstreamChannel,
    symbols: Iterable<string>,
    now = 0,
    requester: Requester = "stream",
  ): boolean {
    let changed = false;
    for (const symbol of symbols) {
      const ended = this.#ended[channel].get(symbol);
      if (ended) {
        if (requester === "stream") ended.named--;
        if (--ended.streams === 0) this.#ended[channel].delete(symbol);
        continue;
      }
      const pair = this.#byChannel[channel].get(symbol);
      if (pair === undefined) continue;
      if (requester === "stream" && --pair.named === 0) {
        this.#selectedOnly++;
        changed = true;
      }
      if (--pair.streams > 0) continue;
      this.#selectedOnly--;
      this.#byChannel[channel].delete(symbol);
      this.#referenced.delete(pair);
      changed = true;
      if (this.#graceMs === 0) continue;
      const until = now + this.#graceMs;
      this.#lingering.set(pairKey(pair), { channel, symbol, until });
    }
    return changed;
  }

  /** Ends a referenced pair until its last reference is removed; false when there is none. */
  end({ channel, symbol }: Pair): boolean {
    const pair = this.#byChannel[channel].get(symbol);
    if (pair === undefined) return false;
    if (pair.named === 0) this.#selectedOnly--;
    this.#byChannel[channel].delete(symbol);
    this.#referenced.delete(pair);
    this.#ended[channel].set(symbol, pair);
    return true;
  }

  /** The pairs of a channel that have ended and still have references. */
  ended(channel: UpstreamChannel): ReadonlyMap<string, ReferencedPair> {
    return this.#ended[channel];
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
    return this.#lingering.values().next().value?.until;
  }

  /** Drops every lingering pair. */
  dropLingering(): void {
    this.#lingering.clear();
  }

  /** The referenced symbols of a channel. */
  symbols(channel: UpstreamChannel): ReadonlyMap<string, ReferencedPair> {
    return this.#byChannel[channel];
  }

  /** Every referenced pair, in the order of the first reference. */
  pairs(): Iterable<ReferencedPair> {
    return this.#referenced;
  }

  /** Every lingering pair, in the order of the last removal. */
  lingering(): Iterable<LingeringPair> {
    return this.#lingering.values();
  }

  /** The position of the next pair that is referenced for the first time. */
  get nextPosition(): number {
    return this.#nextPosition;
  }

  /** Whether there are pairs that selections request and no stream names. */
  get hasSelectedOnly(): boolean {
    return this.#selectedOnly > 0;
  }

  /** Whether a stream names a pair. */
  isNamed({ channel, symbol }: Pair): boolean {
    return (this.#byChannel[channel].get(symbol)?.named ?? 0) > 0;
  }

  /** Number of streams and selections that request a pair. */
  streamsOf({ channel, symbol }: Pair): number {
    return this.#byChannel[channel].get(symbol)?.streams ?? 0;
  }
}
