/**
 * What upstream carries of one channel, and the gaps that streams with options receive where it did
 * not carry it.
 *
 * A gap is restricted to what a stream filters by. Gaps are also retained with the events, so that
 * a stream that continues after a position receives those that it has missed.
 *
 * @module
 */
import { type Gap, type GapReason, MAX_GAP_SYMBOLS } from "../../domain/market/notices.ts";
import { Coverage, type Outage } from "../../domain/subscription/coverage.ts";
import { WILDCARD } from "../../domain/subscription/pairs.ts";
import type { RetainedGap } from "./retained_window.ts";

/** The keys that a stream filters by; if both are empty, every event matches. */
export interface KeyFilter {
  readonly symbols: ReadonlySet<string>;
  readonly secondary: ReadonlySet<string>;
  /** Which of the events that match the keys the stream receives. @default all */
  readonly accepts?: ((event: unknown) => boolean) | undefined;
  /** The same for the present state of an order. @default as `accepts` */
  readonly acceptsState?: ((event: unknown) => boolean) | undefined;
  /** Restricts the symbols that match the keys; has to agree with `accepts`. @default all */
  readonly selected?: Pick<SelectedSymbols, "has"> | undefined;
  /** Whether a stream without options receives events that were derived. @default false */
  readonly reconciled?: boolean | undefined;
}

/** What an open stream receives. */
export interface ChannelFilter extends KeyFilter {
  readonly selected?: SelectedSymbols | undefined;
}

/** The symbols that a stream receives of those that match its keys; they change. */
export interface SelectedSymbols {
  /** Whether the stream receives a symbol now. */
  has(symbol: string): boolean;
  /** Whether it received, or would have received, the event of a symbol at a position. */
  hadAt(symbol: string, sequence: number): boolean;
  /** Whether the symbols of every position after this one are known. */
  isKnownSince(sequence: number): boolean;
}

/** A stream with options, which receives gaps. */
export interface ChannelObserver {
  readonly filter: ChannelFilter;
  /** Messages of some symbols that the stream filters by are missing. */
  gap(gap: Gap): void;
  /** Whether the stream fills outages of known symbols instead of receiving their gaps. */
  readonly fillsOutages: boolean;
  /** An outage of some symbols that the stream filters by has ended. */
  fillOutage(outage: EndedOutage, symbols: readonly string[]): void;
  /** Upstream has acknowledged symbols, of this stream or of others. */
  carried(symbols: readonly string[]): void;
}

/** When messages were missing, in wall clock ms. */
export interface EndedOutage {
  readonly startTime: number;
  readonly endTime: number;
}

/** The symbols of a gap. */
type AffectedSymbols = Pick<RetainedGap, "symbols" | "except" | "counts">;

/** What the gaps of a channel need of it. */
interface ChannelGapsOptions {
  /** Position of the newest event. */
  readonly sequence: () => number;
  /** Derives the second key from a symbol, if possible. */
  readonly secondaryOfSymbol: ((symbol: string) => string) | undefined;
  /** Retains a gap. */
  readonly retain: (gap: RetainedGap) => void;
}

/** Most gaps that list the symbols of one outage; one of more symbols lists none. */
const MAX_GAP_PARTS = 32;

/** Second keys without a stream that are remembered. */
const MAX_SECONDARY_KEYS = 10_000;

const NONE: readonly never[] = [];

/** Coverage of a channel, and its observers. */
export class ChannelGaps {
  readonly #options: ChannelGapsOptions;
  readonly #observers = new Set<ChannelObserver>();
  readonly #coverage = new Coverage();
  /** Position at which a stream first filtered by a second key; the newest of them. */
  readonly #secondarySince = new Map<string, number>();

  constructor(options: ChannelGapsOptions) {
    this.#options = options;
  }

  /** Whether streams with options are open. */
  get hasObservers(): boolean {
    return this.#observers.size > 0;
  }

  /** Sends gaps to a stream from now on; returns a function that stops it. */
  observe(observer: ChannelObserver): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** Whether upstream carries a symbol now. */
  isCarried(symbol: string): boolean {
    return this.#coverage.isCarried(symbol);
  }

  /** Whether a filter matches a symbol, itself or by the key that follows from it. */
  matches({ symbols, secondary, selected }: KeyFilter, symbol: string): boolean {
    if (selected?.has(symbol) === false) return false;
    if (symbols.size === 0 && secondary.size === 0) return true;
    if (symbols.has(symbol)) return true;
    const { secondaryOfSymbol } = this.#options;
    return secondary.size > 0 && secondaryOfSymbol !== undefined &&
      secondary.has(secondaryOfSymbol(symbol));
  }

