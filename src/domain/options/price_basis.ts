/**
 * The difference between the price at which an underlying trades and the one that its options
 * imply.
 *
 * Options of a stock that is hard to borrow, or that pays a dividend soon, imply a lower price than
 * that of its trades. A difference with which trades have persisted is assumed for a day.
 *
 * @module
 */
import { agree, type TimedPrice } from "./implied_price.ts";

/** For how long a persistent difference is assumed. */
const ASSUMED_MS = 86_400_000;
/** Largest difference; a larger one is an error, for example of a split. */
const LARGEST = 0.5;

/** The known difference of one underlying. */
export class PriceBasis {
  /** The price of trades in multiples of the implied one. */
  #ratio = 1;
  /** Ms since the Unix epoch. */
  #until = -Infinity;

  /** The price of trades that an implied one stands for. */
  correct(implied: number, now: number): number {
    return implied * this.#at(now);
  }

  /**
   * Learns the difference of a trade to what options imply; forgets the known one if it is too
   * large.
   *
   * @param corrected what they imply by {@linkcode correct}
   */
  learn(trade: TimedPrice, corrected: TimedPrice, now: number): void {
    const price = corrected.price / this.#at(now);
    this.#ratio = agree({ price }, trade, LARGEST) ? trade.price / price : 1;
    this.#until = now + ASSUMED_MS;
  }

  #at(now: number): number {
    return now < this.#until ? this.#ratio : 1;
  }
}
