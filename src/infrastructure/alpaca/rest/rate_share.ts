/**
 * Keeps the requests for options within a quarter of the account's rate limit.
 *
 * The limit of an API is read from `X-RateLimit-Limit`; without that header it is
 * taken as 200 requests a minute, Alpaca's smallest, also ten minutes after the last
 * response that had one. The trading API and the data API have limits of their own:
 * a request counts as a part of the limit of its API, and the parts of both
 * together stay within the share in each minute, wherever Alpaca's begins.
 *
 * @module
 */
import type { Clock } from "../../../application/ports/clock.ts";
import type { RestPurpose } from "../../../application/status/counters.ts";

/** Parts of the limit up to which requests are sent; other purposes have no share. */
const SHARES: Partial<Record<RestPurpose, { readonly all: number; readonly own?: number }>> = {
  prices: { all: 0.25 },
  // The rest is left to prices, so that loading chains does not delay them. First events have a
  // part of their own, so that neither they nor chains delay the others for long.
  first_events: { all: 0.2, own: 0.05 },
  catalog: { all: 0.2 },
};
const WINDOW_MS = 60_000;
/** Requests a minute of an API that names no limit. */
const DEFAULT_LIMIT = 200;
/** Alpaca's highest limit; it bounds the number of requests that are remembered. */
const MAX_LIMIT = 10_000;
const LIMIT_EXPIRES_MS = 600_000;
/** Sums of parts are not exact. */
const ROUNDING = 1e-9;

/** A request that was sent. Its time is in monotonic ms. */
interface Counted {
  readonly at: number;
  readonly api: object;
  readonly purpose: RestPurpose;
}

/** Counts the requests of one account. */
export class RateShare {
  readonly #clock: Clock;
  /** Limits by API, each with the monotonic ms at which it was learned. */
  readonly #limits = new Map<object, { readonly limit: number; readonly at: number }>();
  /** Counted requests of the last minute, oldest first. */
  #recent: Counted[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Learns the limit of an API in requests a minute. @param api stands for one API */
  learn(api: object, limit: number): void {
    if (limit < 1) return;
    this.#limits.set(api, { limit: Math.min(limit, MAX_LIMIT), at: this.#clock.monotonic() });
  }

  /**
   * Monotonic ms from which a request may be sent; 0 if it may be sent now. One request
   * a minute is always possible.
   */
  earliest(purpose: RestPurpose, api: object): number {
    const share = SHARES[purpose];
    if (share === undefined) return 0;
    const since = this.#clock.monotonic() - WINDOW_MS;
    this.#recent = this.#recent.filter(({ at }) => at > since);
    const earliest = this.#whenBelow(share.all, api, this.#recent);
    if (share.own === undefined) return earliest;
    const own = this.#recent.filter((request) => request.purpose === purpose);
    return Math.max(earliest, this.#whenBelow(share.own, api, own));
  }

  /** Monotonic ms from which some requests and one more of an API are within a share. */
  #whenBelow(share: number, api: object, requests: readonly Counted[]): number {
    let used = this.#partOf(api);
    for (const request of requests) used += this.#partOf(request.api);
    let earliest = 0;
    for (const request of requests) {
      if (used <= share + ROUNDING) break;
      used -= this.#partOf(request.api);
      earliest = request.at + WINDOW_MS;
    }
    return earliest;
  }

  /** Counts a request that is sent now. */
  count(purpose: RestPurpose, api: object): void {
    if (SHARES[purpose] === undefined) return;
    this.#recent.push({ at: this.#clock.monotonic(), api, purpose });
  }

  #partOf(api: object): number {
    const learned = this.#limits.get(api);
    const isCurrent = learned && this.#clock.monotonic() - learned.at <= LIMIT_EXPIRES_MS;
    return 1 / (isCurrent ? learned.limit : DEFAULT_LIMIT);
  }
}
