/**
 * One option contract on one feed: its quotes and trades.
 *
 * @module
 */
import type { Message } from "../protocol/messages.ts";
import type { Timestamp } from "../protocol/timestamp.ts";
import type { SeededRandom } from "../random.ts";
import type { Greeks, OptionContract, PriceQuote } from "./prices.ts";
import type { Instrument } from "./universe.ts";

/** Exchanges of options, from Alpaca's table. */
const EXCHANGES = [..."ABCDEHIJMNPQSTUWXZ"];

/** Trade conditions with their usual frequencies. */
const TRADE_CONDITIONS = [..."IIIIIIaaafgjSS"];

/** The only condition of option quotes. */
const QUOTE_CONDITION = "A";

/** Exact prices, or prices modified as on the indicative feed. */
export type OptionFeedStyle = "opra" | "indicative";

/** One contract on one feed; its prices follow the underlying. */
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
  #lastTrade: Message | undefined;
  #lastQuote: Message | undefined;

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

  /** Latest trade, generated or sent by a test. */
  get lastTrade(): Message | undefined {
    return this.#lastTrade;
  }

  /** Latest quote, generated or sent by a test. */
  get lastQuote(): Message | undefined {
    return this.#lastQuote;
  }

  /** Best bid and ask; sizes in contracts. */
  get bestQuote(): PriceQuote {
    return {
      bid: this.#bid / 100,
      bidSize: this.#bidSize,
      ask: this.#ask / 100,
      askSize: this.#askSize,
    };
  }

  /** Moves the prices; the bid of a worthless option is 0. */
  quote(random: SeededRandom, at: Timestamp): Message {
    this.#underlying.step(random);
    this.#updatePrices(random, at);
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

  /** A trade at the bid or the ask; at the ask if the bid is 0. */
  trade(random: SeededRandom, at: Timestamp): Message {
    if (this.#ask === 0) this.#updatePrices(random, at);
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

  /** What the price model says now; undefined without a bid. */
  greeks(nowMs: number): Greeks | undefined {
    if (this.#bid === 0) return undefined;
    return greeksOf(this.contract, this.#marketAt(nowMs));
  }

  /** Takes over a quote or trade that a test sent. */
  observe(message: Message): void {
    if (message.T === "t") this.#lastTrade = message;
    if (message.T !== "q") return;
    this.#lastQuote = message;
    this.#bid = Math.round(Number(message["bp"]) * 100);
    this.#ask = Math.round(Number(message["ap"]) * 100);
    this.#bidSize = Number(message["bs"]);
    this.#askSize = Number(message["as"]);
  }

  /** An adjusted contract is on more shares, or fewer, than the usual 100. */
  #marketAt(nowMs: number): ModelInput {
    return {
      spot: this.#underlying.price * (this.contract.size ?? USUAL_SIZE) / USUAL_SIZE,
      volatility: this.#underlying.issue.volatility,
      yearsLeft: yearsUntil(this.#lastTradingMs, nowMs),
    };
  }

  #updatePrices(random: SeededRandom, at: Timestamp): void {
    const cents = 100 * theoreticalPrice(this.contract, this.#marketAt(at.seconds * 1000));
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

const USUAL_SIZE = 100;
const RATE = 0.04;
const YEAR_MS = 365.25 * 86_400_000;
const SHORTEST_YEARS = 1 / (365 * 24);

/** What a contract's value depends on beside its terms. */
interface ModelInput {
  /** Price in dollars of what it delivers, per share of the usual 100. */
  readonly spot: number;
  readonly volatility: number;
  readonly yearsLeft: number;
}

/**
 * Theoretical price of an option in dollars (Black and Scholes, with a smile
 * that grows away from the money); never below its intrinsic value at the
 * money's forward.
 */
function theoreticalPrice(
  contract: Pick<OptionContract, "strike" | "type">,
  market: ModelInput,
): number {
  const { strike, type } = contract;
  const { spot, yearsLeft } = market;
  const { d1, d2 } = modelTerms(strike, market);
  const discounted = strike * Math.exp(-RATE * yearsLeft);
  const call = spot * normal(d1) - discounted * normal(d2);
  return Math.max(0, type === "call" ? call : call - spot + discounted);
}

/** The Greeks of the same model, with the smile fixed. */
function greeksOf(
  { strike, type }: Pick<OptionContract, "strike" | "type">,
  market: ModelInput,
): Greeks {
  const { spot, yearsLeft } = market;
  const { d1, d2, volatility, deviation } = modelTerms(strike, market);
  const density = Math.exp(-d1 * d1 / 2) / Math.sqrt(2 * Math.PI);
  const discounted = strike * Math.exp(-RATE * yearsLeft);
  const sign = type === "call" ? 1 : -1;
  const decay = spot * density * volatility / (2 * Math.sqrt(yearsLeft));
  return {
    delta: type === "call" ? normal(d1) : normal(d1) - 1,
    gamma: density / (spot * deviation),
    theta: -(decay + sign * RATE * discounted * normal(sign * d2)) / 365,
    vega: spot * density * Math.sqrt(yearsLeft) / 100,
    rho: sign * discounted * yearsLeft * normal(sign * d2) / 100,
    impliedVolatility: volatility,
  };
}

/** The terms of Black and Scholes. */
function modelTerms(strike: number, market: ModelInput) {
  const { spot, yearsLeft } = market;
  const distance = Math.log(strike / spot);
  const volatility = market.volatility * (1 + 2 * distance * distance);
  const deviation = volatility * Math.sqrt(yearsLeft);
  const d1 = (-distance + RATE * yearsLeft) / deviation + deviation / 2;
  return { d1, d2: d1 - deviation, volatility, deviation };
}

/** The last trading time of an expiration day `YYYY-MM-DD`, in ms. */
function lastTradingTime(expiration: string): number {
  return Date.parse(`${expiration}T20:00:00Z`);
}

/** Years until a contract's last trade, at least one hour. */
function yearsUntil(lastTradingMs: number, nowMs: number): number {
  return Math.max(SHORTEST_YEARS, (lastTradingMs - nowMs) / YEAR_MS);
}

/** Cumulative normal distribution (Abramowitz and Stegun 26.2.17). */
function normal(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const density = 0.3989422804014327 * Math.exp((-x * x) / 2);
  const tail = density * t *
    (0.31938153 +
      t * (-0.356563782 +
          t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return x >= 0 ? 1 - tail : tail;
}
