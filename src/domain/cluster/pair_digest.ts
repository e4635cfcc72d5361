import { type Pair, pairKey } from "../subscription/pairs.ts";

/**
 * A digest of a set of pairs that is kept up to date in constant time, so that both sides of a
 * session notice when they differ.
 */
export class PairDigest {
  #count = 0;
  #sum = 0;

  /** Adds a pair that is not in the set. */
  add(pair: Pair): void {
    this.#count++;
    this.#sum = (this.#sum + hash(pairKey(pair))) >>> 0;
  }

  /** Removes a pair that is in the set. */
  remove(pair: Pair): void {
    this.#count--;
    this.#sum = (this.#sum - hash(pairKey(pair))) >>> 0;
  }

  /** The digest as text. */
  toString(): string {
    return `${this.#count.toString(16)}-${this.#sum.toString(16)}`;
  }
}

/** FNV-1a of ASCII text, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  }
  return value >>> 0;
}
