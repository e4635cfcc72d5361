/**
 * Delays items and keeps their order: an item leaves after its own delay and
 * after all items before it, also when the delay shrinks meanwhile.
 *
 * @module
 */
import type { Clock, Timer } from "./clock.ts";

interface Delayed<T> {
  readonly item: T;
  /** When it is due, in ms since the Unix epoch. */
  readonly dueMs: number;
}

/** A queue whose items leave when they are due. */
export class DelayQueue<T> {
  readonly #clock: Clock;
  readonly #release: (items: readonly T[]) => void;
  #waiting: Delayed<T>[] = [];
  #timer: Timer | undefined;

  /** `release` receives items as they become due, in order. */
  constructor(clock: Clock, release: (items: readonly T[]) => void) {
    this.#clock = clock;
    this.#release = release;
  }

  /** Number of items that are not due yet. */
  get length(): number {
    return this.#waiting.length;
  }

  /** Adds an item that is due after `delayMs`. */
  add(item: T, delayMs: number): void {
    const before = this.#waiting.at(-1)?.dueMs ?? 0;
    const dueMs = Math.max(this.#clock.now() + delayMs, before);
    this.#waiting.push({ item, dueMs });
    this.#timer ??= this.#plan();
  }

  /** Releases the oldest item before it is due. */
  releaseOldest(): void {
    this.#release(this.#waiting.splice(0, 1).map(({ item }) => item));
  }

  /** Drops all items. */
  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#waiting = [];
  }

  #plan(): Timer | undefined {
    const [first] = this.#waiting;
    if (first === undefined) return undefined;
    const delayMs = Math.max(0, first.dueMs - this.#clock.now());
    return this.#clock.setTimer(delayMs, () => {
      const now = this.#clock.now();
      const left = this.#waiting.findIndex(({ dueMs }) => dueMs > now);
      const count = left < 0 ? this.#waiting.length : left;
      this.#timer = undefined;
      this.#release(this.#waiting.splice(0, count).map(({ item }) => item));
      this.#timer ??= this.#plan();
    });
  }
}
