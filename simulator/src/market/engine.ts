/**
 * Generates messages: every few milliseconds the engine distributes the number
 * that the rate allows among the feeds, weighted by their subscriptions. The
 * rate is a total, or that of each subscribed symbol up to a total.
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
/** Weight of a symbol whose quotes and trades are subscribed. */
const SYMBOL_WEIGHT = QUOTES_PER_TRADE + 1;

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
  /** Messages per second; the maximum if `#symbolRate` is above 0. */
  #totalRate: number;
  /** Messages per second of each symbol; 0 for a fixed total. */
  #symbolRate: number;
  #last: bigint;
  #timer: Timer | undefined;
  #disposed = false;

  /** Starts immediately; a rate of 0 generates nothing. */
  constructor(
    feeds: readonly MarketFeed[],
    options: {
      readonly clock: Clock;
      readonly messagesPerSecond: number;
      readonly messagesPerSymbol: number;
      readonly tickMs: number;
    },
  ) {
    this.#feeds = feeds;
    this.#owed = feeds.map(() => 0);
    this.#clock = options.clock;
    this.#tickMs = options.tickMs;
    this.#last = options.clock.nowNanos();
    this.#totalRate = checkedRate(options.messagesPerSecond);
    this.#symbolRate = checkedRate(options.messagesPerSymbol);
    this.#plan();
  }

  /** Messages per second over all feeds. */
  get messagesPerSecond(): number {
    const weight = this.#feeds.reduce((sum, feed) => sum + feed.weight(), 0);
    return this.#total(weight);
  }

  set messagesPerSecond(rate: number) {
    this.#setRates(rate, 0);
  }

  /** Sets the messages per second of each symbol, up to `MAX_RATE` in total. */
  set messagesPerSymbol(rate: number) {
    this.#setRates(rate === 0 ? 0 : MAX_RATE, rate);
  }

  #setRates(total: number, perSymbol: number): void {
    this.#totalRate = checkedRate(total);
    this.#symbolRate = checkedRate(perSymbol);
    this.#last = this.#clock.nowNanos();
    this.#plan();
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#timer?.cancel();
  }

  #plan(): void {
    this.#timer?.cancel();
    if (this.#disposed || this.#totalRate === 0) return;
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

  /** Messages per second for subscriptions of this weight. */
  #total(weight: number): number {
    if (this.#symbolRate === 0) return this.#totalRate;
    return Math.min(this.#totalRate, this.#symbolRate * weight / SYMBOL_WEIGHT);
  }

  #produce(from: bigint, nanos: number): void {
    const weights = this.#feeds.map((feed) => feed.weight());
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    if (total === 0) return;
    const span = { from: timestampFromNanos(from), nanos };
    const messages = this.#total(total) * nanos / 1e9;
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
    `messages per second must be from 0 to ${MAX_RATE}, received ${rate}`,
  );
}
