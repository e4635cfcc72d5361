/**
 * Keeps the order book of each pair, so that a stream that opens later starts with the whole one.
 *
 * Alpaca sends a whole order book after a subscription and then only changes. The changes are
 * published as they arrive. An order book is kept from a whole one on, until upstream does not
 * carry its pair any more; the session that follows begins with another whole one.
 *
 * A change that cannot be read leaves an order book wrong. It is then forgotten, another whole one
 * is requested, and changes of the pair are not published before that has arrived.
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

/** Pairs without a stream or message of their own whose order books can be known as wrong. */
const MAX_UNKNOWN = 1_000;

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

/** Requests whole order books. */
interface WholeBookRequests {
  /** The order book of a pair is wrong. */
  lost(symbol: string): void;
  /** The whole order book of a pair has arrived. */
  arrived(symbol: string): void;
  /** The order book of a pair is not needed any more. */
  forget(symbol: string): void;
}

/** The order books of all pairs that upstream carries. */
export class OrderBooks implements EventSink<Orderbook>, PresentState<Orderbook> {
  readonly isComplete = true;
  readonly #channel: Channel<Orderbook>;
  readonly #limits: typeof LIMITS;
  readonly #requests: WholeBookRequests | undefined;
  readonly #awaitsWhole: boolean;
  readonly #books = new Map<string, Book>();
  /** Pairs of which a change was lost since their last whole order books. */
  readonly #wrong = new Set<string>();
  /** Pairs that are no longer wrong since one frame, and its time of arrival. */
  readonly #renewed = new Set<string>();
  #renewedAt = NaN;

  /**
   * @param limits numbers, at least 1
   * @param requests of whole order books in place of wrong ones. @default they are awaited only
   * @param awaitsWhole whether changes may arrive of pairs that are not carried yet, and are not
   *   published: at an edge, since others may have subscribed them. @default false
   */
  constructor(
    channel: Channel<Orderbook>,
    limits: typeof LIMITS = LIMITS,
    requests?: WholeBookRequests,
    awaitsWhole = false,
  ) {
    this.#channel = channel;
    this.#limits = limits;
    this.#requests = requests;
    this.#awaitsWhole = awaitsWhole;
  }

  /** Always: an order book is kept also while no stream is open. */
  mayHaveSubscribers(): boolean {
    return true;
  }

  publish(event: Orderbook, receivedAt: number): void {
    const { symbol, reset } = event;
    if (!reset && this.#isTooEarly(symbol)) return;
    if (this.#wrong.size > 0 && this.#wrong.has(symbol)) {
      if (!reset) return;
      this.#wrong.delete(symbol);
      if (receivedAt !== this.#renewedAt) this.#renewed.clear();
      this.#renewedAt = receivedAt;
      this.#renewed.add(symbol);
      this.#requests?.arrived(symbol);
    }
    const last = this.#channel.publish(event, receivedAt);
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
    if (symbol !== undefined) return this.#lose(symbol);
    // It may have been a change of any pair.
    this.#channel.forEachSymbol((entry) => this.#lose(entry.symbol));
  }

  /**
   * Whether a change of a pair was lost since its last whole order book, or comes before the first
   * one.
   */
  isWrong(symbol: string): boolean {
    return this.#wrong.has(symbol) || this.#isTooEarly(symbol);
  }

  /**
   * Whether the whole order book of a wrong pair has arrived in a frame, in which there may be
   * changes before it.
   *
   * @param receivedAt that of the frame
   */
  isRenewedBy(receivedAt: number, symbol: string): boolean {
    return receivedAt === this.#renewedAt && this.#renewed.has(symbol);
  }

  /** Whether the order book of a pair is kept. */
  has(symbol: string): boolean {
    return this.#books.has(symbol);
  }

  /** The whole order books of pairs that are kept; `*` stands for all. */
  wholeOf(symbols: readonly string[]): readonly Orderbook[] {
    const found = symbols.includes(WILDCARD) ? [...this.#books.keys()] : symbols;
    return found.flatMap((symbol) => {
      const book = this.#books.get(symbol);
      return book ? [(book.whole ??= this.#wholeOf(book)).event] : [];
    });
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

  /**
   * Upstream does not carry pairs any more; `*` stands for all.
   *
   * @param isRequested whether streams still request them
   */
  drop(symbols: readonly string[], isRequested = false): void {
    const all = symbols.includes(WILDCARD) ? [...this.#books.keys(), ...this.#wrong] : [];
    for (const symbol of [...all, ...symbols]) {
      if (this.#channel.isCarried(symbol)) continue;
      this.#books.delete(symbol);
      // Another whole one is still awaited.
      if (!isRequested && this.#wrong.delete(symbol)) this.#requests?.forget(symbol);
    }
  }

  /** Whether changes of a pair come before its whole order book. */
  #isTooEarly(symbol: string): boolean {
    return this.#awaitsWhole && !this.#books.has(symbol) && !this.#channel.isCarried(symbol);
  }

  /** The order book of a pair is wrong from now on. */
  #lose(symbol: string): void {
    if (this.#wrong.has(symbol)) return;
    const wasKept = this.#books.delete(symbol);
    if (!wasKept && !this.#channel.isCarried(symbol)) return;
    const isKnown = this.#channel.symbol(symbol) !== undefined;
    if (!isKnown && this.#wrong.size >= MAX_UNKNOWN) return;
    this.#wrong.add(symbol);
    this.#requests?.lost(symbol);
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
