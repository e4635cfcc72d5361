/**
 * Estimates how many file descriptors the process uses, and learns its limit.
 *
 * Without permission to read `/proc` or to call getrlimit, two observations remain. The system
 * gives each new socket the lowest free number, so the number of a socket shows how many
 * descriptors are in use. And an accept that fails with EMFILE shows that all that are allowed are
 * in use. Both observations expire: limits can be raised while the process runs.
 *
 * @module
 */

/** How long an observation is used at least, in ms; at most twice as long. */
const WINDOW_MS = 5 * 60_000;

/** How long a learned limit is used, in ms; then it is tested again. */
export const LIMIT_VALID_MS = 10 * 60_000;

/** Descriptor use of the process. */
export class DescriptorUse {
  readonly #monotonic: () => number;
  /** Most descriptors beside client connections, in this window and the last. */
  #others = { since: -Infinity, current: 0, last: 0 };
  #limit: { readonly value: number; readonly until: number } | undefined;

  /** @param monotonic monotonic milliseconds */
  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /**
   * Records how many descriptors are in use, at least.
   *
   * @param own open client connections, which are among them
   */
  observe(count: number, own: number): void {
    this.#turn();
    const others = Math.max(0, count - own);
    this.#others.current = Math.max(this.#others.current, others);
  }

  /** Descriptors in use, at least, while `own` client connections are open. */
  open(own: number): number {
    this.#turn();
    return own + Math.max(this.#others.current, this.#others.last);
  }

  /** Records that no descriptor is left while `own` connections are open. */
  exhausted(own: number): void {
    this.#limit = {
      value: this.open(own),
      until: this.#monotonic() + LIMIT_VALID_MS,
    };
  }

  /** The limit of the process; undefined while none is known. */
  get limit(): number | undefined {
    const limit = this.#limit;
    return limit && limit.until > this.#monotonic() ? limit.value : undefined;
  }

  #turn(): void {
    const now = this.#monotonic();
    const age = now - this.#others.since;
    if (age < WINDOW_MS) return;
    const last = age < 2 * WINDOW_MS ? this.#others.current : 0;
    this.#others = { since: now, current: 0, last };
  }
}
