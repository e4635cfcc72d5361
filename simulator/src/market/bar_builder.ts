/**
 * The bars of one symbol, built from its trades.
 *
 * @module
 */
import type { Message } from "../protocol/messages.ts";
import type { Timestamp } from "../protocol/timestamp.ts";

/** Open, high, low, close and volume of one symbol. */
export class BarBuilder {
  readonly #writeVolume: (volume: number) => number | string;
  #open = 0;
  #high = 0;
  #low = 0;
  #close = 0;
  #volume = 0;
  #count = 0;
  #notional = 0;

  /** `writeVolume` rounds the volume and gives it the form that a message has. */
  constructor(writeVolume: (volume: number) => number | string) {
    this.#writeVolume = writeVolume;
  }

  /** Number of trades, odd lots included. */
  get count(): number {
    return this.#count;
  }

  /** Whether a trade has set prices; a bar without one is not sent. */
  get isEligible(): boolean {
    return this.#close > 0;
  }

  /** Adds a trade; odd lots add volume but do not set prices. */
  add(price: number, size: number, setsPrices: boolean): void {
    this.#volume += size;
    this.#count++;
    this.#notional += price * size;
    if (!setsPrices) return;
    if (this.#close === 0) this.#open = this.#high = this.#low = price;
    if (price > this.#high) this.#high = price;
    if (price < this.#low) this.#low = price;
    this.#close = price;
  }

  /** Sets the prices of a bar without trades from a quote. */
  mark(price: number): void {
    this.add(price, 0, true);
    this.#count--;
  }

  /** The bar as a message of type `b`, `u` or `d` that starts at `t`. */
  toMessage(
    T: "b" | "u" | "d",
    { S, t }: { S: string; t: Timestamp },
  ): Message {
    return {
      T,
      S,
      o: this.#open,
      h: this.#high,
      l: this.#low,
      c: this.#close,
      v: this.#writeVolume(this.#volume),
      n: this.#count,
      vw: this.#averagePrice(),
      t,
    };
  }

  #averagePrice(): number {
    if (this.#volume === 0) return 0;
    const average = this.#notional / this.#volume;
    return Math.round(average * 1e6) / 1e6;
  }
}
