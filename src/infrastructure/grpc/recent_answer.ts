/**
 * Answers that are costly to make, kept for a moment.
 *
 * The state of 100,000 symbols takes a tenth of a second to collect and encode,
 * and any client may ask for it as often as it likes. A large answer is given
 * again to those that ask within a second; a small one is made each time.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";

/** Bytes from which an answer is kept; some 10,000 symbols. */
const LARGE = 256 * 1024;
/** How long it is kept, in ms. */
const KEPT_MS = 1_000;

/** Keeps the last large answer of one kind. */
export class RecentAnswer {
  readonly #clock: Pick<Clock, "monotonic">;
  #bytes: Uint8Array | undefined;
  #madeAt = 0;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  /** What `make` returns, or has returned a moment ago if that was large. */
  get(make: () => Uint8Array): Uint8Array {
    const now = this.#clock.monotonic();
    if (this.#bytes && now - this.#madeAt < KEPT_MS) return this.#bytes;
    const bytes = make();
    this.#bytes = bytes.length >= LARGE ? bytes : undefined;
    this.#madeAt = now;
    return bytes;
  }
}
