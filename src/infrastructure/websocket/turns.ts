/**
 * Limits how much of the event loop all messages of clients take: at most a quarter of it, after a
 * burst. Large ones are handled one at a time, so that all sockets are served between two of them.
 *
 * While messages wait, the client goes first that has used the least (start-time fair queueing), so
 * that one that sends little does not wait for those that send without a pause.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";

/** Part of the event loop that the messages of all clients take. */
const SHARE = 1 / 4;
/** Time that they take without a pause, in ms. */
const BURST_MS = 10;
/** Bytes of a message that is handled in a turn of the event loop of its own. */
const LARGE_BYTES = 16 * 1024;
/** Longest pause, in ms. */
const MAX_PAUSE_MS = 1_000;

/** Whose messages they are. */
export interface TurnUser {
  /** Virtual time, in ms, up to which its share is used. Starts with 0. */
  usedUpTo: number;
}

/** Work that waits. */
interface Waiting {
  readonly user: TurnUser;
  readonly isLarge: boolean;
  /** Virtual time, in ms, at which it can start: the earliest goes first. */
  readonly startsAt: number;
  readonly start: () => void;
}

/** Schedules the work that the messages of all clients cause. */
export class Turns {
  readonly #clock: Pick<Clock, "monotonic" | "sleep">;
  readonly #signal: AbortSignal;
  readonly #waiting: Waiting[] = [];
  /** Virtual time, in ms: where the work that started last has begun. */
  #virtualNow = 0;
  /** Time that may be used now, in ms; below 0 after more was used. */
  #credit = BURST_MS;
  #creditAt: number;
  #isScheduled = false;

  /** @param signal ends it: what waits then is not done */
  constructor(clock: Pick<Clock, "monotonic" | "sleep">, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
    this.#creditAt = clock.monotonic();
  }

  /**
   * Does work now or later. Only what it does before it returns counts.
   *
   * @param bytes of the message
   * @returns the result
   */
  run<T>(user: TurnUser, bytes: number, work: () => T): Promise<Awaited<T>> {
    return new Promise<Awaited<T>>((resolve, reject) => {
      const start = (): void => {
        try {
          resolve(this.#measure(user, work) as Awaited<T>);
        } catch (error) {
          reject(error);
        }
      };
      const isLarge = bytes > LARGE_BYTES;
      const startsAt = Math.max(this.#virtualNow, user.usedUpTo);
      if (!isLarge && this.#waiting.length === 0 && this.#updateCredit() > 0) {
        user.usedUpTo = startsAt;
        return start();
      }
      this.#waiting.push({ user, isLarge, startsAt, start });
      this.#schedule();
    });
  }

  #measure<T>(user: TurnUser, work: () => T): T {
    const from = this.#clock.monotonic();
    try {
      return work();
    } finally {
      const ms = this.#clock.monotonic() - from;
      user.usedUpTo += ms;
      this.#credit -= ms;
    }
  }

  #updateCredit(): number {
    const now = this.#clock.monotonic();
    this.#credit = Math.min(BURST_MS, this.#credit + (now - this.#creditAt) * SHARE);
    this.#creditAt = now;
    return this.#credit;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#signal.aborted) return;
    this.#isScheduled = true;
    const pause = Math.ceil(-this.#updateCredit() / SHARE);
    // At least a timer of 1 ms, because sockets are polled before it.
    const ms = Math.min(MAX_PAUSE_MS, Math.max(1, pause));
    void this.#clock.sleep(ms, this.#signal).then(() => this.#turn());
  }

  /** Does the large work that is first, or small work up to it. */
  #turn(): void {
    this.#isScheduled = false;
    if (this.#signal.aborted) return;
    while (this.#updateCredit() > 0) {
      const next = this.#takeFirst();
      if (next === undefined) return;
      const { user, startsAt, start, isLarge } = next;
      this.#virtualNow = startsAt;
      user.usedUpTo = Math.max(user.usedUpTo, startsAt);
      start();
      if (isLarge) break;
    }
    if (this.#waiting.length > 0) this.#schedule();
  }

  #takeFirst(): Waiting | undefined {
    const all = this.#waiting;
    let first = 0;
    for (let i = 1; i < all.length; i++) {
      if ((all[i]?.startsAt ?? 0) < (all[first]?.startsAt ?? 0)) first = i;
    }
    return all.splice(first, 1)[0];
  }
}
