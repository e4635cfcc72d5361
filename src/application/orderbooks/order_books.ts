/**
 * Keeps the order book of each pair, so that a stream that opens later starts with the whole one.
 *
 * Alpaca sends a whole order book after a subscription and then only changes. The changes are
 * published as they arrive. An order book is kept from a whole one on, until upstream does not
 * carry its pair any more; the session that follows begins with another whole one.
 *
 * @module
 */
import type { BookLevel, Orderbook } from "../../domain/market/crypto_events.ts";
import { WILDCARD } from "../../domain/subscription/pairs.ts";
import type { Channel } from "../broadcast/channel.ts";
import type { ChannelFilter } from "../broadcast/channel_gaps.ts";
import type { Envelope } from "../broadcast/envelope.ts";
import type { EventSink } from "../ports/event_sink.ts";
import type { PresentState } from "../streaming/opening.ts";

/** Limits on what is kept. */
const LIMITS = {
  /** Pairs; a stream of any other pair starts with the next change. */
  pairs: 500,
  /** Levels of each side; those that are farthest from the best one are not kept. */
  levels: 1_000,
};

/** The order book of one pair. */
interface Book {
  /** Sizes by price. */
  readonly bids: Map<number, number>;
  readonly asks: Map<number, number>;
  /** The newest message. */
  last: Envelope<Orderbook>;
  /** The whole order book as an event, until the next message. */
  whole: Envelope<Orderbook> | undefined;
}

/** The order books of all pairs that upstream carries. */
export class OrderBooks implements EventSink<Orderbook>, PresentState<Orderbook> {
  readonly isComplete = true;
  readonly #channel: Channel<Orderbook>;
  readonly #limits: typeof LIMITS;
  readonly #books = new Map<string, Book>();

  /** @param limits numbers, at least 1 */
  constructor(channel: Channel<Orderbook>, limits: typeof LIMITS = LIMITS) {
    this.#channel = channel;
    this.#limits = limits;
  }

  /** Always: an order book is kept also while no stream is open. */
  mayHaveSubscribers(): boolean {
    return true;
  }

  publish(event: Orderbook, receivedAt: number): void {
    const last = this.#channel.publish(event, receivedAt);
    const { symbol, reset } = event;
    const book = this.#books.get(symbol);
    if (!book && (!reset || this.#books.size >= this.#limits.pairs)) return;
    const { bids, asks } = book ?? { bids: new Map(), asks: new Map() };
    if (reset) {
      bids.clear();
      asks.clear();
    }
    this.#apply(bids, event.bids, -1);
    this.#apply(asks, event.asks, 1);
    this.#books.set(symbol, { bids, asks, last, whole: undefined });
  }

  unreadable(symbol: string | undefined): void {
    this.#channel.unreadable(symbol);
  }

  whenComplete(): Promise<void> {
    return Promise.resolve();
  }

  /** The whole order books that a filter matches. */
  present(filter: ChannelFilter): readonly Envelope<Orderbook>[] {
    const books: Envelope<Orderbook>[] = [];
    for (const [symbol, book] of this.#books) {
      if (this.#channel.matches(filter, symbol)) books.push(book.whole ??= this.#wholeOf(book));
    }
    return books;
  }

  /** Upstream does not carry pairs any more; `*` stands for all. */
  drop(symbols: readonly string[]): void {
    if (symbols.includes(WILDCARD)) {
      for (const symbol of this.#books.keys()) {
        if (!this.#channel.isCarried(symbol)) this.#books.delete(symbol);
      }
    }
    for (const symbol of symbols) {
      if (!this.#channel.isCarried(symbol)) this.#books.delete(symbol);
    }
  }

  #wholeOf({ bids, asks, last }: Book): Envelope<Orderbook> {
    const { symbol, timestamp } = last.event;
    const event: Orderbook = {
      symbol,
      timestamp,
      bids: levelsOf(bids).sort((one, other) => other.price - one.price),
      asks: levelsOf(asks).sort((one, other) => one.price - other.price),
      reset: true,
    };
    return {
      ...last,
      event,
      origin: "snapshot",
      encoded: undefined,
      encodedWithMeta: undefined,
      holders: 0,
      bytes: this.#channel.bytesOf(event),
    };
  }

  /** @param direction 1 for asks, whose lowest price is the best one; −1 for bids */
  #apply(side: Map<number, number>, changes: readonly BookLevel[], direction: 1 | -1): void {
    for (const { price, size } of changes) {
      if (size === 0) side.delete(price);
      else side.set(price, size);
    }
    if (side.size <= this.#limits.levels) return;
    const prices = [...side.keys()].sort((one, other) => direction * (one - other));
    for (const price of prices.slice(this.#limits.levels)) side.delete(price);
  }
}

function levelsOf(side: ReadonlyMap<number, number>): BookLevel[] {
  return Array.from(side, ([price, size]) => ({ price, size }));
}
