/**
 * Compares the sequence of each symbol with the gaps that the proxy reported.
 *
 * @module
 */
import type { StreamGap } from "./gaps.ts";

/** The last message of a symbol. */
interface SymbolEntry {
  last: number;
  /** Gaps that were reported before it. */
  gaps: number;
}

/**
 * Messages of gaps that no hole has used yet. Gaps with a symbol in common are
 * one entry, since a hole does not show which of its messages belong to which gap.
 */
interface ReportedGaps {
  /** Number of the last gap, rising. */
  readonly index: number;
  /** Infinity when the proxy does not know it. */
  left: number;
  /** Empty: any symbol. */
  readonly symbols: ReadonlySet<string>;
}

/** Gaps whose missing messages have a sequence; the others never reached the channel. */
const WITH_SEQUENCE: ReadonlySet<StreamGap["reason"]> = new Set([
  "slow_client",
  "unreadable",
  "not_retained",
]);

/** Entries that are kept until the next message of their symbols; then they become one. */
const MAX_ENTRIES = 64;

/** What a message is, by its sequence. */
export interface SequenceResult {
  /** The message was received before. */
  readonly isDuplicate: boolean;
  /** Missing messages of the symbol before this one that no gap covers. */
  readonly unreported: number;
}

const NEXT: SequenceResult = { isDuplicate: false, unreported: 0 };
const DUPLICATE: SequenceResult = { isDuplicate: true, unreported: 0 };

/** The sequences of all symbols of a stream: some 100 bytes per symbol. */
export class SymbolSequences {
  readonly #symbols = new Map<string, SymbolEntry>();
  #gaps: ReportedGaps[] = [];
  #reported = 0;

  /** Forgets everything: sequences start again. */
  reset(): void {
    this.#symbols.clear();
    this.#gaps = [];
  }

  /** Records a gap that was reported at this point of the stream. */
  gap({ reason, count, symbols }: StreamGap): void {
    // A hole that totals show, without its symbols, shows in a symbol later.
    const isOfTotals = reason === "undetected" && symbols.length === 0;
    if (!isOfTotals && !WITH_SEQUENCE.has(reason)) return;
    const isFull = this.#gaps.length >= MAX_ENTRIES;
    const isAny = isFull || symbols.length === 0;
    const joins = (entry: ReportedGaps) =>
      isAny || entry.symbols.size === 0 || symbols.some((symbol) => entry.symbols.has(symbol));
    const joined = this.#gaps.filter(joins);
    const hasAny = isAny || joined.some((entry) => entry.symbols.size === 0);
    const all = [...symbols, ...joined.flatMap((entry) => [...entry.symbols])];
    const left = joined.reduce((sum, entry) => sum + entry.left, count === 0 ? Infinity : count);
    this.#gaps = this.#gaps.filter((entry) => !joins(entry));
    this.#gaps.push({ index: ++this.#reported, left, symbols: new Set(hasAny ? [] : all) });
  }

  /**
   * Records a message.
   *
   * @param sequence of the symbol, from 1
   * @param maySkip a hole before it is not missing
   */
  message(symbol: string, sequence: number, maySkip: boolean): SequenceResult {
    const entry = this.#symbols.get(symbol);
    if (entry === undefined) {
      this.#symbols.set(symbol, { last: sequence, gaps: this.#reported });
      return NEXT;
    }
    if (sequence <= entry.last) return DUPLICATE;
    const hole = maySkip ? 0 : sequence - entry.last - 1;
    const unreported = hole === 0 ? 0 : this.#unreported(symbol, hole, entry.gaps);
    entry.last = sequence;
    entry.gaps = this.#reported;
    return unreported === 0 ? NEXT : { isDuplicate: false, unreported };
  }

  /** Uses the gaps after number `since` for a hole; returns what they do not cover. */
  #unreported(symbol: string, hole: number, since: number): number {
    const found = this.#gaps.find(({ index, symbols }) =>
      index > since && (symbols.size === 0 || symbols.has(symbol))
    );
    if (found === undefined) return hole;
    const used = Math.min(found.left, hole);
    found.left -= used;
    if (found.left === 0) this.#gaps = this.#gaps.filter((entry) => entry !== found);
    return hole - used;
  }
}
