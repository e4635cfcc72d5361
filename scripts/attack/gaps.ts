/**
 * Measures gaps between arrivals and the part of them that the proxy caused.
 *
 * @module
 */

/** A time without arrivals, in ms of one clock. */
interface Gap {
  readonly from: number;
  readonly to: number;
}

/** Shorter gaps are normal for the feed, in ms. */
const MIN_GAP_MS = 20;

/** Records the gaps between arrivals. */
export class ArrivalLog {
  #last: number;
  #arrivals = 0;
  #gaps: Gap[] = [];

  /** @param now when the log starts */
  constructor(now: number) {
    this.#last = now;
  }

  /** Arrivals since the start or the last reset. */
  get arrivals(): number {
    return this.#arrivals;
  }

  /** Records an arrival. */
  record(now: number): void {
    this.#arrivals++;
    if (now - this.#last >= MIN_GAP_MS) {
      this.#gaps.push({ from: this.#last, to: now });
    }
    this.#last = now;
  }

  /** All gaps, including the current one. */
  gaps(now: number): readonly Gap[] {
    if (now - this.#last < MIN_GAP_MS) return this.#gaps;
    return [...this.#gaps, { from: this.#last, to: now }];
  }

  /** Removes all arrivals and gaps. */
  reset(now: number): void {
    this.#last = now;
    this.#arrivals = 0;
    this.#gaps = [];
  }
}

/** The longest gap in ms; 0 without any. */
export function longestGap(gaps: readonly Gap[]): number {
  return gaps.reduce((most, { from, to }) => Math.max(most, to - from), 0);
}

/**
 * The longest gap in ms without the time in which the control had a gap too: the
 * feed sent nothing then, or this process was not scheduled.
 */
export function longestProxyGap(
  gaps: readonly Gap[],
  control: readonly Gap[],
): number {
  let most = 0;
  for (const { from, to } of gaps) {
    let shared = 0;
    for (const other of control) {
      const overlap = Math.min(to, other.to) - Math.max(from, other.from);
      shared += Math.max(0, overlap);
    }
    most = Math.max(most, to - from - shared);
  }
  return most;
}
