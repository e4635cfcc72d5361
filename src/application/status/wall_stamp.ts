import type { Clock } from "../ports/clock.ts";

/** A step of the wall clock below this is not followed, in ms. */
const TOLERANCE_MS = 1_000;

/**
 * The moment of its making, as wall time.
 *
 * The moment is kept on the monotonic clock. When the wall clock is set, the
 * stamp moves with it, so that the difference between it and the present wall
 * time is always the time that has passed. It is constant otherwise.
 */
export class WallStamp {
  readonly #clock: Pick<Clock, "now" | "monotonic">;
  readonly #monotonic: number;
  #at: number;

  constructor(clock: Pick<Clock, "now" | "monotonic">) {
    this.#clock = clock;
    this.#monotonic = clock.monotonic();
    this.#at = clock.now();
  }

  /** Ms since the Unix epoch, by the wall clock as it is set now. */
  get at(): number {
    const age = this.#clock.monotonic() - this.#monotonic;
    const at = Math.round(this.#clock.now() - age);
    if (Math.abs(at - this.#at) >= TOLERANCE_MS) this.#at = at;
    return this.#at;
  }
}
