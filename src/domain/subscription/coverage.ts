/**
 * Since which position of a channel upstream has carried each symbol without an unreported
 * interruption.
 *
 * A symbol is carried while upstream acknowledges it, itself or through `*`. An outage, a rejection
 * and a full quota interrupt it; streams receive a gap when it is carried again, so that coverage
 * continues. When no stream requests the symbol any more, coverage ends.
 *
 * @module
 */
import type { GapReason } from "../market/notices.ts";
import { WILDCARD } from "./pairs.ts";

/** Why and since when symbols are not carried. */
export interface Outage {
  readonly reason: GapReason;
  /** Wall clock ms. */
  readonly startTime: number;
}

/** An outage that has ended for some symbols. */
interface EndedOutage extends Outage {
  /** Affected symbols; `undefined` for every symbol but those of `except`. */
  readonly symbols: readonly string[] | undefined;
  /** Symbols that upstream carried meanwhile without `*`. */
  readonly except: ReadonlySet<string>;
}

interface Carried {
  /** Whether upstream acknowledges it now, and whether it ever did. */
  isCarried: boolean;
  wasCarried: boolean;
  /** Position since which nothing is missing that was not reported. */
  since: number;
  /** Why it is not carried. */
  outage: Outage | undefined;
}

/**
 * Symbols that are remembered though upstream does not carry them. After an outage, those that no
 * stream requests any more remain; the oldest are forgotten.
 */
const MAX_SYMBOLS = 50_000;

const NONE: ReadonlySet<string> = new Set();

/** What upstream carries of one channel. */
export class Coverage {
  /** Symbols that are acknowledged themselves; those that only `*` carries have no entry. */
  readonly #symbols = new Map<string, Carried>();
  /** The state of `*`, once it was requested. */
  #all: Carried | undefined;
  /** Symbols that were carried themselves during the outage of `*`. */
  #except = new Set<string>();
  /** Position at which the coverage of a symbol last ended. */
  #endedAt = -1;

  /** Whether upstream carries the symbol now. */
  isCarried(symbol: string): boolean {
    return this.#all?.isCarried || (this.#symbols.get(symbol)?.isCarried ?? false);
  }

  /**
   * Counts symbols in that upstream has acknowledged.
   *
   * @param sequence position of the channel
   * @returns the outages that have ended by that
   */
  carried(symbols: readonly string[], sequence: number): readonly EndedOutage[] {
    const ended: EndedOutage[] = [];
    if (symbols.includes(WILDCARD)) this.#carriedAll(sequence, ended);
    const byOutage = new Map<Outage, string[]>();
    for (const symbol of symbols) {
      if (symbol === WILDCARD) continue;
      const outage = this.#carriedOne(symbol, sequence);
      if (!outage) continue;
      const affected = byOutage.get(outage);
      if (affected) affected.push(symbol);
      else byOutage.set(outage, [symbol]);
    }
    for (const [outage, affected] of byOutage) {
      ended.push({ ...outage, symbols: affected, except: NONE });
    }
    return ended;
  }

