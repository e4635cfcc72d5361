import type { Clock } from "../ports/clock.ts";

/**
 * Ends a loop's pause early. Rings between two pauses are kept as one, so that
 * nothing which happened while the loop was busy is missed.
 */
export class Bell {
  #rung = false;
  #pause: AbortController | undefined;

  /** Ends the pause; the next one if there is none now. */
  ring(): void {
    this.#rung = true;
    this.#pause?.abort();
  }

  /** Pauses until the bell rings, `ms` have passed or `signal` fires. */
  async wait(
    ms: number,
    options: { readonly clock: Clock; readonly signal: AbortSignal },
  ): Promise<void> {
    const { clock, signal } = options;
    const pause = this.#pause = new AbortController();
    // A bell that never stops ringing must not keep the process from all else.
    const pauseMs = this.#rung ? 0 : ms;
    await clock.sleep(pauseMs, AbortSignal.any([pause.signal, signal]));
    this.#pause = undefined;
    this.#rung = false;
  }
}
