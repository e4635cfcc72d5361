/**
 * The order books of a crypto stream that is replayed.
 *
 * @module
 */
import type { Message } from "../protocol/messages.ts";
import { OrderBook } from "./order_book.ts";

/** The order book of each pair, from the messages that were sent. */
export class ObservedBooks {
  readonly #books = new Map<string, { readonly book: OrderBook; last: Message }>();

  /** Applies an order book message. Changes of a pair are ignored before its whole order book. */
  observe(message: Message): void {
    const known = this.#books.get(message.S);
    if (!known && message["r"] !== true) return;
    // Nothing is drawn for it.
    const book = known?.book ?? new OrderBook({ scale: 1, size: () => 0 });
    book.observe(message);
    this.#books.set(message.S, { book, last: message });
  }

  /** The whole order book of a pair, or of all with `*`. */
  books(symbol: string): readonly Message[] {
    const known = this.#books.get(symbol);
    const wanted = symbol === "*" ? [...this.#books.values()] : known ? [known] : [];
    return wanted.map(({ book, last }) => {
      const { b, a } = book.levels();
      const levels = { b: b.map(({ p, s }) => ({ p, s })), a: a.map(({ p, s }) => ({ p, s })) };
      return { T: "o", S: last.S, t: last["t"] ?? null, ...levels, r: true };
    });
  }
}
