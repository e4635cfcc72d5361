/**
 * A bounded FIFO buffer that drops its oldest item when it is full.
 *
 * The capacity is exact. Items are stored in linked segments of at most
 * {@linkcode SEGMENT} slots, so that memory is always proportional to the number
 * of items: growing copies nothing, and dropping the oldest items frees their
 * slots. One emptied segment is kept for reuse.
 *
 * @module
 */

/** Slots of the first segment; each next one has twice as many. */
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
  /** The segment of the oldest item, its slots, and that item's slot. */
  #first: Segment<T> | undefined;
  #oldest: (T | undefined)[] = [];
  #head = 0;
  /** The segment of the newest item, its slots, and the slot after it. */
  #last: Segment<T> | undefined;
  #newest: (T | undefined)[] = [];
  #tail = 0;
  #spare: Segment<T> | undefined;
  #size = 0;

  /**
   * @param usage counts the slots that this ring allocates
   * @throws RangeError when the capacity is not an integer of at least 1
   */
  constructor(capacity: number, usage: SlotUsage = { slots: 0 }) {
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new RangeError(
        `Ring capacity must be a whole number of at least 1, current value is ${capacity}`,
      );
    }
    this.#capacity = capacity;
    this.#usage = usage;
  }

  /** Items in the buffer. */
  get size(): number {
    return this.#size;
  }

  /** Appends an item; returns the oldest one if it was dropped for it. */
  push(item: T): T | undefined {
    let dropped: T | undefined;
    if (this.#size === this.#capacity) {
      const oldest = this.#oldest;
      dropped = oldest[this.#head];
      oldest[this.#head] = undefined;
      if (++this.#head === oldest.length) this.#advance();
    } else this.#size++;
    if (this.#tail === this.#newest.length) this.#extend();
    this.#newest[this.#tail++] = item;
    return dropped;
  }

  /** Removes the oldest item; `undefined` when there is none. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const oldest = this.#oldest;
    const item = oldest[this.#head];
    oldest[this.#head] = undefined;
    this.#size--;
    if (++this.#head === oldest.length) this.#advance();
    return item;
  }

  /** Takes up to `limit` items, oldest first. */
  take(limit: number): T[] {
    const count = Math.min(limit, this.#size);
    const taken = new Array<T>(count);
    for (let at = 0; at < count;) {
      const oldest = this.#oldest;
      const end = Math.min(oldest.length, this.#head + count - at);
      for (let i = this.#head; i < end; i++) {
        taken[at++] = oldest[i] as T;
        oldest[i] = undefined;
      }
      this.#head = end;
      if (end === oldest.length) this.#advance();
    }
    this.#size -= count;
    if (this.#size === 0) this.#restart();
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

  /** Frees slots if the items need less than a quarter of them. */
  compact(): void {
    let slots = this.#spare?.items.length ?? 0;
    for (let segment = this.#first; segment; segment = segment.next) {
      slots += segment.items.length;
    }
    if (slots <= 4 * this.#size + (this.#size > 0 ? SMALLEST : 0)) return;
    const items = this.take(this.#size);
    this.clear();
    for (const item of items) this.push(item);
  }

  /** Removes everything. */
  clear(): void {
    for (let segment = this.#first; segment; segment = segment.next) {
      this.#usage.slots -= segment.items.length;
    }
    this.#freeSpare();
    this.#first = this.#last = undefined;
    this.#oldest = this.#newest = [];
    this.#head = this.#tail = this.#size = 0;
  }

  /** Links one more segment, twice as large as the last one. */
  #extend(): void {
    const last = this.#last;
    const length = last
      ? Math.min(SEGMENT, 2 * last.items.length)
      : Math.min(SMALLEST, this.#capacity);
    const segment = this.#spare ?? this.#allocate(length);
    this.#spare = undefined;
    this.#last = segment;
    this.#newest = segment.items;
    this.#tail = 0;
    if (last) last.next = segment;
    else {
      this.#first = segment;
      this.#oldest = segment.items;
    }
  }

  #allocate(length: number): Segment<T> {
    this.#usage.slots += length;
    return { items: new Array<T | undefined>(length), next: undefined };
  }

  /** Unlinks the first segment, which has no items left. */
  #advance(): void {
    this.#head = 0;
    const first = this.#first;
    const next = first?.next;
    if (first === undefined || next === undefined) {
      // The only segment: it is filled again.
      this.#tail = 0;
      return;
    }
    this.#first = next;
    this.#oldest = next.items;
    first.next = undefined;
    const isKept = this.#spare === undefined && this.#size > 0 &&
      first.items.length === SEGMENT;
    if (isKept) this.#spare = first;
    else this.#usage.slots -= first.items.length;
  }

  /** Restarts an empty ring in its newest segment and frees the spare one. */
  #restart(): void {
    this.#head = this.#tail = 0;
    this.#freeSpare();
  }

  #freeSpare(): void {
    if (this.#spare) this.#usage.slots -= this.#spare.items.length;
    this.#spare = undefined;
  }
}
