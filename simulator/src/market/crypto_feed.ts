/**
 * The messages of one crypto location, around the clock: quotes, trades and
 * changes of order books at the given rate, bars when they are over.
 *
 * @module
 */
import type { Message } from "../protocol/messages.ts";
import type { Timestamp } from "../protocol/timestamp.ts";
import type { SeededRandom } from "../random.ts";
import type { Subscribers } from "../session/subscribers.ts";
import { BarSchedule } from "./bars.ts";
import type { CryptoListing } from "./crypto_listing.ts";
import { type MarketFeed, QUOTES_PER_TRADE, type Span } from "./engine.ts";
import { type Listings, SubscribedListings } from "./listings.ts";

const DAY_MS = 86_400_000;

/** Dependencies of a crypto feed. */
interface CryptoFeedDependencies {
  readonly subscribers: Subscribers;
  readonly listings: Listings<CryptoListing>;
  readonly random: SeededRandom;
  /** Length of a bar. */
  readonly barSeconds: number;
}

/** The messages of one crypto location. */
export class CryptoFeed implements MarketFeed {
  readonly #deps: CryptoFeedDependencies;
  readonly #quotes: SubscribedListings<CryptoListing>;
  readonly #trades: SubscribedListings<CryptoListing>;
  readonly #books: SubscribedListings<CryptoListing>;
  readonly #bars: BarSchedule<CryptoListing>;

  constructor(deps: CryptoFeedDependencies) {
    this.#deps = deps;
    const { subscribers, listings } = deps;
    this.#quotes = new SubscribedListings(subscribers, "quotes", listings);
    this.#trades = new SubscribedListings(subscribers, "trades", listings);
    this.#books = new SubscribedListings(subscribers, "orderbooks", listings);
    this.#bars = new BarSchedule({
      ...deps,
      unsentTrade: (listing, at) => void this.#trade(listing, at),
      dayOf: (nowMs) => Math.floor(nowMs / DAY_MS) * DAY_MS,
      fillEmptyBar: (listing) => listing.markBar(),
    });
  }

  weight(): number {
    return (this.#quotes.listings.length + this.#books.listings.length) * QUOTES_PER_TRADE +
      this.#trades.listings.length;
  }

  produce(count: number, span: Span): void {
    const { random } = this.#deps;
    const moving = [...this.#quotes.listings, ...this.#books.listings];
    const trades = this.#trades.listings;
    const movingWeight = moving.length * QUOTES_PER_TRADE;
    const share = movingWeight / (movingWeight + trades.length);
    for (let published = 0; published < count;) {
      const at = span.from.plus((published + random.next()) * span.nanos / count);
      published += random.next() < share
        ? this.#move(random.pick(moving), at)
        : this.#trade(random.pick(trades), at);
    }
  }

  advanceTo(now: Timestamp): void {
    this.#bars.advanceTo(now);
  }

  flush(): void {
    this.#deps.subscribers.flush();
  }

  /** The present order book of a pair, or of all with `*`. */
  orderBooks(symbol: string, at: Timestamp): readonly Message[] {
    const { listings, random } = this.#deps;
    const listing = listings.get(symbol);
    const wanted = symbol === "*" ? listings.all() : listing ? [listing] : [];
    return wanted.map((each) => each.fullBook(random, at));
  }

  /** Moves a pair: its order book and its quote. Returns the number of messages. */
  #move(listing: CryptoListing, at: Timestamp): number {
    const { subscribers, random } = this.#deps;
    const change = listing.move(random, at);
    const quote = listing.quote(random, at);
    let published = 0;
    if (subscribers.has("orderbooks", listing.symbol)) {
      subscribers.publish(change);
      published++;
    }
    if (subscribers.has("quotes", listing.symbol)) {
      subscribers.publish(quote);
      published++;
    }
    return Math.max(1, published);
  }

  #trade(listing: CryptoListing, at: Timestamp): number {
    const { subscribers, random } = this.#deps;
    // The price moves if neither quotes nor order books do it.
    const isMoved = subscribers.has("quotes", listing.symbol) ||
      subscribers.has("orderbooks", listing.symbol);
    if (!isMoved) listing.move(random, at);
    subscribers.publish(listing.trade(random, at));
    return 1;
  }
}