  /**
   * Counts symbols out.
   *
   * @param outage the reason that is reported to streams; `undefined` when no stream requests the
   *   symbols any more, which ends their coverage
   */
  notCarried(symbols: readonly string[], outage: Outage | undefined, sequence: number): void {
    if (!outage) this.#endedAt = sequence;
    const hasAll = symbols.includes(WILDCARD);
    if (hasAll) this.#all = outage && this.#lost(this.#all, outage, sequence);
    for (const symbol of symbols) {
      if (symbol === WILDCARD) continue;
      const state = this.#symbols.get(symbol);
      if (!outage) this.#release(symbol);
      // While `*` carries it, the symbol has no outage.
      else if (this.#all?.isCarried) this.#forgetOwn(symbol, state);
      else this.#symbols.set(symbol, this.#lost(state, outage, sequence));
    }
    if (hasAll) {
      this.#except = new Set();
      for (const [symbol, state] of this.#symbols) {
        const hasOwnOutage = state.outage !== undefined && state.outage !== outage;
        if (state.isCarried || hasOwnOutage) this.#except.add(symbol);
      }
    }
    if (this.#symbols.size > MAX_SYMBOLS) this.#forgetOldest();
  }

  /** Ends the coverage of a symbol, and that of `*`, whose outage leaves the symbol out. */
  #release(symbol: string): void {
    this.#symbols.delete(symbol);
    if (!this.#all || !this.#except.has(symbol)) return;
    this.#all = { ...this.#all, since: Infinity };
    // A stream that requests it again then receives the outage of `*` as a gap.
    if (this.#except.size > MAX_SYMBOLS) this.#except.delete(symbol);
  }

  #carriedAll(sequence: number, ended: EndedOutage[]): void {
    const all = this.#all ??= carriedSince(this.#startAt(sequence));
    const { outage: outageOfAll } = all;
    if (outageOfAll) ended.push({ ...outageOfAll, symbols: undefined, except: this.#except });
    const byOutage = new Map<Outage, string[]>();
    for (const [symbol, state] of this.#symbols) {
      const { outage } = state;
      if (!outage) continue;
      state.outage = undefined;
      // One that the outage of `*` includes is reported with it.
      if (outageOfAll && !this.#except.has(symbol)) continue;
      const affected = byOutage.get(outage);
      if (affected) affected.push(symbol);
      else byOutage.set(outage, [symbol]);
    }
    for (const [outage, affected] of byOutage) {
      ended.push({ ...outage, symbols: affected, except: NONE });
    }
    this.#all = carriedSince(Math.min(all.since, this.#startAt(sequence)));
    this.#except = new Set();
  }

  /** Counts a symbol in; returns the outage that has ended. */
  #carriedOne(symbol: string, sequence: number): Outage | undefined {
    const state = this.#symbols.get(symbol);
    // `*` carries it, or did until an outage that has ended for this symbol.
    const all = this.#all?.wasCarried && !this.#except.has(symbol) ? this.#all : undefined;
    const start = this.#startAt(sequence);
    const since = Math.min(state?.since ?? start, all?.since ?? start);
    this.#symbols.set(symbol, carriedSince(since));
    if (this.#all?.outage) this.#except.add(symbol);
    return all?.isCarried ? undefined : all?.outage ?? state?.outage;
  }

  /**
   * Position since which a symbol is covered that is carried now. Where coverage has ended at the
   * same position, a stream that stopped there can have missed messages of the symbol.
   */
  #startAt(sequence: number): number {
    return this.#endedAt >= sequence ? sequence + 1 : sequence;
  }

  #lost(state: Carried | undefined, outage: Outage, sequence: number): Carried {
    return {
      isCarried: false,
      wasCarried: state?.wasCarried ?? false,
      since: state?.since ?? this.#startAt(sequence),
      outage: state?.outage ?? outage,
    };
  }

  /** Forgets a symbol that only `*` carries from now on, unless it was covered for longer. */
  #forgetOwn(symbol: string, state: Carried | undefined): void {
    if (!state) return;
    if (this.#all && this.#all.since <= state.since) this.#symbols.delete(symbol);
    else state.isCarried = false;
  }

  /** Whether everything of a symbol since a position was received or is reported as missing. */
  isCoveredSince(symbol: string, sequence: number): boolean {
    const own = this.#symbols.get(symbol);
    const all = this.#all;
    return (own !== undefined && own.since <= sequence) ||
      (all !== undefined && all.wasCarried && all.since <= sequence);
  }

  /** Whether the coverage of some symbol has ended at or after a position. */
  hasEndedSince(sequence: number): boolean {
    return this.#endedAt >= sequence;
  }

  #forgetOldest(): void {
    for (const [symbol, { isCarried }] of this.#symbols) {
      if (this.#symbols.size <= MAX_SYMBOLS) return;
      if (!isCarried) this.#symbols.delete(symbol);
    }
  }
}

function carriedSince(since: number): Carried {
  return { isCarried: true, wasCarried: true, since, outage: undefined };
}
