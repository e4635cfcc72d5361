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

  /** @param seed a 32-bit number or a text */
  constructor(seed: number | string) {
    const number = typeof seed === "number" ? seed : hash(seed);
    this.#a = number | 0;
    this.#b = Math.imul(number, 0x9e3779b1) | 0;
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

  /** A number from 0 up to 1, exclusive. */
  share(): number {
    return this.next() / 2 ** 32;
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

/** Hashes a text (FNV-1a, 32 bits). */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  }
  return value;
}
