import type { Clock } from "../ports/clock.ts";

/**
 * Ends a loop's pause early. A wake-up between two pauses ends the next one, so
 * that no change is missed while the loop is busy.
 */
export class WakeSignal {
  #isPending = false;
  #pause: AbortController | undefined;

  /** Ends the current pause, or else the next one. */
  wake(): void {
    this.#isPending = true;
    this.#pause?.abort();
  }

  /** Pauses until the next wake-up, for `ms`, or until `signal` fires. */
  async wait(
    ms: number,
    options: { readonly clock: Clock; readonly signal: AbortSignal },
  ): Promise<void> {
    const { clock, signal } = options;
    const pause = this.#pause = new AbortController();
    // Sleeps even when a wake-up is pending: a loop that is woken all the time
    // must not keep the event loop from other work.
    const pauseMs = this.#isPending ? 0 : ms;
    await clock.sleep(pauseMs, AbortSignal.any([pause.signal, signal]));
    this.#pause = undefined;
    this.#isPending = false;
  }
}
