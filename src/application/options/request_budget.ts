/** How many requests are possible. */
interface BudgetSize {
  /** Requests per minute in the long run, above 0. */
  readonly perMinute: number;
  /** Requests that are possible without a pause. */
  readonly burst: number;
}

/**
 * Limits the rate of work whose number of requests is known afterwards: a token
 * bucket whose level may be below 0.
 */
export class RequestBudget {
  readonly #size: BudgetSize;
  #level: number;
  /** Monotonic ms of the level. */
  #at = -Infinity;

  /** Creates a full budget. */
  constructor(size: BudgetSize) {
    this.#size = size;
    this.#level = size.burst;
  }

  /**
   * Ms until work may start; 0 when it may now.
   *
   * @param least requests that must be possible then. @default 1
   */
  untilReady(now: number, least = 1): number {
    this.#fill(now);
    const lacking = least - this.#level;
    return lacking <= 0 ? 0 : Math.ceil(lacking * 60_000 / this.#size.perMinute);
  }

  /** Counts the requests of work that has ended. */
  spend(requests: number, now: number): void {
    this.#fill(now);
    this.#level -= requests;
  }

  #fill(now: number): void {
    const { perMinute, burst } = this.#size;
    const passed = Math.max(0, now - this.#at);
    this.#level = Math.min(burst, this.#level + passed * perMinute / 60_000);
    this.#at = now;
  }
}
