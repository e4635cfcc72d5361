/**
 * What one stock endpoint publishes: quotes and trades at the rate it is
 * given, bars when their time is over, and now and then what goes wrong in
 * real markets: corrections, cancels, late trades, halts.
 *
 * Nothing is made for channels and symbols that nobody listens to.
 *
 * @module
 */
import type { Faults } from "../faults/faults.ts";
import type { SimulatorRandom } from "../ports.ts";
import type { Element } from "../protocol/elements.ts";
import { type Instant, instantFromMillis } from "../protocol/instant.ts";
import type { Audience } from "../session/audience.ts";
import { BarSchedule } from "./bar_schedule.ts";
import { isRegularHours } from "./calendar.ts";
import {
  type Listings,
  type MarketFeed,
  QUOTES_PER_TRADE,
  type Span,
  Wanted,
} from "./feed.ts";
import { Interruptions } from "./interruptions.ts";
import type { StockListing } from "./stock_listing.ts";
import { cancelOf, correctionOf } from "./trade_sequels.ts";

/** One trade in so many is corrected, and as many are cancelled. */
const TRADES_PER_SEQUEL = 4000;
/** One trade in so many is reported late. */
const TRADES_PER_LATE_ONE = 1000;
const NANOS = 1e9;

/** What a stock feed is made of. */
export interface StockFeedParts {
  readonly audience: Audience;
  readonly listings: Listings<StockListing>;
  readonly random: SimulatorRandom;
  readonly faults: Faults;
  /** Length of a bar. */
  readonly barSeconds: number;
  /** Mean time between halts. */
  readonly haltEverySeconds: number;
  /** How far timestamps lie in the past. */
  readonly delaySeconds: number;
}

/** One stock endpoint's elements. */
export class StockFeed implements MarketFeed {
  readonly #parts: StockFeedParts;
  readonly #quotes: Wanted<StockListing>;
  readonly #trades: Wanted<StockListing>;
  readonly #bars: BarSchedule;
  readonly #interruptions: Interruptions;
  #hoursSecond = NaN;
  #regularHours = false;

  constructor(parts: StockFeedParts) {
    this.#parts = parts;
    const { audience, listings } = parts;
    this.#quotes = new Wanted(audience, "quotes", listings);
    this.#trades = new Wanted(audience, "trades", listings);
    this.#interruptions = new Interruptions(parts);
    this.#bars = new BarSchedule({
      ...parts,
      silentTrade: (listing, at) => this.#silentTrade(listing, at),
    });
  }

  weight(): number {
    return this.#quotes.listings.length * QUOTES_PER_TRADE +
      this.#trades.listings.length;
  }

  produce(count: number, span: Span): void {
    const quotes = this.#quotes.listings;
    const trades = this.#trades.listings;
    const { random, delaySeconds } = this.#parts;
    const quoteWeight = quotes.length * QUOTES_PER_TRADE;
    const share = quoteWeight / (quoteWeight + trades.length);
    for (let index = 0; index < count; index++) {
      const offset = (index + random.next()) * span.nanos / count;
      const at = span.from.plus(offset - delaySeconds * NANOS);
      if (random.next() < share) this.#quote(random.pick(quotes), at);
      else this.#trade(random.pick(trades), at);
    }
  }

  keepTime(now: Instant): void {
    const at = now.plus(-this.#parts.delaySeconds * NANOS);
    this.#bars.keepTime(at);
    this.#interruptions.keepTime(at);
  }

  flush(): void {
    this.#parts.audience.flush();
  }

  #quote(listing: StockListing, at: Instant): void {
    if (this.#isSilent(listing.symbol)) return;
    this.#parts.audience.publish(listing.quote(this.#parts.random, at));
  }

  #trade(listing: StockListing, at: Instant): void {
    const { audience, random, faults } = this.#parts;
    if (this.#isSilent(listing.symbol)) return;
    const late = faults.takeLateTrade() ||
      random.next() < 1 / TRADES_PER_LATE_ONE;
    this.#followPrice(listing, at);
    const trade = late
      ? listing.lateTrade(this.#moment(at.plus(-this.#lateness())))
      : listing.trade(this.#moment(at));
    audience.publish(trade);
    const sequel = this.#sequelOf(trade, at);
    if (sequel) audience.publish(sequel);
  }

  /** Moves the book when no quotes do it, so that trades are not stuck. */
  #followPrice(listing: StockListing, at: Instant): void {
    const { audience, random } = this.#parts;
    if (!audience.wants("quotes", listing.symbol)) listing.quote(random, at);
  }

  #silentTrade(listing: StockListing, at: Instant): void {
    this.#followPrice(listing, at);
    listing.trade(this.#moment(at));
  }

  #sequelOf(trade: Element, at: Instant): Element | undefined {
    const { random, faults } = this.#parts;
    const planned = faults.takeTradeSequel();
    const chance = random.next() * TRADES_PER_SEQUEL;
    if (planned === "correct" || chance < 1) return correctionOf(trade, at);
    return planned === "cancel" || chance < 2
      ? cancelOf(trade, at, chance < 1.5 ? "E" : "C")
      : undefined;
  }

  /** How long ago a late trade happened, in nanoseconds. */
  #lateness(): number {
    const { random, barSeconds } = this.#parts;
    return (0.3 + random.next()) * barSeconds * NANOS;
  }

  #isSilent(symbol: string): boolean {
    return this.#parts.faults.isSymbolMuted(symbol) ||
      this.#interruptions.isHalted(symbol);
  }

  #moment(at: Instant) {
    if (at.seconds !== this.#hoursSecond) {
      this.#hoursSecond = at.seconds;
      const start = instantFromMillis(at.seconds * 1000);
      this.#regularHours = isRegularHours(start.seconds * 1000);
    }
    return {
      random: this.#parts.random,
      at,
      regularHours: this.#regularHours,
    };
  }
}
