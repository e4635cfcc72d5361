/**
 * Limits how many requests a hub reads, so that one edge leaves the others their part.
 *
 * A source is where an edge receives its replies. One to which the hub has given a session may send
 * some requests in any case, and many while all edges together send fewer than the total. The other
 * sources, which may be invented, share a rate.
 *
 * @module
 */
import { type Rate, TokenBucket } from "../../domain/limits/token_bucket.ts";
import type { Clock } from "../ports/clock.ts";

/** Requests of an edge in any case: it attaches its feeds every two seconds. */
const GUARANTEED: Rate = { perMs: 0.02, burst: 200 };
/** Requests of an edge at most. */
const MOST: Rate = { perMs: 2, burst: 4_000 };
/** Requests above those that are guaranteed, of all edges. */
const TOTAL: Rate = { perMs: 5, burst: 10_000 };
/** Requests of other sources: 1,000 edges attach all their feeds together after a takeover. */
const OTHERS: Rate = { perMs: 0.5, burst: 5_000 };
/** Sources that are remembered; the one that has sent nothing for the longest time is forgotten. */
const MAX_SOURCES = 2_000;

/** The buckets of a source. */
interface Source {
  readonly guaranteed: TokenBucket;
  readonly most: TokenBucket;
}

/** Limits the requests of all edges. */
export class EdgeRates {
  readonly #clock: Pick<Clock, "monotonic">;
  /** The one that has sent nothing for the longest time first. */
  readonly #sources = new Map<string, Source>();
  readonly #total: TokenBucket;
  readonly #others: TokenBucket;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
    this.#total = new TokenBucket(TOTAL, clock.monotonic());
    this.#others = new TokenBucket(OTHERS, clock.monotonic());
  }

  /** Whether a request is to be read. */
  take(name: string): boolean {
    const now = this.#clock.monotonic();
    const source = this.#sources.get(name);
    if (!source) return this.#others.take(now) === 0;
    this.#sources.delete(name);
    this.#sources.set(name, source);
    return source.guaranteed.take(now) === 0 ||
      (source.most.take(now) === 0 && this.#total.take(now) === 0);
  }

  /** Records that a source has a session. */
  admit(name: string): void {
    if (this.#sources.has(name)) return;
    const now = this.#clock.monotonic();
    this.#sources.set(name, {
      guaranteed: new TokenBucket(GUARANTEED, now),
      most: new TokenBucket(MOST, now),
    });
    if (this.#sources.size <= MAX_SOURCES) return;
    const [oldest] = this.#sources.keys();
    if (oldest !== undefined) this.#sources.delete(oldest);
  }
}
