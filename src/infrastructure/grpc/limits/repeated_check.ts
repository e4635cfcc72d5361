/**
 * Repeats a check as long as something waits for it, so that no timer is left otherwise.
 *
 * @module
 */
import type { Clock } from "../../../application/ports/clock.ts";

/** Runs a check at an interval between `start` and `stop`. */
export class RepeatedCheck {
  readonly #clock: Pick<Clock, "sleep">;
  readonly #everyMs: number;
  readonly #check: () => void;
  #running: AbortController | undefined;

  constructor(clock: Pick<Clock, "sleep">, everyMs: number, check: () => void) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#check = check;
  }

  /** Starts; idempotent. */
  start(): void {
    if (this.#running === undefined) void this.#run(this.#running = new AbortController());
  }

  /** Stops; idempotent. */
  stop(): void {
    this.#running?.abort();
    this.#running = undefined;
  }

  async #run({ signal }: AbortController): Promise<void> {
    for (;;) {
      await this.#clock.sleep(this.#everyMs, signal);
      if (signal.aborted) return;
      this.#check();
    }
  }
}
