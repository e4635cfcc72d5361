/**
 * A bounded first-in, first-out buffer that drops its oldest item to make room.
 *
 * The bound is exact. Items are stored in linked segments of at most
 * {@linkcode SEGMENT} slots, so that memory is proportional to the number of
 * items at every moment: growing copies nothing, and dropping the oldest items
 * frees their slots. One emptied segment is kept for reuse.
 *
 * @module
 */

/** Slots of the first segment; each further one has twice as many. */
const SMALLEST = 16;
/** Slots of the largest segment. */
const SEGMENT = 512;

/** Counts the slots of all rings that share it. */
export interface SlotUsage {
  /** Allocated slots, each of the size of one reference. */
  slots: number;
}

interface Segment<T> {
  readonly items: (T | undefined)[];
  next: Segment<T> | undefined;
}

/** Bounded FIFO with drop-oldest overflow. */
export class Ring<T extends object | number> {
  readonly #capacity: number;
  readonly #usage: SlotUsage;
  /** The segment of the oldest item, and that item's slot. */
  #first: Segment<T> | undefined;
  #head = 0;
  /** The segment of the newest item, and the slot after it. */
  #last: Segment<T> | undefined;
  #tail = 0;
  #spare: Segment<T> | undefined;
  #size = 0;

  /**
   * @param usage is kept up to date with the slots that this ring allocates
   * @throws RangeError when the capacity is not a whole number of at least 1
   */
  constructor(capacity: number, usage: SlotUsage = { slots: 0 }) {
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new RangeError(
        `Cannot make a ring: capacity must be a whole number of at least 1, current value is ${capacity}`,
      );
    }
    this.#capacity = capacity;
    this.#usage = usage;
  }

  /** Items in the buffer. */
  get size(): number {
    return this.#size;
  }

  /** Appends an item; returns the oldest one when that had to make room. */
  push(item: T): T | undefined {
    const dropped = this.#size === this.#capacity ? this.shift() : undefined;
    let last = this.#last;
    if (last === undefined || this.#tail === last.items.length) {
      last = this.#extend(last);
    }
    last.items[this.#tail++] = item;
    this.#size++;
    return dropped;
  }

  /** Removes the oldest item; `undefined` when there is none. */
  shift(): T | undefined {
    const first = this.#first;
    if (first === undefined || this.#size === 0) return undefined;
    const item = first.items[this.#head];
    first.items[this.#head++] = undefined;
    this.#size--;
    if (this.#head === first.items.length) this.#advance(first);
    return item;
  }

  /** Takes up to `limit` items, oldest first. */
  take(limit: number): T[] {
    const count = Math.min(limit, this.#size);
    const taken = new Array<T>(count);
    for (let at = 0; at < count;) {
      const first = this.#first as Segment<T>;
      const { items } = first;
      const end = Math.min(items.length, this.#head + count - at);
      for (let i = this.#head; i < end; i++) {
        taken[at++] = items[i] as T;
        items[i] = undefined;
      }
      this.#head = end;
      if (end === items.length) this.#advance(first);
    }
    this.#size -= count;
    if (this.#size === 0) this.#startOver();
    return taken;
  }

  /** Calls `visit` with each item from the `from`th oldest up to the `to`th. */
  visit(from: number, to: number, visit: (item: T) => void): void {
    let at = this.#head + from;
    let left = Math.min(to, this.#size) - from;
    for (let segment = this.#first; segment && left > 0;) {
      const { items, next } = segment;
      for (; at < items.length && left > 0; at++, left--) visit(items[at] as T);
      at -= items.length;
      segment = next;
    }
  }

  /** Removes everything. */
  clear(): void {
    for (let segment = this.#first; segment; segment = segment.next) {
      this.#usage.slots -= segment.items.length;
    }
    if (this.#spare) this.#usage.slots -= this.#spare.items.length;
    this.#first = this.#last = this.#spare = undefined;
    this.#head = this.#tail = this.#size = 0;
  }

  /** Links one more segment, twice as large as the last one. */
  #extend(last: Segment<T> | undefined): Segment<T> {
    const length = last
      ? Math.min(SEGMENT, 2 * last.items.length)
      : Math.min(SMALLEST, this.#capacity);
    const segment = this.#spare ?? this.#allocate(length);
    this.#spare = undefined;
    if (last) last.next = segment;
    else this.#first = segment;
    this.#tail = 0;
    return this.#last = segment;
  }

  #allocate(length: number): Segment<T> {
    this.#usage.slots += length;
    return { items: new Array<T | undefined>(length), next: undefined };
  }

  /** Unlinks the first segment, all of whose items are gone. */
  #advance(first: Segment<T>): void {
    this.#head = 0;
    const { next } = first;
    if (next === undefined) {
      this.#tail = 0;
      return;
    }
    this.#first = next;
    first.next = undefined;
    if (this.#size > 0 && first.items.length === SEGMENT) this.#keep(first);
    else this.#usage.slots -= first.items.length;
  }

  #keep(segment: Segment<T>): void {
    if (this.#spare) this.#usage.slots -= segment.items.length;
    else this.#spare = segment;
  }

  /** An empty ring starts over in its newest segment and frees the spare one. */
  #startOver(): void {
    this.#head = this.#tail = 0;
    if (this.#spare) this.#usage.slots -= this.#spare.items.length;
    this.#spare = undefined;
  }
}