  /** Upstream has acknowledged symbols. */
  carried(symbols: readonly string[], now: number): void {
    for (const outage of this.#coverage.carried(symbols, this.#options.sequence())) {
      const { reason, startTime, symbols: affected, except } = outage;
      this.announce(reason, { startTime, endTime: now }, { symbols: affected, except });
    }
    for (const observer of this.#observers) observer.carried(symbols);
  }

  /** Upstream has acknowledged symbols, and what was missed in their outages was published. */
  filled(symbols: readonly string[]): void {
    this.#coverage.carried(symbols, this.#options.sequence());
    for (const observer of this.#observers) observer.carried(symbols);
  }

  /**
   * Upstream does not carry symbols any more.
   *
   * @param outage `undefined` when no stream requests the symbols any more
   * @param requested symbols that streams filter by
   */
  notCarried(
    symbols: readonly string[],
    outage: Outage | undefined,
    { since, requested }: { readonly since: number; readonly requested: Iterable<string> },
  ): void {
    const sequence = this.#options.sequence();
    this.#coverage.notCarried(symbols, outage, sequence);
    if (outage || !symbols.includes(WILDCARD)) return;
    const left: string[] = [];
    for (const symbol of requested) if (!this.#coverage.isCarried(symbol)) left.push(symbol);
    const outageOfLeft: Outage = { reason: "not_subscribed", startTime: since };
    this.#coverage.notCarried(left, outageOfLeft, sequence);
  }

  /** Sends a gap to the streams that it concerns, and retains it. */
  announce(
    reason: GapReason,
    span: { readonly startTime?: number; readonly endTime?: number },
    { symbols, except }: {
      /** `undefined` for every symbol but those of `except`. */
      readonly symbols: readonly string[] | undefined;
      readonly except?: ReadonlySet<string>;
    },
  ): void {
    const { startTime, endTime } = span;
    const count = reason === "unreadable" && symbols ? symbols.length : 0;
    const gap: Gap = {
      reason,
      count,
      firstSequence: 0,
      lastSequence: 0,
      symbols: [],
      startTime,
      endTime,
    };
    const affected = { symbols: symbols && new Set(symbols), except };
    this.#options.retain({ sequence: this.#options.sequence(), gap, ...affected });
    for (const observer of this.#observers) {
      if (observer.fillsOutages && this.#fill(gap, affected, observer)) continue;
      for (const part of this.restrict(gap, affected, observer.filter)) observer.gap(part);
    }
  }

  /**
   * Restricts a gap to the symbols of a filter: none, one gap, or, when only some of the symbols of
   * the stream are affected, one gap per {@linkcode MAX_GAP_SYMBOLS}.
   */
  restrict(gap: Gap, symbols: AffectedSymbols, filter: KeyFilter): readonly Gap[] {
    if (symbols.symbols === undefined && !symbols.except?.size) return [gap];
    const affected = this.#affected(symbols, filter);
    if (affected === undefined) return [gap];
    if (affected.length === 0) return NONE;
    const isWhole = filter.secondary.size === 0 && affected.length === filter.symbols.size;
    const most = isWhole ? MAX_GAP_SYMBOLS : MAX_GAP_SYMBOLS * MAX_GAP_PARTS;
    if (affected.length > most) return [partOf(gap, affected, symbols)];
    const parts: Gap[] = [];
    for (let at = 0; at < affected.length; at += MAX_GAP_SYMBOLS) {
      const listed = affected.slice(at, at + MAX_GAP_SYMBOLS);
      parts.push({ ...partOf(gap, listed, symbols), symbols: listed });
    }
    return parts;
  }

  /** Whether every gap since a position is known for the symbols of a filter. */
  isCoveredSince(sequence: number, { symbols, secondary }: ChannelFilter): boolean {
    for (const symbol of symbols) {
      if (!this.#coverage.isCoveredSince(symbol, sequence)) return false;
    }
    if (symbols.size > 0 && secondary.size === 0) return true;
    if (this.#coverage.isCoveredSince(WILDCARD, sequence)) return true;
    // Which symbols the stream had is not known, but where `*` cannot be subscribed, it had those
    // that upstream carried.
    if (!this.#options.secondaryOfSymbol || this.#coverage.hasEndedSince(sequence)) return false;
    for (const key of secondary) {
      if ((this.#secondarySince.get(key) ?? Infinity) > sequence) return false;
    }
    return true;
  }

  /**
   * Notes since when streams filter by a second key.
   *
   * @param isUsed whether a stream filters by a key now; others may be forgotten
   */
  noteSecondary(key: string, isUsed: (key: string) => boolean): void {
    const since = this.#secondarySince;
    if (!since.has(key)) since.set(key, this.#options.sequence());
    if (since.size <= MAX_SECONDARY_KEYS) return;
    for (const oldest of since.keys()) {
      if (isUsed(oldest)) continue;
      since.delete(oldest);
      return;
    }
  }

  /** Returns false for a gap that is not an outage, or of symbols that are not known. */
  #fill(
    { reason, startTime, endTime }: Gap,
    outage: AffectedSymbols,
    observer: ChannelObserver,
  ): boolean {
    const isOutage = reason === "upstream_lost";
    if (!isOutage || startTime === undefined || endTime === undefined) return false;
    const affected = this.#affected(outage, observer.filter);
    if (affected === undefined) return false;
    if (affected.length > 0) observer.fillOutage({ startTime, endTime }, affected);
    return true;
  }

  /** The symbols of a filter that an outage affects; `undefined` when they are not known. */
  #affected(
    { symbols, except }: AffectedSymbols,
    filter: KeyFilter,
  ): readonly string[] | undefined {
    if (symbols !== undefined) return this.#intersect(symbols, filter);
    // Which symbols a stream without them has is not known.
    if (filter.symbols.size === 0 || filter.secondary.size > 0) return undefined;
    return Array.from(filter.symbols).filter((symbol) => !except?.has(symbol));
  }

  #intersect(symbols: ReadonlySet<string>, filter: KeyFilter): readonly string[] {
    const { symbols: own, secondary } = filter;
    if (own.size > 0 && secondary.size === 0 && own.size < symbols.size) {
      return Array.from(own).filter((symbol) => symbols.has(symbol));
    }
    return Array.from(symbols).filter((symbol) => this.matches(filter, symbol));
  }
}

/** The gap with the number of unreadable messages of some of its symbols. */
function partOf(gap: Gap, symbols: readonly string[], { counts }: AffectedSymbols): Gap {
  if (!counts) return gap;
  let count = 0;
  for (const symbol of symbols) count += counts.get(symbol) ?? 0;
  return { ...gap, count };
}
