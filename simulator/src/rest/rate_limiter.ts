/**
 * Requests per minute and account, in windows that begin with the first
 * request (Alpaca docs "About Market Data API").
 *
 * @module
 */
import type { SimClock } from "../ports.ts";

const WINDOW_MS = 60_000;

/** What is left of a window after a request. */
export interface Allowance {
  readonly allowed: boolean;
  readonly limit: number;
  readonly remaining: number;
  /** Unix second in which the window ends. */
  readonly resetAt: number;
  /** Whole seconds until then, at least 1. */
  readonly retryAfterSeconds: number;
}

/** Counts requests per key; one entry per account and host. */
export class RateLimiter {
  readonly #clock: SimClock;
  readonly #windows = new Map<string, { endsAt: number; used: number }>();

  /** Counts on this clock. */
  constructor(clock: SimClock) {
    this.#clock = clock;
  }

  /** Counts one request against a limit per minute. */
  take(key: string, limit: number): Allowance {
    const now = this.#clock.now();
    let window = this.#windows.get(key);
    if (window === undefined || window.endsAt <= now) {
      window = { endsAt: now + WINDOW_MS, used: 0 };
      this.#windows.set(key, window);
    }
    const allowed = window.used < limit;
    if (allowed) window.used++;
    return {
      allowed,
      limit,
      remaining: Math.max(0, limit - window.used),
      resetAt: Math.ceil(window.endsAt / 1_000),
      retryAfterSeconds: Math.max(1, Math.ceil((window.endsAt - now) / 1_000)),
    };
  }
}
