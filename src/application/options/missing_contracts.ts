/**
 * The contracts that streams request and that a chain lacks.
 *
 * @module
 */
const MINUTE_MS = 60_000;

/** Reloads per day for missing contracts that have no pause. */
const MAX_PROMPT_RELOADS = 8;
/** How long a contract or an expiry is known to be missing, in ms. */
const MISSING_MS = 60 * MINUTE_MS;
/** Missing contracts and expiries that are kept per chain. */
const MAX_MISSING = 1_000;

/** Counts the reloads of one chain for missing contracts; each causes one per hour. */
export class MissingContracts {
  /** Contracts and expiries known to be missing, with the monotonic ms until which. */
  readonly #until = new Map<string | number, number>();
  /** Those that were requested since the load began. */
  #requested: string[] = [];
  /** Reloads for missing contracts today. */
  #reloads = 0;

  /** Whether the next reload needs no pause. */
  get isPrompt(): boolean {
    return this.#reloads < MAX_PROMPT_RELOADS;
  }

  /**
   * Notes a missing contract; returns whether the chain is to be loaded for it.
   *
   * @param key the contract, or its expiry if all of that is missing
   * @param now monotonic ms
   */
  note(symbol: string, key: string | number, now: number): boolean {
    if ((this.#until.get(key) ?? -Infinity) > now) return false;
    if (this.#until.size >= MAX_MISSING) this.#forget(now);
    if (this.#until.size >= MAX_MISSING) return false;
    this.#until.set(key, now + MISSING_MS);
    this.#requested.push(symbol);
    return true;
  }

  /** Marks the start of a load; contracts requested from here on may need another one. */
  beginLoad(isForMissing: boolean): void {
    this.#requested = [];
    if (isForMissing) this.#reloads++;
  }

  /** Whether a new list has every contract requested since its load began. */
  areRequestedIn(symbols: ReadonlySet<string>): boolean {
    return this.#requested.every((symbol) => symbols.has(symbol));
  }

  /** Starts to count the reloads of another day. */
  startDay(): void {
    this.#reloads = 0;
  }

  #forget(now: number): void {
    for (const [key, until] of this.#until) {
      if (until <= now) this.#until.delete(key);
    }
  }
}
