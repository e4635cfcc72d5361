/**
 * What a connection still has to say: messages leave in the order they came,
 * each no earlier than its delay allows. A delayed message holds back those
 * behind it, so a slow acknowledgement never lets later data overtake it.
 *
 * Bounded: a message beyond the capacity is refused, and the owner ends the
 * connection as one that is too slow.
 *
 * @module
 */
import type { SimClock, SimTimer } from "../ports.ts";

/** Messages waiting for their time. */
export class Outbox implements Disposable {
  readonly #clock: SimClock;
  readonly #deliver: (data: string | Uint8Array) => void;
  readonly #capacity: number;
  readonly #waiting: { dueAt: number; data: string | Uint8Array }[] = [];
  #timer: SimTimer | undefined;

  /** Hands messages to `deliver`, at once when nothing delays them. */
  constructor(
    clock: SimClock,
    options: {
      deliver: (data: string | Uint8Array) => void;
      capacity: number;
    },
  ) {
    this.#clock = clock;
    this.#deliver = options.deliver;
    this.#capacity = options.capacity;
  }

  /** Messages that have not left yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Sends after `delayMs`; false when the box is full. */
  put(data: string | Uint8Array, delayMs = 0): boolean {
    if (delayMs <= 0 && this.#waiting.length === 0) {
      this.#deliver(data);
      return true;
    }
    if (this.#waiting.length >= this.#capacity) return false;
    this.#waiting.push({ dueAt: this.#clock.now() + delayMs, data });
    this.#arm();
    return true;
  }

  /** Drops what has not left. */
  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#waiting.length = 0;
  }

  #arm(): void {
    const first = this.#waiting[0];
    if (first === undefined || this.#timer !== undefined) return;
    const delayMs = Math.max(0, first.dueAt - this.#clock.now());
    this.#timer = this.#clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      this.#flush();
      this.#arm();
    });
  }

  #flush(): void {
    const now = this.#clock.now();
    let ready = 0;
    for (const message of this.#waiting) {
      if (message.dueAt > now) break;
      ready++;
    }
    for (const { data } of this.#waiting.splice(0, ready)) this.#deliver(data);
  }
}
