/**
 * The beat of the market: every few milliseconds it shares out the messages
 * that the rate allows among the feeds, by what is subscribed to on each.
 *
 * @module
 */
import type { SimClock, SimTimer } from "../ports.ts";
import { instantFromNanos } from "../protocol/instant.ts";
import type { MarketFeed } from "./feed.ts";

/** The most messages a second that can be asked for. */
export const MAX_RATE = 200_000;

/** Time that is caught up at most after the process was held up. */
const MAX_CATCH_UP_NANOS = 250_000_000n;

/** Drives the feeds by the clock. */
export class MarketEngine implements Disposable {
  readonly #clock: SimClock;
  readonly #feeds: readonly MarketFeed[];
  readonly #tickMs: number;
  readonly #owed: number[];
  #rate: number;
  #last: bigint;
  #timer: SimTimer | undefined;
  #disposed = false;

  /** Starts at once; a rate of 0 makes nothing at all. */
  constructor(
    feeds: readonly MarketFeed[],
    options: { clock: SimClock; messagesPerSecond: number; tickMs: number },
  ) {
    this.#feeds = feeds;
    this.#owed = feeds.map(() => 0);
    this.#clock = options.clock;
    this.#tickMs = options.tickMs;
    this.#last = options.clock.nowNanos();
    this.#rate = checkedRate(options.messagesPerSecond);
    this.#plan();
  }

  /** Messages a second over all feeds. */
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
    const instant = instantFromNanos(now);
    for (const feed of this.#feeds) {
      feed.keepTime(instant);
      feed.flush();
    }
    this.#plan();
  }

  #produce(from: bigint, nanos: number): void {
    const weights = this.#feeds.map((feed) => feed.weight());
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    if (total === 0) return;
    const span = { from: instantFromNanos(from), nanos };
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
