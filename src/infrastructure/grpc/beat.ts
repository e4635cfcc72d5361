/**
 * The common pulse of busy streams, for those who would rather have fewer and
 * larger writes than the earliest possible ones.
 *
 * A stream that has written waits for the next beat before it writes again. So
 * the first message after a silence leaves at once, no message is held longer
 * than the length of a beat, and all busy streams write in the same turn, in
 * which HTTP/2 packs those of one connection into one piece.
 *
 * There is one timer for all streams, and none while nobody waits.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";

/** Tells everybody who waits of the next beat. */
export class Beat {
  readonly #clock: Pick<Clock, "sleep">;
  readonly #lengthMs: number;
  #waiting: (() => void)[] = [];

  /** @param lengthMs longest time that a message is held, above 0 */
  constructor(clock: Pick<Clock, "sleep">, lengthMs: number) {
    this.#clock = clock;
    this.#lengthMs = lengthMs;
  }

  /** Runs `wake` at the next beat. */
  next(wake: () => void): void {
    if (this.#waiting.push(wake) > 1) return;
    this.#clock.sleep(this.#lengthMs).then(() => {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const wake of waiting) wake();
    });
  }
}
