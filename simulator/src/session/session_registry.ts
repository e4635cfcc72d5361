import type { Clock, Timer } from "../clock.ts";

/**
 * Counts the authenticated sessions of each account and endpoint.
 *
 * A session that ended without a close frame keeps its slot for some seconds
 * (a ghost session), so a client that crashed gets "connection limit exceeded"
 * when it reconnects. A clean close frees the slot.
 */
export class SessionRegistry<Session extends object = object> implements Disposable {
  readonly #clock: Clock;
  #ghostMs: number;
  readonly #slots = new Map<string, Set<Session>>();
  readonly #ghosts = new Map<Session, { slot: string; timer: Timer }>();

  /** `ghostMs` 0 disables ghost sessions. */
  constructor(clock: Clock, ghostMs: number) {
    this.#clock = clock;
    this.#ghostMs = ghostMs;
  }

  /** Takes one of the `limit` slots of a name; false when none is free. */
  claim(slot: string, session: Session, limit: number): boolean {
    const holders = this.#slots.get(slot) ?? new Set();
    if (holders.size >= limit) return false;
    holders.add(session);
    this.#slots.set(slot, holders);
    return true;
  }

  /** Frees a slot: immediately when `clean`, else after the ghost's time. */
  release(slot: string, session: Session, clean: boolean): void {
    if (!this.#slots.get(slot)?.has(session)) return;
    if (clean || this.#ghostMs === 0) return this.#free(slot, session);
    const timer = this.#clock.setTimer(this.#ghostMs, () => {
      this.#ghosts.delete(session);
      this.#free(slot, session);
    });
    this.#ghosts.set(session, { slot, timer });
  }

  /** Sessions that ended uncleanly and still hold their slot. */
  ghosts(): readonly Session[] {
    return [...this.#ghosts.keys()];
  }

  /** Frees the slots of all ghost sessions. */
  clearGhosts(): void {
    for (const [session, { slot, timer }] of this.#ghosts) {
      timer.cancel();
      this.#free(slot, session);
    }
    this.#ghosts.clear();
  }

  /** Frees the slots of all ghost sessions, present and future. */
  [Symbol.dispose](): void {
    this.#ghostMs = 0;
    this.clearGhosts();
  }

  #free(slot: string, session: Session): void {
    const holders = this.#slots.get(slot);
    holders?.delete(session);
    if (holders?.size === 0) this.#slots.delete(slot);
  }
}
