/**
 * The crypto pairs of the simulated market, each with its order book, trades
 * and bars at one location.
 *
 * @module
 */
import type { CryptoEndpoint } from "../protocol/endpoints.ts";
import type { Message } from "../protocol/messages.ts";
import type { Timestamp } from "../protocol/timestamp.ts";
import type { SeededRandom } from "../random.ts";
import { BarBuilder } from "./bar_builder.ts";
import type { Listings } from "./listings.ts";
import { OrderBook } from "./order_book.ts";
import { Instrument, type Priced } from "./universe.ts";

/** Pair, price, yearly volatility in percent. */
const LISTED = `
BTC/USD 64250 55|ETH/USD 3120 65|SOL/USD 145.2 85|LTC/USD 71.4 70|BCH/USD 385.6 75
DOGE/USD 0.1234 95|AVAX/USD 27.35 90|LINK/USD 13.82 80|UNI/USD 8.41 90|AAVE/USD 142.7 85
XRP/USD 0.5312 75|DOT/USD 4.62 80|SHIB/USD 0.0000178 110|BTC/USDC 64248 55|BTC/USDT 64252 55
ETH/USDC 3119.8 65|ETH/BTC 0.04856 35
`;

/** The crypto pairs that are traded. */
export const CRYPTO_PAIRS: readonly Priced[] = LISTED.trim()
  .split(/[|\n]/)
  .map((row) => {
    const [symbol = "", price, volatility] = row.trim().split(" ");
    return { symbol, price: Number(price), volatility: Number(volatility) / 100 };
  });

/** Trade ids pass 2^53, as real ones do; those of a location start apart. */
const FIRST_TRADE_ID = 3_447_222_699_101_865_076n;
const TRADE_IDS_PER_PAIR = 10_000_000n;

/** Significant digits of a price. */
const PRICE_DIGITS = 6;
/** Sizes are multiples of a billionth. */
const SIZE_UNITS = 1e9;
/** Value of a usual order in the currency of the pair. */
const ORDER_VALUE = 5_000;

/** Rounds a size or volume to the places that it has. */
export function roundCryptoSize(size: number): number {
  return Math.round(size * SIZE_UNITS) / SIZE_UNITS;
}

/** One pair at one location. */
export class CryptoListing {
  readonly symbol: string;
  readonly instrument: Instrument<Priced>;
  readonly #book: OrderBook;
  readonly #size: (random: SeededRandom) => number;
  #bar = newBar();
  #day = newBar();
  #nextTradeId: bigint;
  #lastTrade: Message | undefined;
  #lastQuote: Message | undefined;

