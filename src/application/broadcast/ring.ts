/**
 * A bounded first-in, first-out buffer that drops its oldest item to make room.
 *
 * The bound is exact. Memory follows use: an idle stream of a channel with a
 * capacity of 50 000 costs next to nothing, and a drained buffer gives back
 * what a burst made it take.
 *
 * @module
 */

const SMALLEST = 16;
/** A drained buffer larger than this is given back. */
const KEPT = 1024;

/** Bounded FIFO with drop-oldest overflow. */
export class Ring<T> {
  readonly #capacity: number;
  #slots: (T | undefined)[] = [];
  #head = 0;
  #size = 0;

  /**
   * @throws RangeError when the capacity is not a whole number of at least 1
   */
  constructor(capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new RangeError(
        `Cannot make a ring: capacity must be a whole number of at least 1, current value is ${capacity}`,
      );
    }
    this.#capacity = capacity;
  }

  /** Items in the buffer. */
  get size(): number {
    return this.#size;
  }

  /** Appends an item; true when the oldest one had to make room. */
  push(item: T): boolean {
    if (this.#size === this.#capacity) {
      // All slots are in use: the oldest one's is where the newest belongs.
      this.#slots[this.#head] = item;
      if (++this.#head === this.#capacity) this.#head = 0;
      return true;
    }
    if (this.#size === this.#slots.length) this.#grow();
    let at = this.#head + this.#size;
    if (at >= this.#slots.length) at -= this.#slots.length;
    this.#slots[at] = item;
    this.#size++;
    return false;
  }

  /** Takes up to `limit` items, oldest first. */
  take(limit: number): T[] {
    const count = Math.min(limit, this.#size);
    const taken = new Array<T>(count);
    const slots = this.#slots;
    for (let i = 0; i < count; i++) {
      taken[i] = slots[this.#head] as T;
      slots[this.#head] = undefined;
      if (++this.#head === slots.length) this.#head = 0;
    }
    this.#size -= count;
    if (this.#size === 0 && slots.length > KEPT) this.clear();
    return taken;
  }

  /** Lets go of everything. */
  clear(): void {
    this.#slots = [];
    this.#head = 0;
    this.#size = 0;
  }

  #grow(): void {
    const length = Math.min(
      this.#capacity,
      Math.max(SMALLEST, this.#slots.length * 2),
    );
    const slots = new Array<T | undefined>(length);
    for (let i = 0; i < this.#size; i++) {
      slots[i] = this.#slots[(this.#head + i) % this.#slots.length];
    }
    this.#slots = slots;
    this.#head = 0;
  }
}
