/**
 * Generates messages: every few milliseconds the engine distributes the number
 * that the rate allows among the feeds, weighted by their subscriptions.
 *
 * @module
 */
import type { Clock, Timer } from "../clock.ts";
import { type Timestamp, timestampFromNanos } from "../protocol/timestamp.ts";

/** The time span over which messages are distributed. */
export interface Span {
  readonly from: Timestamp;
  /** Length in nanoseconds. */
  readonly nanos: number;
}

/** One endpoint of the market. */
export interface MarketFeed {
  /** Its weight in the total rate; 0 without subscriptions. */
  weight(): number;
  /** Publishes `count` quotes and trades. */
  produce(count: number, span: Span): void;
  /** Publishes what is due at `now`: bars, halts, bands. */
  advanceTo(now: Timestamp): void;
  /** Sends what was published. */
  flush(): void;
}

/** Number of quotes per trade of a symbol. */
export const QUOTES_PER_TRADE = 4;

/** Maximum of messages per second. */
export const MAX_RATE = 200_000;

/** Maximum of time that is caught up after the process was blocked. */
const MAX_CATCH_UP_NANOS = 250_000_000n;

/** Generates messages at a rate per second. */
export class MarketEngine implements Disposable {
  readonly #clock: Clock;
  readonly #feeds: readonly MarketFeed[];
  readonly #tickMs: number;
  readonly #owed: number[];
  #rate: number;
  #last: bigint;
  #timer: Timer | undefined;
  #disposed = false;

  /** Starts immediately; a rate of 0 generates nothing. */
  constructor(
    feeds: readonly MarketFeed[],
    options: { clock: Clock; messagesPerSecond: number; tickMs: number },
  ) {
    this.#feeds = feeds;
    this.#owed = feeds.map(() => 0);
    this.#clock = options.clock;
    this.#tickMs = options.tickMs;
    this.#last = options.clock.nowNanos();
    this.#rate = checkedRate(options.messagesPerSecond);
    this.#plan();
  }

  /** Messages per second over all feeds. */
  get messagesPerSecond(): number {
    return this.#rate;
  }

  set messagesPerSecond(rate: number) {
    this.#rate = checkedRate(rate);
    this.#last = this.#clock.nowNanos();
    this.#plan();
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#timer?.cancel();
  }

  #plan(): void {
    this.#timer?.cancel();
    if (this.#disposed || this.#rate === 0) return;
    this.#timer = this.#clock.setTimer(this.#tickMs, () => this.#tick());
  }

  #tick(): void {
    const now = this.#clock.nowNanos();
    const elapsed = now - this.#last;
    this.#last = now;
    const nanos = elapsed > MAX_CATCH_UP_NANOS ? MAX_CATCH_UP_NANOS : elapsed;
    this.#produce(now - nanos, Number(nanos));
    const time = timestampFromNanos(now);
    for (const feed of this.#feeds) {
      feed.advanceTo(time);
      feed.flush();
    }
    this.#plan();
  }

  #produce(from: bigint, nanos: number): void {
    const weights = this.#feeds.map((feed) => feed.weight());
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    if (total === 0) return;
    const span = { from: timestampFromNanos(from), nanos };
    const messages = this.#rate * nanos / 1e9;
    for (const [index, feed] of this.#feeds.entries()) {
      const share = messages * (weights[index] ?? 0) / total;
      const owed = (this.#owed[index] ?? 0) + share;
      const count = Math.floor(owed);
      this.#owed[index] = owed - count;
      if (count > 0) feed.produce(count, span);
    }
  }
}

function checkedRate(rate: number): number {
  if (rate >= 0 && rate <= MAX_RATE) return rate;
  throw new RangeError(
    `messagesPerSecond must be from 0 to ${MAX_RATE}, received ${rate}`,
  );
}