  constructor(instrument: Instrument<Priced>, firstTradeId: bigint) {
    this.instrument = instrument;
    const { symbol, price } = instrument.issue;
    this.symbol = symbol;
    this.#nextTradeId = firstTradeId;
    const digits = PRICE_DIGITS - 1 - Math.floor(Math.log10(price));
    const usual = symbol.endsWith("/BTC") ? ORDER_VALUE / 64_250 : ORDER_VALUE;
    this.#size = (random) => {
      const size = 2 * random.next() * usual / price;
      // Every tenth order is of whole coins.
      return random.next() < 0.1 ? Math.ceil(size) : Math.max(roundCryptoSize(size), 1e-9);
    };
    this.#book = new OrderBook({ scale: 10 ** Math.max(0, digits), size: this.#size });
  }

  /** Latest trade, generated or sent by a test. */
  get lastTrade(): Message | undefined {
    return this.#lastTrade;
  }

  /** Latest quote, generated or sent by a test. */
  get lastQuote(): Message | undefined {
    return this.#lastQuote;
  }

  /** The current bar. */
  get bar(): BarBuilder {
    return this.#bar;
  }

  /** The bar of the current day. */
  get day(): BarBuilder {
    return this.#day;
  }

  /** Moves the price and the order book; returns the levels that have changed. */
  move(random: SeededRandom, at: Timestamp): Message {
    this.instrument.step(random);
    const { b, a } = this.#book.moveTo(this.instrument.price, random);
    return { T: "o", S: this.symbol, t: at, b: b.map(level), a: a.map(level) };
  }

  /** The best levels of the order book. */
  quote(random: SeededRandom, at: Timestamp): Message {
    const { bid, ask } = this.#best(random, at);
    return this.#lastQuote = {
      T: "q",
      S: this.symbol,
      bp: bid.p,
      bs: bid.s,
      ap: ask.p,
      as: ask.s,
      t: at,
    };
  }

  /** A trade at the best bid or ask; added to the bars. */
  trade(random: SeededRandom, at: Timestamp): Message {
    const { bid, ask } = this.#best(random, at);
    const isBuy = random.next() < 0.5;
    const price = isBuy ? ask.p : bid.p;
    const size = this.#size(random);
    this.#bar.add(price, size, true);
    this.#day.add(price, size, true);
    return this.#lastTrade = {
      T: "t",
      S: this.symbol,
      p: price,
      s: size,
      t: at,
      i: this.#nextTradeId++,
      tks: isBuy ? "B" : "S",
    };
  }

  /** The whole order book, as the first message of a subscription. */
  fullBook(random: SeededRandom, at: Timestamp): Message {
    this.#best(random, at);
    const { b, a } = this.#book.levels();
    return { T: "o", S: this.symbol, t: at, b: b.map(level), a: a.map(level), r: true };
  }

  /** Gives the current bar, which has no trades, the middle of the quote as its prices. */
  markBar(): void {
    const best = this.#book.best;
    if (best) this.#bar.mark((best.bid.p + best.ask.p) / 2);
  }

  /** Closes the current bar and starts the next one. */
  closeBar(): BarBuilder {
    const closed = this.#bar;
    this.#bar = newBar();
    return closed;
  }

  /** Crypto trades are never late. */
  takeUpdatedBar(): undefined {
    return undefined;
  }

  /** Starts a new day. */
  closeDay(): void {
    this.#day = newBar();
  }

  /** Takes over a quote, a trade or an order book that a test sent. */
  observe(message: Message): void {
    if (message.T === "t") {
      this.#lastTrade = message;
      this.instrument.moveTo(Number(message["p"]));
    } else if (message.T === "q") this.#lastQuote = message;
    else if (message.T === "o") this.#book.observe(message);
  }

  /** The best levels; an order book that has none is filled first. */
  #best(random: SeededRandom, at: Timestamp) {
    const best = this.#book.best;
    if (best) return best;
    this.move(random, at);
    const filled = this.#book.best;
    if (filled) return filled;
    // An order book that was moved has levels on both sides of its price.
    throw new Error(`the order book of ${this.symbol} is empty`);
  }
}

function level({ p, s }: { p: number; s: number }) {
  return { p, s };
}

function newBar(): BarBuilder {
  return new BarBuilder(roundCryptoSize);
}

/** Every pair at one location. */
export class CryptoListings implements Listings<CryptoListing> {
  readonly version = 0;
  readonly #bySymbol: ReadonlyMap<string, CryptoListing>;

  constructor(endpoint: CryptoEndpoint, random: SeededRandom) {
    const offset = BigInt(random.below(1_000_000)) + BigInt(endpoint.length) * 10n ** 12n;
    this.#bySymbol = new Map(
      CRYPTO_PAIRS.map((pair, index) => {
        const id = FIRST_TRADE_ID + offset + BigInt(index) * TRADE_IDS_PER_PAIR;
        return [pair.symbol, new CryptoListing(new Instrument(pair), id)];
      }),
    );
  }

  get(symbol: string): CryptoListing | undefined {
    return this.#bySymbol.get(symbol);
  }

  all(): readonly CryptoListing[] {
    return [...this.#bySymbol.values()];
  }
}
