/**
 * How long nothing arrived, and how much of that was the proxy's doing.
 *
 * @module
 */

/** A time in which nothing arrived, in ms of one clock. */
export interface Silence {
  readonly from: number;
  readonly to: number;
}

/** Shorter silences are the pace of the feed, in ms. */
export const LEAST_MS = 20;

/** Remembers the silences between arrivals. */
export class ArrivalLog {
  #last: number;
  #arrivals = 0;
  #silences: Silence[] = [];

  /** @param now when the log starts */
  constructor(now: number) {
    this.#last = now;
  }

  /** Arrivals since the start or the last reset. */
  get arrivals(): number {
    return this.#arrivals;
  }

  /** Something arrived. */
  arrive(now: number): void {
    this.#arrivals++;
    if (now - this.#last >= LEAST_MS) {
      this.#silences.push({ from: this.#last, to: now });
    }
    this.#last = now;
  }

  /** All silences, the one that still lasts included. */
  silences(now: number): readonly Silence[] {
    if (now - this.#last < LEAST_MS) return this.#silences;
    return [...this.#silences, { from: this.#last, to: now }];
  }

  /** Starts anew. */
  reset(now: number): void {
    this.#last = now;
    this.#arrivals = 0;
    this.#silences = [];
  }
}

/** The longest silence in ms; 0 without any. */
export function worst(silences: readonly Silence[]): number {
  return silences.reduce((most, { from, to }) => Math.max(most, to - from), 0);
}

/**
 * The longest silence in ms without the time in which the control was silent
 * too: then the feed sent nothing, or this process did not run.
 */
export function worstBeyond(
  silences: readonly Silence[],
  control: readonly Silence[],
): number {
  let most = 0;
  for (const { from, to } of silences) {
    let shared = 0;
    for (const other of control) {
      const overlap = Math.min(to, other.to) - Math.max(from, other.from);
      shared += Math.max(0, overlap);
    }
    most = Math.max(most, to - from - shared);
  }
  return most;
}
