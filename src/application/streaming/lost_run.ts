import { type Gap, MAX_GAP_SYMBOLS } from "../../domain/market/notices.ts";

/** Dropped messages since the last gap. */
export class LostRun {
  #count = 0;
  #first = Infinity;
  #last = 0;
  readonly #symbols = new Set<string>();

  /** Whether no message was dropped since the last gap. */
  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Adds a dropped message. */
  add(sequence: number, symbol: string): void {
    this.#count++;
    if (sequence < this.#first) this.#first = sequence;
    if (sequence > this.#last) this.#last = sequence;
    if (this.#symbols.size <= MAX_GAP_SYMBOLS) this.#symbols.add(symbol);
  }

  /** Returns the gap of all added messages, if there are any, and starts again. */
  take(): Gap | undefined {
    if (this.#count === 0) return undefined;
    const gap: Gap = {
      reason: "slow_client",
      count: this.#count,
      firstSequence: this.#first,
      lastSequence: this.#last,
      symbols: this.#symbols.size <= MAX_GAP_SYMBOLS ? [...this.#symbols] : [],
      startTime: undefined,
      endTime: undefined,
    };
    this.#count = this.#last = 0;
    this.#first = Infinity;
    this.#symbols.clear();
    return gap;
  }
}
