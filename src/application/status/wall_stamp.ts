import type { Clock } from "../ports/clock.ts";

/** Wall clock steps below this are ignored, in ms. */
const TOLERANCE_MS = 1_000;

/**
 * Records the moment of its creation as wall time.
 *
 * The moment is kept on the monotonic clock. When the wall clock is set, the stamp moves with it,
 * so that its distance from the present wall time is always the time that has passed. It is
 * constant otherwise.
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
