/**
 * The messages of one stock endpoint: quotes and trades at the given rate, bars
 * when they are over, and at random corrections, cancels, late trades and halts.
 * Nothing is generated for channels and symbols without a subscription.
 *
 * @module
 */
import type { Faults } from "../faults.ts";
import type { Encodable, Message } from "../protocol/messages.ts";
import { Timestamp, timestampFromMillis } from "../protocol/timestamp.ts";
import type { SeededRandom } from "../random.ts";
import type { Subscribers } from "../session/subscribers.ts";
import { BarSchedule } from "./bars.ts";
import { isRegularHours } from "./calendar.ts";
import { type MarketFeed, QUOTES_PER_TRADE, type Span } from "./engine.ts";
import { Halts } from "./halts.ts";
import { type Listings, SubscribedListings } from "./listings.ts";
import type { StockListing } from "./stock_listing.ts";

/** Of this many trades one is corrected and one cancelled. */
const TRADES_PER_CORRECTION = 4000;
/** Of this many trades one is late. */
const TRADES_PER_LATE_ONE = 1000;
const NANOS = 1e9;

/**
 * What can happen to a stock on demand: a halt (until `resume`), a price band,
 * an order imbalance, a correction or a cancel of its latest trade, a late trade
 * that updates the bar before, the daily bar.
 */
export type MarketEvent =
  | "halt"
  | "resume"
  | "band"
  | "imbalance"
  | "correction"
  | "cancel"
  | "updated_bar"
  | "daily_bar";

/** Dependencies of a stock feed. */
interface StockFeedDependencies {
  readonly subscribers: Subscribers;
  readonly listings: Listings<StockListing>;
  readonly random: SeededRandom;
  readonly faults: Faults;
  /** Length of a bar. */
  readonly barSeconds: number;
  /** Mean time between halts. */
  readonly haltEverySeconds: number;
  /** Delay of all timestamps. */
  readonly delaySeconds: number;
  /** Whether a few trades are late, corrected or cancelled without a fault. */
  readonly irregularTrades: boolean;
}

/** The messages of one stock endpoint. */
export class StockFeed implements MarketFeed {
  readonly #deps: StockFeedDependencies;
  readonly #quotes: SubscribedListings<StockListing>;
  readonly #trades: SubscribedListings<StockListing>;
  readonly #bars: BarSchedule<StockListing>;
  readonly #halts: Halts;
  #hoursSecond = NaN;
  #regularHours = false;

  constructor(deps: StockFeedDependencies) {
    this.#deps = deps;
    const { subscribers, listings } = deps;
    this.#quotes = new SubscribedListings(subscribers, "quotes", listings);
    this.#trades = new SubscribedListings(subscribers, "trades", listings);
    this.#halts = new Halts(deps);
    this.#bars = new BarSchedule({
      ...deps,
      unsentTrade: (listing, at) => this.#unsentTrade(listing, at),
    });
  }

  weight(): number {
    return this.#quotes.listings.length * QUOTES_PER_TRADE +
      this.#trades.listings.length;
  }

  produce(count: number, span: Span): void {
    const quotes = this.#quotes.listings;
    const trades = this.#trades.listings;
    const { random, delaySeconds } = this.#deps;
    const quoteWeight = quotes.length * QUOTES_PER_TRADE;
    const share = quoteWeight / (quoteWeight + trades.length);
    for (let index = 0; index < count; index++) {
      const offset = (index + random.next()) * span.nanos / count;
      const at = span.from.plus(offset - delaySeconds * NANOS);
      if (random.next() < share) this.#quote(random.pick(quotes), at);
      else this.#trade(random.pick(trades), at);
    }
  }

  advanceTo(now: Timestamp): void {
    const at = now.plus(-this.#deps.delaySeconds * NANOS);
    this.#bars.advanceTo(at);
    this.#halts.advanceTo(at);
  }

  flush(): void {
    this.#deps.subscribers.flush();
  }

  /** Lets something happen now. Throws a RangeError if it cannot. */
  trigger(event: MarketEvent, symbol: string, now: Timestamp): void {
    const listing = this.#deps.listings.get(symbol);
    if (!listing) throw new RangeError(`there is no stock ${symbol}`);
    const at = now.plus(-this.#deps.delaySeconds * NANOS);
    switch (event) {
      case "halt":
      case "resume":
      case "band":
      case "imbalance":
        this.#halts.trigger(event, listing, at);
        break;
      case "correction":
      case "cancel":
        this.#changeLatest(event, listing, at);
        break;
      case "updated_bar":
        this.#updateBar(listing, at);
        break;
      case "daily_bar":
        this.#bars.publishDay(listing, at);
        break;
      default:
        throw new RangeError(`there is no market event ${event}`);
    }
    this.flush();
  }

  #changeLatest(event: "correction" | "cancel", listing: StockListing, at: Timestamp): void {
    const trade = listing.lastTrade;
    if (!trade) throw new RangeError(`${listing.symbol} has no trade yet`);
    this.#deps.subscribers.publish(
      event === "cancel" ? cancelOf(trade, at, "C") : correctionOf(trade, listing, at),
    );
  }

  #updateBar(listing: StockListing, at: Timestamp): void {
    const { barSeconds, subscribers } = this.#deps;
    const before = Math.floor(at.seconds / barSeconds) * barSeconds - 1;
    this.#followPrice(listing, at);
    subscribers.publish(listing.lateTrade(this.#input(new Timestamp(before, at.nanos))));
    this.#bars.publishUpdate(listing, before);
  }

  #quote(listing: StockListing, at: Timestamp): void {
    if (this.#halts.isHalted(listing.symbol)) return;
    this.#deps.subscribers.publish(listing.quote(this.#deps.random, at));
  }

  #trade(listing: StockListing, at: Timestamp): void {
    const { subscribers, random, faults, irregularTrades } = this.#deps;
    if (this.#halts.isHalted(listing.symbol)) return;
    const late = faults.takeLateTrade() ||
      (random.next() < 1 / TRADES_PER_LATE_ONE && irregularTrades);
    this.#followPrice(listing, at);
    const trade = late
      ? listing.lateTrade(this.#input(at.plus(-this.#lateness())))
      : listing.trade(this.#input(at));
    subscribers.publish(trade);
    const correction = this.#correctionOf(trade, listing, at);
    if (correction) subscribers.publish(correction);
  }

  /** Moves the prices if no quote does, so that trade prices change. */
  #followPrice(listing: StockListing, at: Timestamp): void {
    const { subscribers, random } = this.#deps;
    if (subscribers.has("quotes", listing.symbol)) return;
    subscribers.publish(listing.quote(random, at));
  }

  #unsentTrade(listing: StockListing, at: Timestamp): void {
    this.#followPrice(listing, at);
    this.#deps.subscribers.publish(listing.trade(this.#input(at)));
  }

  #correctionOf(trade: Message, listing: StockListing, at: Timestamp): Message | undefined {
    const { random, faults, irregularTrades } = this.#deps;
    const planned = faults.takeTradeCorrection();
    const drawn = random.next() * TRADES_PER_CORRECTION;
    const chance = irregularTrades ? drawn : Infinity;
    if (planned === "correct" || chance < 1) return correctionOf(trade, listing, at);
    return planned === "cancel" || chance < 2
      ? cancelOf(trade, at, chance < 1.5 ? "E" : "C")
      : undefined;
  }

  /** Age of a late trade in nanoseconds. */
  #lateness(): number {
    const { random, barSeconds } = this.#deps;
    return (0.3 + random.next()) * barSeconds * NANOS;
  }

  #input(at: Timestamp) {
    if (at.seconds !== this.#hoursSecond) {
      this.#hoursSecond = at.seconds;
      const start = timestampFromMillis(at.seconds * 1000);
      this.#regularHours = isRegularHours(start.seconds * 1000);
    }
    return {
      random: this.#deps.random,
      at,
      regularHours: this.#regularHours,
    };
  }
}

