/**
 * Limits the messages that were sent to a client and that it has not acknowledged.
 *
 * With `latest`, the limit of the client is an upper bound: what is in flight is limited to what
 * the client processes in {@linkcode TARGET_MS}, by the age of messages when they are acknowledged,
 * so that it processes recent values. A client that acknowledges several messages together always
 * gets twice as many, and more if it has not acknowledged for long, because it may wait for them.
 *
 * @module
 */
import type { Clock } from "../ports/clock.ts";

/** Age of a message when it is acknowledged, in ms, that `latest` aims at. */
const TARGET_MS = 400;
/** Limit of `latest` at first. */
const FIRST_LIMIT = 10;
/** Growth of the limit while messages are acknowledged in half of that time: first and later. */
const FIRST_GROWTH = 2;
const GROWTH = 1.25;
/** Least time between two changes upwards, in ms, and in ages of messages. */
const CHANGE_MS = 50;
const CHANGE_AGES = 2;
/** Least time without an acknowledgement after which the limit is doubled, in ms. */
const PATIENCE_MS = 1_000;
/** The same time in intervals between acknowledgements. */
const PATIENCE_INTERVALS = 4;

/** Options of {@linkcode Unacknowledged}. */
interface UnacknowledgedOptions {
  /** Most messages, 0 for no limit. */
  readonly max: number;
  /** Whether sequences do not rise and the limit follows the client. */
  readonly isLatest: boolean;
  readonly clock: Pick<Clock, "monotonic">;
}

/** The messages of one stream that are not acknowledged. */
export class Unacknowledged {
  readonly #options: UnacknowledgedOptions;
  /** Sequences in the order in which they were sent, and when. */
  #sequences: number[] = [];
  #sentAt: number[] = [];
  #limit: number;
  /** Largest number of messages that were acknowledged together, of late. */
  #atOnce = 0;
  #acknowledgedAt = 0;
  /** When the limit was last changed by the age. */
  #changedAt = 0;
  #growth = FIRST_GROWTH;
  #intervalMs = 0;

  constructor(options: UnacknowledgedOptions) {
    this.#options = options;
    const { max, isLatest } = options;
    this.#limit = isLatest ? Math.min(max, FIRST_LIMIT) : max;
  }

  /** Number of messages. */
  get size(): number {
    return this.#sequences.length;
  }

  /** Messages that may be sent before the next acknowledgement. */
  get credit(): number {
    const { max, clock } = this.#options;
    if (max === 0) return Infinity;
    if (this.isThrottled && clock.monotonic() - this.#acknowledgedAt > this.patienceMs) {
      this.#acknowledgedAt = clock.monotonic();
      this.#limit = Math.min(max, 2 * this.#limit);
    }
    return Math.max(0, this.#limit - this.size);
  }

  /** Whether fewer messages may be sent than the client allows. */
  get isThrottled(): boolean {
    return this.size >= this.#limit && this.size < this.#options.max;
  }

  /** Time after which a throttled client that acknowledges nothing gets more messages, in ms. */
  get patienceMs(): number {
    return Math.max(PATIENCE_MS, PATIENCE_INTERVALS * this.#intervalMs);
  }

  /** Adds messages that are sent. */
  add(messages: readonly { readonly sequence: number }[]): void {
    const { max, isLatest, clock } = this.#options;
    if (max === 0) return;
    const now = isLatest ? clock.monotonic() : 0;
    for (const { sequence } of messages) {
      this.#sequences.push(sequence);
      if (isLatest) this.#sentAt.push(now);
    }
  }

  /** Removes and returns the messages that were sent up to the one with a sequence. */
  acknowledge(sequence: number): readonly number[] {
    const { isLatest } = this.#options;
    // Where sequences rise, a client may also name one that it filtered out.
    const count = isLatest
      ? this.#sequences.lastIndexOf(sequence) + 1
      : countUpTo(this.#sequences, sequence);
    if (count === 0) return [];
    if (isLatest) this.#adapt(count);
    const acknowledged = this.#sequences.slice(0, count);
    this.#sequences = this.#sequences.slice(count);
    this.#sentAt = this.#sentAt.slice(count);
    return acknowledged;
  }

  /** Removes a message that could not be sent; returns whether it was there. */
  remove(sequence: number): boolean {
    const at = this.#sequences.lastIndexOf(sequence);
    if (at < 0) return false;
    this.#sequences.splice(at, 1);
    this.#sentAt.splice(at, 1);
    return true;
  }

  /** Follows the time that the client takes. */
  #adapt(count: number): void {
    const { max, clock } = this.#options;
    const now = clock.monotonic();
    const ageMs = now - (this.#sentAt[count - 1] ?? now);
    this.#intervalMs = now - this.#acknowledgedAt;
    this.#acknowledgedAt = now;
    this.#atOnce = Math.max(count, 0.9 * this.#atOnce);
    if (ageMs > TARGET_MS) {
      const fitting = Math.floor(this.size * TARGET_MS / ageMs);
      this.#limit = Math.max(1, Math.ceil(2 * this.#atOnce), fitting);
      this.#changedAt = now;
      this.#growth = GROWTH;
    } else if (
      ageMs < TARGET_MS / 2 && now - this.#changedAt >= Math.max(CHANGE_MS, CHANGE_AGES * ageMs)
    ) {
      // Not before the last change shows in the age.
      this.#limit = Math.ceil(this.#growth * this.#limit);
      this.#changedAt = now;
    }
    this.#limit = Math.min(max, this.#limit);
  }
}

/** Number of rising sequences that are not above the given one. */
function countUpTo(rising: readonly number[], sequence: number): number {
  let low = 0;
  let high = rising.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rising[middle] as number) <= sequence) low = middle + 1;
    else high = middle;
  }
  return low;
}
