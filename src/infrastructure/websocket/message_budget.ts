/**
 * Limits the bytes that the messages of all clients hold until they are handled.
 *
 * Above the limit, the client is closed whose messages have held the most for the longest (bytes
 * times age): ordinary messages are small and arrive within milliseconds, also while others fill
 * the budget and then send no more, or send large ones again and again.
 *
 * Another budget limits what is kept of handled messages because later ones can refer to it. There
 * the client is closed that holds the most.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";

/** What one client holds. */
export class MessageCharge {
  bytes = 0;
  /** Monotonic ms since which it holds something, or has last had a message handled. */
  since = 0;
  /** Whether it was released for good. */
  isReleased = false;
  /** Closes the client. */
  readonly close: () => void;

  constructor(close: () => void) {
    this.close = close;
  }
}

/** The messages of all clients. */
export class MessageBudget {
  readonly #limit: number;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #charges = new Set<MessageCharge>();
  #bytes = 0;

  /**
   * @param limit bytes
   * @param clock without one the age does not count
   */
  constructor(limit: number, clock: Pick<Clock, "monotonic"> = { monotonic: () => 0 }) {
    this.#limit = limit;
    this.#clock = clock;
  }

  /** Whether this number of bytes more can be held without closing a client. */
  hasRoom(bytes: number): boolean {
    return this.#bytes + bytes <= this.#limit;
  }

  /** Bytes that are held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Sets what a client holds; may close it or others. */
  set(charge: MessageCharge, bytes: number): void {
    if (charge.isReleased || bytes === charge.bytes) return;
    this.#bytes += bytes - charge.bytes;
    if (charge.bytes === 0) {
      charge.since = this.#clock.monotonic();
      this.#charges.add(charge);
    } else if (bytes === 0) this.#charges.delete(charge);
    charge.bytes = bytes;
    while (this.#bytes > this.#limit) {
      const most = this.#heaviest(charge);
      this.release(most);
      most.close();
    }
  }

  /** Records that a message was handled. */
  progressed(charge: MessageCharge): void {
    charge.since = this.#clock.monotonic();
  }

  /** Removes a client; idempotent. */
  release(charge: MessageCharge): void {
    this.#bytes -= charge.bytes;
    charge.bytes = 0;
    charge.isReleased = true;
    this.#charges.delete(charge);
  }

  /** @param charge one that holds something */
  #heaviest(charge: MessageCharge): MessageCharge {
    const now = this.#clock.monotonic() + 1;
    let most = charge;
    let weight = 0;
    for (const each of this.#charges) {
      const own = each.bytes * (now - each.since);
      if (own <= weight) continue;
      most = each;
      weight = own;
    }
    return most;
  }
}
