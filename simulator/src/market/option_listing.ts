import type { OptionContract, PriceQuote, SimulatorRandom } from "../ports.ts";
import type { Element } from "../protocol/elements.ts";
import type { Instant } from "../protocol/instant.ts";
import type { Instrument } from "./instrument.ts";
import {
  lastTradingTime,
  theoreticalPrice,
  yearsUntil,
} from "./option_pricing.ts";

/** Exchanges of options, from Alpaca's table. */
const EXCHANGES = [..."ABCDEHIJMNPQSTUWXZ"];

/** Trade conditions with their usual frequencies. */
const TRADE_CONDITIONS = [..."IIIIIIaaafgjSS"];

/** Quotes only ever show this condition. */
const QUOTE_CONDITION = "A";

/** Whether prices are the market's own or made imprecise on purpose. */
export type OptionFeedStyle = "opra" | "indicative";

/** One contract on one feed: its book follows the underlying's price. */
export class OptionListing {
  readonly contract: OptionContract;
  readonly symbol: string;
  readonly #underlying: Instrument;
  readonly #style: OptionFeedStyle;
  readonly #lastTradingMs: number;
  #bid = 0;
  #ask = 0;
  #bidSize = 0;
  #askSize = 0;
  #lastTrade: Element | undefined;
  #lastQuote: Element | undefined;

  constructor(
    contract: OptionContract,
    underlying: Instrument,
    style: OptionFeedStyle,
  ) {
    this.contract = contract;
    this.symbol = contract.symbol;
    this.#underlying = underlying;
    this.#style = style;
    this.#lastTradingMs = lastTradingTime(contract.expiration);
  }

  /** Latest trade, generated or sent by hand. */
  get lastTrade(): Element | undefined {
    return this.#lastTrade;
  }

  /** Latest quote, generated or sent by hand. */
  get lastQuote(): Element | undefined {
    return this.#lastQuote;
  }

  /** The book as prices and sizes in contracts. */
  get book(): PriceQuote {
    return {
      bid: this.#bid / 100,
      bidSize: this.#bidSize,
      ask: this.#ask / 100,
      askSize: this.#askSize,
    };
  }

  /** Moves the underlying and the book; a worthless option's bid is 0. */
  quote(random: SimulatorRandom, at: Instant): Element {
    this.#underlying.step(random);
    this.#rebook(random, at);
    return this.#lastQuote = {
      T: "q",
      S: this.symbol,
      bx: random.pick(EXCHANGES),
      bp: this.#bid / 100,
      bs: this.#bidSize,
      ax: random.pick(EXCHANGES),
      ap: this.#ask / 100,
      as: this.#askSize,
      c: QUOTE_CONDITION,
      t: at,
    };
  }

  /** A trade at the bid or the ask; at the ask when nobody bids. */
  trade(random: SimulatorRandom, at: Instant): Element {
    if (this.#ask === 0) this.#rebook(random, at);
    const sells = random.next() < 0.5 && this.#bid > 0;
    return this.#lastTrade = {
      T: "t",
      S: this.symbol,
      p: (sells ? this.#bid : this.#ask) / 100,
      s: 1 + random.below(random.next() < 0.1 ? 200 : 10),
      x: random.pick(EXCHANGES),
      c: random.pick(TRADE_CONDITIONS),
      t: at,
    };
  }

  /** Takes over a quote or trade that was sent by hand. */
  observe(element: Element): void {
    if (element.T === "t") this.#lastTrade = element;
    if (element.T !== "q") return;
    this.#lastQuote = element;
    this.#bid = Math.round(Number(element["bp"]) * 100);
    this.#ask = Math.round(Number(element["ap"]) * 100);
    this.#bidSize = Number(element["bs"]);
    this.#askSize = Number(element["as"]);
  }

  #rebook(random: SimulatorRandom, at: Instant): void {
    const cents = 100 * theoreticalPrice(this.contract, {
      spot: this.#underlying.price,
      volatility: this.#underlying.issue.volatility,
      yearsLeft: yearsUntil(this.#lastTradingMs, at.seconds * 1000),
    });
    const indicative = this.#style === "indicative";
    const middle = indicative ? cents * (1 + random.gaussian() * 0.03) : cents;
    const half = (1 + middle * 0.01) * (indicative ? 2.5 : 1);
    const tick = middle < 300 ? 1 : 5;
    this.#bid = Math.max(0, Math.floor((middle - half) / tick)) * tick;
    const ask = Math.ceil((middle + half) / tick) * tick;
    this.#ask = Math.max(this.#bid + tick, ask);
    this.#bidSize = this.#bid === 0 ? 0 : 1 + random.below(150);
    this.#askSize = 1 + random.below(150);
  }
}
