import type { SimClock, SimTimer } from "../ports.ts";

/**
 * Who holds the authenticated sessions of each account and endpoint.
 *
 * A session that died without a close frame keeps its place as a ghost for
 * some seconds; that is why a crashed client meets "connection limit exceeded"
 * when it comes back. A clean close frees the place at once.
 */
export class SessionRegistry<Session extends object = object>
  implements Disposable {
  readonly #clock: SimClock;
  #ghostMs: number;
  readonly #places = new Map<string, Set<Session>>();
  readonly #ghosts = new Map<Session, { place: string; timer: SimTimer }>();

  /** `ghostMs` 0 frees every place at once. */
  constructor(clock: SimClock, ghostMs: number) {
    this.#clock = clock;
    this.#ghostMs = ghostMs;
  }

  /** Takes a place; false when all `limit` of them are taken. */
  claim(place: string, session: Session, limit: number): boolean {
    const holders = this.#places.get(place) ?? new Set();
    if (holders.size >= limit) return false;
    holders.add(session);
    this.#places.set(place, holders);
    return true;
  }

  /** Gives a place back, at once when `clean`, else after the ghost's time. */
  release(place: string, session: Session, clean: boolean): void {
    if (!this.#places.get(place)?.has(session)) return;
    if (clean || this.#ghostMs === 0) return this.#free(place, session);
    const timer = this.#clock.setTimer(this.#ghostMs, () => {
      this.#ghosts.delete(session);
      this.#free(place, session);
    });
    this.#ghosts.set(session, { place, timer });
  }

  /** Sessions that died unclean and still hold their place. */
  ghosts(): readonly Session[] {
    return [...this.#ghosts.keys()];
  }

  /** Frees every ghost's place now. */
  clearGhosts(): void {
    for (const [session, { place, timer }] of this.#ghosts) {
      timer.cancel();
      this.#free(place, session);
    }
    this.#ghosts.clear();
  }

  /** Frees every ghost's place, now and from now on. */
  [Symbol.dispose](): void {
    this.#ghostMs = 0;
    this.clearGhosts();
  }

  #free(place: string, session: Session): void {
    const holders = this.#places.get(place);
    holders?.delete(session);
    if (holders?.size === 0) this.#places.delete(place);
  }
}
