/**
 * Where clients connect: to one edge, and to the next one when it fails, as behind a balancer.
 *
 * @module
 */
import type { KeepAlive } from "../../client/http2_connection.ts";

/** Detects an edge that is suspended, within 4 s. */
export const KEEP_ALIVE: KeepAlive = { intervalMs: 2_000, timeoutMs: 2_000, dialTimeoutMs: 2_000 };

/** Pause before a client connects again, in ms; half of it is random. */
const RETRY_MS = 400;

/** The addresses of the edges, beginning with that of the client. */
export class Addresses {
  readonly #addresses: readonly string[];
  #index: number;

  constructor(addresses: readonly string[], client: number) {
    this.#addresses = addresses;
    this.#index = client % addresses.length;
  }

  /** Where to connect now. */
  get current(): string {
    return this.#addresses[this.#index] ?? "";
  }

  /** Selects the next edge, after a pause. */
  async next(signal: AbortSignal): Promise<void> {
    this.#index = (this.#index + 1) % this.#addresses.length;
    const ms = RETRY_MS * (1 + Math.random()) / 2;
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener("abort", end);
    });
  }
}
