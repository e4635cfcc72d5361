/**
 * Seeded random choices for reproducible runs.
 *
 * @module
 */

/** A generator of 32-bit numbers (sfc32) with choices. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed any 32-bit number */
  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = Math.imul(seed, 0x9e3779b1) | 0;
    this.#c = 0x243f6a88;
    for (let i = 0; i < 12; i++) this.next();
  }

  /** The next number, 0 to 2^32 − 1. */
  next(): number {
    const t = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t | 0;
    return t >>> 0;
  }

  /** A whole number from 0 up to `limit`, exclusive. */
  below(limit: number): number {
    return this.next() % limit;
  }

  /** True once in `n` times. */
  oneIn(n: number): boolean {
    return this.next() % n === 0;
  }

  /** One of the items. */
  pick<T>(items: readonly T[]): T {
    return items[this.next() % items.length] as T;
  }
}