/** A `c` message: the trade at one cent more with a new id. */
function correctionOf(trade: Message, listing: StockListing, at: Timestamp): Message {
  const price = Number(trade["p"]);
  return {
    T: "c",
    S: trade.S,
    x: field(trade, "x"),
    oi: field(trade, "i"),
    op: price,
    os: field(trade, "s"),
    oc: field(trade, "c"),
    ci: listing.takeCorrectionId(),
    cp: Math.round((price + 0.01) * 10_000) / 10_000,
    cs: field(trade, "s"),
    cc: field(trade, "c"),
    t: at,
    z: field(trade, "z"),
  };
}

/** An `x` message for a trade: `C` cancelled, `E` sent in error. */
function cancelOf(
  trade: Message,
  at: Timestamp,
  action: "C" | "E",
): Message {
  return {
    T: "x",
    S: trade.S,
    i: field(trade, "i"),
    x: field(trade, "x"),
    p: field(trade, "p"),
    s: field(trade, "s"),
    a: action,
    t: at,
    z: field(trade, "z"),
  };
}

function field(trade: Message, key: string): Encodable {
  return trade[key] ?? null;
}

const QUOTE_EVERY_SECONDS = 5;
const TRADE_EVERY_SECONDS = 5;
const TRADE_PHASE = 2;

/**
 * The test stream: FAKEPACA around the clock, a quote every five seconds and a
 * trade in between, independent of the market's rate.
 */
export class TestFeed implements MarketFeed {
  readonly #subscribers: Subscribers;
  readonly #random: SeededRandom;
  readonly #listing: StockListing | undefined;
  readonly #bars: BarSchedule<StockListing>;
  #second = NaN;

  constructor(deps: StockFeedDependencies) {
    this.#subscribers = deps.subscribers;
    this.#random = deps.random;
    this.#listing = deps.listings.all()[0];
    const unsentTrade = (listing: StockListing, at: Timestamp) =>
      void this.#subscribers.publish(listing.trade(this.#input(at)));
    this.#bars = new BarSchedule({ ...deps, unsentTrade });
  }

  weight(): number {
    return 0;
  }

  produce(): void {
    // The test stream does not depend on the rate.
  }

  advanceTo(now: Timestamp): void {
    this.#bars.advanceTo(now);
    const listing = this.#listing;
    if (now.seconds === this.#second || !listing) return;
    this.#second = now.seconds;
    if (now.seconds % QUOTE_EVERY_SECONDS === 0) {
      this.#subscribers.publish(listing.quote(this.#random, now));
    }
    if (now.seconds % TRADE_EVERY_SECONDS === TRADE_PHASE) {
      this.#subscribers.publish(listing.trade(this.#input(now)));
    }
  }

  flush(): void {
    this.#subscribers.flush();
  }

  #input(at: Timestamp) {
    return { random: this.#random, at, regularHours: true };
  }
}
