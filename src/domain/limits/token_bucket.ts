/**
 * Token buckets: limits on how often something may happen, alone or per key.
 *
 * @module
 */

/** A rate, and how much may happen together after a pause. */
export interface Rate {
  /** Tokens per ms, above 0. */
  readonly perMs: number;
  /** Most tokens, at least 1. */
  readonly burst: number;
}

/** A number of tokens that is refilled at a rate. */
export class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #at: number;

  /** @param now monotonic ms; the bucket is full then */
  constructor(rate: Rate, now: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#at = now;
  }

  /** Takes a token; otherwise returns in how many ms there is one. 0 when it was taken. */
  take(now: number): number {
    const { perMs, burst } = this.#rate;
    this.#tokens = Math.min(burst, this.#tokens + Math.max(0, now - this.#at) * perMs);
    this.#at = now;
    if (this.#tokens < 1) return (1 - this.#tokens) / perMs;
    this.#tokens--;
    return 0;
  }
}

/** Keys that are remembered at a time; about 250 bytes each. */
const MAX_KEYS = 10_000;

/**
 * One token bucket per key. A key is forgotten once its bucket is full again, and the one that was
 * used least recently when there are too many.
 */
export class TokenBuckets {
  readonly #rate: Rate;
  readonly #maxKeys: number;
  /** Least recently used first. */
  readonly #buckets = new Map<string, { readonly bucket: TokenBucket; at: number }>();

  /** @param maxKeys keys that are remembered at a time */
  constructor(rate: Rate, maxKeys: number = MAX_KEYS) {
    this.#rate = rate;
    this.#maxKeys = maxKeys;
  }

  /** Number of keys that are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /**
   * Takes a token of a key; otherwise returns in how many ms there is one. 0 when it was taken.
   *
   * @param now monotonic ms
   */
  take(key: string, now: number): number {
    this.#forget(now);
    const entry = this.#buckets.get(key) ?? { bucket: new TokenBucket(this.#rate, now), at: now };
    entry.at = now;
    this.#buckets.delete(key);
    this.#buckets.set(key, entry);
    return entry.bucket.take(now);
  }

  #forget(now: number): void {
    const { burst, perMs } = this.#rate;
    const full = now - burst / perMs;
    for (const [key, { at }] of this.#buckets) {
      if (at > full && this.#buckets.size < this.#maxKeys) return;
      this.#buckets.delete(key);
    }
  }
}
