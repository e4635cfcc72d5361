/**
 * Writes whole order books as Alpaca's messages.
 *
 * @module
 */
import type { BookLevel, Orderbook } from "../../domain/market/crypto_events.ts";
import { formatRfc3339 } from "../../domain/market/timestamp.ts";

const utf8 = new TextEncoder();
/** The messages of order books that are still kept. */
const made = new WeakMap<Orderbook, Uint8Array>();

/** The JSON of an order book; made once for all clients. */
export function orderBookJson(book: Orderbook): Uint8Array {
  let json = made.get(book);
  if (json === undefined) {
    const { symbol, timestamp, bids, asks, reset } = book;
    const t = formatRfc3339(timestamp);
    const [b, a] = [bids.map(levelOf), asks.map(levelOf)];
    const message = { T: "o", S: symbol, t, b, a, ...(reset && { r: true }) };
    json = utf8.encode(JSON.stringify(message));
    made.set(book, json);
  }
  return json;
}

function levelOf({ price, size }: BookLevel): { readonly p: number; readonly s: number } {
  return { p: price, s: size };
}
