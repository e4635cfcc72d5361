import type { Element } from "../protocol/elements.ts";
import type { Instant } from "../protocol/instant.ts";

/** Running open, high, low, close and volume of one symbol. */
export class BarBuilder {
  #open = 0;
  #high = 0;
  #low = 0;
  #close = 0;
  #volume = 0;
  #count = 0;
  #notional = 0;

  /** Trades so far, odd lots included. */
  get count(): number {
    return this.#count;
  }

  /** Whether a trade has come that may set prices; else there is no bar. */
  get isEligible(): boolean {
    return this.#close > 0;
  }

  /** Adds a trade; odd lots add volume but set no prices. */
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

  /** The bar as an element of type `b`, `u` or `d` that starts at `t`. */
  toElement(T: "b" | "u" | "d", { S, t }: { S: string; t: Instant }): Element {
    return {
      T,
      S,
      o: this.#open,
      h: this.#high,
      l: this.#low,
      c: this.#close,
      v: this.#volume,
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
