/**
 * One stock as one feed shows it: a book around the instrument's true price,
 * trades at or inside that book, and the bars that these trades make.
 *
 * @module
 */
import type { PriceQuote, SimulatorRandom } from "../ports.ts";
import type { Element } from "../protocol/elements.ts";
import type { Instant } from "../protocol/instant.ts";
import { BarBuilder } from "./bar_builder.ts";
import {
  type FeedStyle,
  REGULAR_QUOTE,
  type TradeConditions,
  tradeConditions,
} from "./feed_style.ts";
import type { Instrument } from "./instrument.ts";

/** Price units per dollar: one ten-thousandth, the finest that prints have. */
const UNITS = 10_000;
const CENT = 100;
const ROUND_LOT = 100;

/** What a trade is made with. */
export interface TradeMoment {
  readonly random: SimulatorRandom;
  readonly at: Instant;
  /** Whether the exchanges are in their regular hours. */
  readonly regularHours: boolean;
}

/** A stock on one feed. */
export class StockListing {
  readonly instrument: Instrument;
  readonly symbol: string;
  readonly tape: string;
  readonly #style: FeedStyle;
  readonly #conditions: TradeConditions;
  #bar = new BarBuilder();
  #day = new BarBuilder();
  #closedBar: BarBuilder | undefined;
  #closedBarChanged = false;
  #bid = 0;
  #ask = 0;
  #bidSize = 0;
  #askSize = 0;
  #nextTradeId: number;
  #lastTrade: Element | undefined;
  #lastQuote: Element | undefined;

  constructor(instrument: Instrument, style: FeedStyle, firstTradeId: number) {
    this.instrument = instrument;
    this.symbol = instrument.issue.symbol;
    this.tape = style.tape ?? instrument.issue.tape;
    this.#style = style;
    this.#conditions = tradeConditions(instrument.issue);
    this.#nextTradeId = firstTradeId;
  }

  /** Latest trade, generated or sent by hand. */
  get lastTrade(): Element | undefined {
    return this.#lastTrade;
  }

  /** Latest quote, generated or sent by hand. */
  get lastQuote(): Element | undefined {
    return this.#lastQuote;
  }

  /** The book as prices and sizes. */
  get book(): PriceQuote {
    return {
      bid: this.#bid / UNITS,
      bidSize: this.#bidSize,
      ask: this.#ask / UNITS,
      askSize: this.#askSize,
    };
  }

  /** Moves the price and the book; the new quote has bid < ask. */
  quote(random: SimulatorRandom, at: Instant): Element {
    this.instrument.step(random);
    this.#rebook(random);
    const style = this.#style;
    return this.#lastQuote = {
      T: "q",
      S: this.symbol,
      bx: random.pick(style.quoteExchanges),
      bp: this.#bid / UNITS,
      bs: this.#bidSize,
      ax: random.pick(style.quoteExchanges),
      ap: this.#ask / UNITS,
      as: this.#askSize,
      c: REGULAR_QUOTE,
      t: at,
      z: this.tape,
    };
  }

  /** A trade at the bid, at the ask, or inside them; it joins the bars. */
  trade(moment: TradeMoment): Element {
    const trade = this.#print(moment);
    const price = Number(trade["p"]);
    const size = Number(trade["s"]);
    this.#bar.add(price, size, size >= ROUND_LOT);
    this.#day.add(price, size, size >= ROUND_LOT);
    return trade;
  }

  /** A trade reported late; it changes the bar before the running one. */
  lateTrade(moment: TradeMoment): Element {
    const trade = this.#print(moment);
    this.#closedBar?.add(Number(trade["p"]), Number(trade["s"]), false);
    this.#closedBarChanged = this.#closedBar !== undefined;
    return { ...trade, c: this.#conditions.late };
  }

  /** The running bar. */
  get bar(): BarBuilder {
    return this.#bar;
  }

  /** The running day. */
  get day(): BarBuilder {
    return this.#day;
  }

  /** The bar before the running one. */
  get closedBar(): BarBuilder | undefined {
    return this.#closedBar;
  }

  /** Ends the running bar and starts the next one. */
  closeBar(): BarBuilder {
    const closed = this.#bar;
    this.#closedBar = closed;
    this.#closedBarChanged = false;
    this.#bar = new BarBuilder();
    return closed;
  }

  /** Starts a new day. */
  closeDay(): void {
    this.#day = new BarBuilder();
  }

  /** The closed bar if late trades changed it since the last call. */
  takeUpdatedBar(): BarBuilder | undefined {
    if (!this.#closedBarChanged) return undefined;
    this.#closedBarChanged = false;
    return this.#closedBar;
  }

  /** Takes over a quote or trade that was sent by hand. */
  observe(element: Element): void {
    if (element.T === "t") {
      this.#lastTrade = element;
      this.instrument.moveTo(Number(element["p"]));
    } else if (element.T === "q") {
      this.#lastQuote = element;
      this.#bid = Math.round(Number(element["bp"]) * UNITS);
      this.#ask = Math.round(Number(element["ap"]) * UNITS);
      this.#bidSize = Number(element["bs"]);
      this.#askSize = Number(element["as"]);
      if (this.#bid > 0 && this.#ask > 0) {
        this.instrument.moveTo((this.#bid + this.#ask) / 2 / UNITS);
      }
    }
  }

  #print(moment: TradeMoment): Element {
    if (this.#bid === 0) this.#rebook(moment.random);
    const inside = moment.random.next() < 0.1;
    const size = tradeSize(moment.random);
    return this.#lastTrade = {
      T: "t",
      S: this.symbol,
      i: this.#nextTradeId++,
      x: inside ? "D" : moment.random.pick(this.#style.tradeExchanges),
      p: this.#tradePrice(moment.random, inside) / UNITS,
      s: size,
      c: this.#condition(moment, size < ROUND_LOT),
      t: moment.at,
      z: this.tape,
    };
  }

  #rebook(random: SimulatorRandom): void {
    const middle = this.instrument.price * UNITS;
    const tick = middle < UNITS ? 1 : CENT;
    const spread = (1 + random.below(3)) * this.#style.spreadFactor *
      Math.max(1, Math.round(middle / 2_000_000));
    const bid = Math.floor((middle - (spread * tick) / 2) / tick);
    this.#bid = Math.max(1, bid) * tick;
    this.#ask = this.#bid + spread * tick;
    this.#bidSize = (1 + random.below(20)) * 100;
    this.#askSize = (1 + random.below(20)) * 100;
  }

  #tradePrice(random: SimulatorRandom, inside: boolean): number {
    if (!inside) return random.next() < 0.5 ? this.#bid : this.#ask;
    return this.#bid + random.below(this.#ask - this.#bid + 1);
  }

  #condition(moment: TradeMoment, oddLot: boolean): readonly string[] {
    const kinds = this.#conditions;
    if (!moment.regularHours) {
      return oddLot ? kinds.extendedOddLot : kinds.extended;
    }
    if (moment.random.next() < 0.25) {
      return oddLot ? kinds.oddSweep : kinds.sweep;
    }
    return oddLot ? kinds.oddLot : kinds.regular;
  }
}

function tradeSize(random: SimulatorRandom): number {
  const kind = random.next();
  if (kind < 0.4) return 1 + random.below(99);
  return kind < 0.8 ? 100 : (2 + random.below(30)) * 100;
}
