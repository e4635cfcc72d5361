import type { Clock } from "../ports/clock.ts";

/** Calls an action at a time that may change; at most one call is pending. */
export class Alarm {
  /** Monotonic ms of the pending call; `undefined` when none is pending. */
  #at: number | undefined;
  readonly #clock: Clock;
  readonly #action: () => void;
  #cancel = new AbortController();

  constructor(clock: Clock, action: () => void) {
    this.#clock = clock;
    this.#action = action;
  }

  /** Replaces the pending call; `undefined` cancels it. */
  set(at: number | undefined): void {
    if (at === this.#at) return;
    this.#cancel.abort();
    this.#at = undefined;
    if (at !== undefined) this.start(at - this.#clock.monotonic());
  }

  /** Calls the action after `delayMs` unless a call is pending. */
  start(delayMs = 0): void {
    if (this.#at !== undefined) return;
    this.#at = this.#clock.monotonic() + delayMs;
    const { signal } = this.#cancel = new AbortController();
    this.#clock.sleep(delayMs, signal).then(() => {
      if (signal.aborted) return;
      this.#at = undefined;
      this.#action();
    });
  }
}
