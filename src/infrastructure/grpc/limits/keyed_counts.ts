/**
 * Counts what is open, in all and by key, such as a block of addresses or an identity, so that one
 * key leaves others a part.
 *
 * @module
 */

/** Registers the listener for the end of what is counted. */
export type OnOver = (listener: () => void) => unknown;

/** The limits of {@linkcode KeyedCounts}. */
interface KeyedLimits {
  readonly total: number;
  readonly perKey: number;
}

/** Which limit is reached, and how many are open. */
interface Excess {
  readonly limit: keyof KeyedLimits;
  readonly open: number;
}

/** Counts with a total and a limit per key; keys without anything open are not remembered. */
export class KeyedCounts {
  readonly #limits: KeyedLimits;
  readonly #keys = new Map<string, number>();
  #total = 0;

  constructor(limits: KeyedLimits) {
    this.#limits = limits;
  }

  /**
   * Counts one more of a key until it is over.
   *
   * @param key "" has no limit beside the total
   * @returns why it is not counted; `undefined` when it is
   */
  open(key: string, onOver: OnOver): Excess | undefined {
    const { total, perKey } = this.#limits;
    const ofKey = this.#keys.get(key) ?? 0;
    if (key !== "" && ofKey >= perKey) return { limit: "perKey", open: ofKey };
    if (this.#total >= total) return { limit: "total", open: this.#total };
    this.#total++;
    this.#keys.set(key, ofKey + 1);
    onOver(() => {
      this.#total--;
      const left = (this.#keys.get(key) ?? 1) - 1;
      if (left > 0) this.#keys.set(key, left);
      else this.#keys.delete(key);
    });
    return undefined;
  }
}
