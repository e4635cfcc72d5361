/**
 * Decides which REST request is sent next.
 *
 * One request is in flight at a time. Of those that wait, the most urgent purpose
 * comes first, within it the order of the calls; one that waits for a retry or for
 * its share of the rate limit delays only its own purpose.
 *
 * @module
 */
import type { Clock } from "../../../application/ports/clock.ts";
import { REST_PURPOSES, type RestPurpose } from "../../../application/status/counters.ts";
import type { RateShare } from "./rate_share.ts";

/** A request that waits. */
interface Waiting {
  readonly request: QueuedRequest;
  /** Monotonic ms. */
  readonly notBefore: number;
  readonly start: (isStarted: boolean) => void;
}

/** What the order depends on. */
interface QueuedRequest {
  readonly purpose: RestPurpose;
  readonly signal: AbortSignal;
  /** Number of the call; a retry has that of the first attempt. */
  readonly order: number;
}

/** Most urgent first: orders, then what streams wait for, then options. */
const BY_URGENCY: Readonly<Record<RestPurpose, number>> = {
  orders: 0,
  snapshot: 1,
  backfill: 2,
  prices: 3,
  first_events: 4,
  catalog: 5,
};
const PURPOSES = REST_PURPOSES.toSorted((a, b) => BY_URGENCY[a] - BY_URGENCY[b]);

/** Requests of one client that wait for their turn. */
export class RequestQueue {
  readonly #clock: Clock;
  readonly #share: RateShare;
  readonly #waiting = new Set<Waiting>();
  #isBusy = false;
  /** Monotonic ms before which nothing is sent. */
  #pausedUntil = 0;
  #pause: AbortController | undefined;

  constructor(options: { readonly clock: Clock; readonly share: RateShare }) {
    this.#clock = options.clock;
    this.#share = options.share;
  }

  /**
   * Waits for the turn of a request: `true` when it is sent now, which `release` must
   * follow; `false` when its signal has fired.
   *
   * @param delayMs least ms from now
   */
  async acquire(request: QueuedRequest, delayMs = 0): Promise<boolean> {
    const { signal } = request;
    if (signal.aborted) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const notBefore = this.#clock.monotonic() + delayMs;
    const waiting: Waiting = { request, notBefore, start: resolve };
    const cancel = () => {
      this.#waiting.delete(waiting);
      resolve(false);
      this.#startNext();
    };
    signal.addEventListener("abort", cancel);
    this.#waiting.add(waiting);
    this.#startNext();
    const isStarted = await promise;
    signal.removeEventListener("abort", cancel);
    return isStarted;
  }

  /** Takes the rate limit of the API from a response, in requests a minute. */
  learnLimit(limit: number): void {
    this.#share.learn(this, limit);
  }

  /** The request in flight has ended. */
  release(): void {
    this.#isBusy = false;
    this.#startNext();
  }

  /** Sends nothing for some time. */
  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock.monotonic() + ms);
  }

  /** Starts the most urgent request that may be sent, or waits for the first that may. */
  #startNext(): void {
    this.#pause?.abort();
    if (this.#isBusy) return;
    const now = this.#clock.monotonic();
    let earliest = Infinity;
    for (const waiting of this.#heads()) {
      const at = Math.max(
        waiting.notBefore,
        this.#pausedUntil,
        this.#share.earliest(waiting.request.purpose, this),
      );
      if (at <= now) return this.#start(waiting);
      earliest = Math.min(earliest, at);
    }
    if (earliest < Infinity) this.#startAfter(earliest - now);
  }

  /** The first request of each purpose, most urgent first. */
  #heads(): readonly Waiting[] {
    const heads = new Map<RestPurpose, Waiting>();
    for (const waiting of this.#waiting) {
      const { purpose, order } = waiting.request;
      const head = heads.get(purpose);
      if (!head || order < head.request.order) heads.set(purpose, waiting);
    }
    return PURPOSES.flatMap((purpose) => heads.get(purpose) ?? []);
  }

  #start(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    this.#isBusy = true;
    this.#share.count(waiting.request.purpose, this);
    waiting.start(true);
  }

  async #startAfter(ms: number): Promise<void> {
    const pause = this.#pause = new AbortController();
    await this.#clock.sleep(ms, pause.signal);
    if (!pause.signal.aborted) this.#startNext();
  }
}
