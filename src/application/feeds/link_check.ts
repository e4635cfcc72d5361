import type { Clock } from "../ports/clock.ts";
import { WakeSignal } from "../timing/wake_signal.ts";

/** Requests a heartbeat on a session before it is due. */
export class LinkCheck {
  readonly #wake = new WakeSignal();
  #isRequested = false;

  /** Requests a heartbeat; one that waits for its reply serves the same purpose. */
  request(): void {
    this.#isRequested = true;
    this.#wake.wake();
  }

  /** Whether a heartbeat was requested since the last call. */
  take(): boolean {
    const isRequested = this.#isRequested;
    this.#isRequested = false;
    return isRequested;
  }

  /** Waits for `ms`, for a request, or until `signal` fires. */
  wait(
    ms: number,
    options: { readonly clock: Clock; readonly signal: AbortSignal },
  ): Promise<void> {
    return this.#wake.wait(ms, options);
  }
}
