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
interface Outage {
  readonly reason: GapReason;
  /** Wall clock ms. */
  readonly startTime: number;
}

/** An outage that has ended for some symbols. */
interface EndedOutage extends Outage {
  /** Affected symbols; `*` is every symbol. */
  readonly symbols: readonly string[];
  /** With `*`, the symbols for which the outage has ended before. */
  readonly except: ReadonlySet<string>;
}

/** An outage, and the symbols for which it has ended. */
interface OpenOutage extends Outage {
  readonly ended: Set<string>;
}

interface Carried {
  /** Whether upstream acknowledges it now. */
  isCarried: boolean;
  /** Position since which nothing is missing that was not reported. */
  since: number;
  /** Why it is not carried. */
  outage: OpenOutage | undefined;
}

/**
 * Symbols that are remembered though upstream does not carry them. After an outage, those that no
 * stream requests any more remain; the oldest are forgotten.
 */
const MAX_SYMBOLS = 50_000;

const NONE: ReadonlySet<string> = new Set();

/** What upstream carries of one channel. */
export class Coverage {
  readonly #symbols = new Map<string, Carried>();
  /** Position at which the coverage of a symbol last ended. */
  #endedAt = -1;

  /** Whether upstream carries the symbol now. */
  isCarried(symbol: string): boolean {
    return (this.#symbols.get(symbol)?.isCarried || this.#symbols.get(WILDCARD)?.isCarried) ??
      false;
  }

  /**
   * Counts symbols in that upstream has acknowledged.
   *
   * @param sequence position of the channel
   * @returns the outages that have ended by that
   */
  carried(symbols: readonly string[], sequence: number): readonly EndedOutage[] {
    const ended = new Map<OpenOutage, string[]>();
    for (const symbol of symbols) {
      const state = this.#symbols.get(symbol);
      if (!state) {
        this.#symbols.set(symbol, { isCarried: true, since: sequence, outage: undefined });
        continue;
      }
      state.isCarried = true;
      if (!state.outage) continue;
      const affected = ended.get(state.outage);
      if (affected) affected.push(symbol);
      else ended.set(state.outage, [symbol]);
      state.outage = undefined;
    }
    // A symbol that `*` carries has no outage of its own.
    if (symbols.includes(WILDCARD)) {
      for (const state of this.#symbols.values()) state.outage = undefined;
    }
    return Array.from(ended, ([outage, affected]) => {
      const { reason, startTime, ended: before } = outage;
      if (affected.includes(WILDCARD)) {
        return { reason, startTime, symbols: [WILDCARD], except: new Set(before) };
      }
      for (const symbol of affected) before.add(symbol);
      return { reason, startTime, symbols: affected, except: NONE };
    });
  }

  /**
   * Counts symbols out.
   *
   * @param outage the reason that is reported to streams; `undefined` when no stream requests the
   *   symbols any more, which ends their coverage
   */
  notCarried(symbols: readonly string[], outage: Outage | undefined, sequence: number): void {
    const open = outage && { ...outage, ended: new Set<string>() };
    if (!open) this.#endedAt = sequence;
    for (const symbol of symbols) {
      const state = this.#symbols.get(symbol);
      if (!open) this.#symbols.delete(symbol);
      else if (!state) {
        this.#symbols.set(symbol, { isCarried: false, since: sequence, outage: open });
      } else {
        state.isCarried = false;
        state.outage ??= open;
      }
    }
    if (this.#symbols.size > MAX_SYMBOLS) this.#forgetOldest();
  }

  /** Whether everything of a symbol since a position was received or is reported as missing. */
  isCoveredSince(symbol: string, sequence: number): boolean {
    const own = this.#symbols.get(symbol);
    const all = this.#symbols.get(WILDCARD);
    return (own !== undefined && own.since <= sequence) ||
      (all !== undefined && all.since <= sequence);
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
