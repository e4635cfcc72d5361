/**
 * Requests whole order books of pairs whose kept ones are wrong, because a change was lost.
 *
 * The first request is immediate. While a pair stays wrong, or if it is wrong again soon, the
 * pauses between its requests grow. All pairs that are due are requested together, and the number
 * of these requests has a limit.
 *
 * @module
 */
import { TokenBucket } from "../../domain/limits/token_bucket.ts";
import { WILDCARD } from "../../domain/subscription/pairs.ts";
import { Alarm } from "../timing/alarm.ts";
import type { Clock } from "../ports/clock.ts";

/** Pause after the first request of a pair, in ms; doubles with each further one. */
const FIRST_PAUSE_MS = 2_000;
const MAX_PAUSE_MS = 60_000;
/** A pair that was right for this long begins with the first pause again. */
const FORGET_MS = 300_000;
/** Requests for all pairs: 10 per minute. */
const REQUESTS = { perMs: 10 / 60_000, burst: 10 };

/** The requests of one pair. */
interface Renewal {
  /** Whether its whole order book has not arrived yet. */
  isOpen: boolean;
  /** Requests that count for the next pause. */
  requests: number;
  /** Whether it was requested since it was open. */
  isRequested: boolean;
  /** Monotonic ms of the next request while it is open; of the end of the pause otherwise. */
  dueAt: number;
}

/** Requests whole order books. */
export class BookRenewals {
  readonly #clock: Clock;
  readonly #request: (symbols: readonly string[]) => void;
  readonly #pairs = new Map<string, Renewal>();
  readonly #bucket: TokenBucket;
  readonly #alarm: Alarm;

  /**
   * @param request unsubscribes the pairs and subscribes them again; `*` is among them if that had
   *   no effect for one of them alone
   */
  constructor(clock: Clock, request: (symbols: readonly string[]) => void) {
    this.#clock = clock;
    this.#request = request;
    this.#bucket = new TokenBucket(REQUESTS, clock.monotonic());
    this.#alarm = new Alarm(clock, () => this.#send());
  }

  /** The order book of a pair is wrong. */
  lost(symbol: string): void {
    const now = this.#clock.monotonic();
    const known = this.#pairs.get(symbol);
    if (!known || (!known.isOpen && now > known.dueAt + FORGET_MS)) {
      this.#pairs.set(symbol, { isOpen: true, requests: 0, isRequested: false, dueAt: now });
    } else known.isOpen = true;
    this.#schedule();
  }

  /** The whole order book of a pair has arrived. */
  arrived(symbol: string): void {
    const renewal = this.#pairs.get(symbol);
    if (renewal) renewal.isOpen = renewal.isRequested = false;
    this.#schedule();
  }

  /** The order book of a pair is not needed any more. */
  forget(symbol: string): void {
    this.#pairs.delete(symbol);
    this.#schedule();
  }

  #schedule(): void {
    let next = Infinity;
    for (const { isOpen, dueAt } of this.#pairs.values()) {
      if (isOpen) next = Math.min(next, dueAt);
    }
    this.#alarm.set(next === Infinity ? undefined : Math.max(next, this.#clock.monotonic()));
  }

  #send(): void {
    const now = this.#clock.monotonic();
    const waitMs = this.#bucket.take(now);
    if (waitMs > 0) return this.#alarm.start(Math.max(1, Math.ceil(waitMs)));
    const symbols = new Set<string>();
    for (const [symbol, renewal] of this.#pairs) {
      if (!renewal.isOpen) {
        if (now > renewal.dueAt + FORGET_MS) this.#pairs.delete(symbol);
        continue;
      }
      if (renewal.dueAt > now) continue;
      symbols.add(symbol);
      if (renewal.isRequested) symbols.add(WILDCARD);
      renewal.isRequested = true;
      const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** renewal.requests);
      renewal.requests = Math.min(renewal.requests + 1, 30);
      renewal.dueAt = now + pauseMs;
    }
    if (symbols.size > 0) this.#request([...symbols]);
    this.#schedule();
  }
}
