/**
 * One stock on one feed: quotes around the instrument's price, trades at or
 * between bid and ask, and the bars of these trades.
 *
 * @module
 */
import type { EndpointName } from "../protocol/endpoints.ts";
import type { Message } from "../protocol/messages.ts";
import type { Timestamp } from "../protocol/timestamp.ts";
import type { SeededRandom } from "../random.ts";
import { BarBuilder } from "./bar_builder.ts";
import type { PriceQuote } from "./prices.ts";
import { type FractionalSizes, roundSize, withFraction, writeSize } from "./sizes.ts";
import type { Instrument, Issue } from "./universe.ts";

/** Price units per dollar: trade prices have at most four decimals. */
const UNITS = 10_000;
const CENT = 100;
const ROUND_LOT = 100;

/** Inputs of a generated trade. */
interface TradeInput {
  readonly random: SeededRandom;
  readonly at: Timestamp;
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
  readonly #sizes: FractionalSizes;
  #bar: BarBuilder;
  #day: BarBuilder;
  #closedBar: BarBuilder | undefined;
  #closedBarChanged = false;
  #bid = 0;
  #ask = 0;
  #bidSize = 0;
  #askSize = 0;
  #nextTradeId: number;
  #nextCorrectionId: number;
  #lastTrade: Message | undefined;
  #lastQuote: Message | undefined;

  constructor(
    instrument: Instrument,
    { style, firstTradeId, firstCorrectionId, sizes }: {
      style: FeedStyle;
      firstTradeId: number;
      firstCorrectionId: number;
      sizes: FractionalSizes;
    },
  ) {
    this.instrument = instrument;
    this.symbol = instrument.issue.symbol;
    this.tape = style.tape ?? instrument.issue.tape;
    this.#style = style;
    this.#conditions = tradeConditions(instrument.issue);
    this.#nextTradeId = firstTradeId;
    this.#nextCorrectionId = firstCorrectionId;
    this.#sizes = sizes;
    this.#bar = this.#newBar();
    this.#day = this.#newBar();
  }

  /** Latest trade, generated or sent by a test. */
  get lastTrade(): Message | undefined {
    return this.#lastTrade;
  }

  /** Latest quote, generated or sent by a test. */
  get lastQuote(): Message | undefined {
    return this.#lastQuote;
  }

  /** Best bid and ask. */
  get bestQuote(): PriceQuote {
    return {
      bid: this.#bid / UNITS,
      bidSize: this.#bidSize,
      ask: this.#ask / UNITS,
      askSize: this.#askSize,
    };
  }

  /** Moves the price; the new quote has bid < ask. */
  quote(random: SeededRandom, at: Timestamp): Message {
    this.instrument.step(random);
    this.#updatePrices(random);
    const style = this.#style;
    return this.#lastQuote = {
      T: "q",
      S: this.symbol,
      bx: random.pick(style.quoteExchanges),
      bp: this.#bid / UNITS,
      bs: writeSize(this.#bidSize, this.#sizes),
      ax: random.pick(style.quoteExchanges),
      ap: this.#ask / UNITS,
      as: writeSize(this.#askSize, this.#sizes),
      c: REGULAR_QUOTE,
      t: at,
      z: this.tape,
    };
  }

  /** A trade at the bid, at the ask, or between them; added to the bars. */
  trade(input: TradeInput): Message {
    const trade = this.#nextTrade(input);
    const price = Number(trade["p"]);
    const size = Number(trade["s"]);
    this.#bar.add(price, size, size >= ROUND_LOT);
    this.#day.add(price, size, size >= ROUND_LOT);
    return trade;
  }

  /** A late trade; added to the bar before the current one. */
  lateTrade(input: TradeInput): Message {
    const trade = this.#nextTrade(input);
    this.#closedBar?.add(Number(trade["p"]), Number(trade["s"]), false);
    this.#closedBarChanged = this.#closedBar !== undefined;
    return { ...trade, c: this.#conditions.late };
  }

  /** The id of the next corrected trade; differs from those of trades. */
  takeCorrectionId(): number {
    return this.#nextCorrectionId++;
  }

  /** The current bar. */
  get bar(): BarBuilder {
    return this.#bar;
  }

  /** The bar of the current day. */
  get day(): BarBuilder {
    return this.#day;
  }

  /** Closes the current bar and starts the next one. */
  closeBar(): BarBuilder {
    const closed = this.#bar;
    this.#closedBar = closed;
    this.#closedBarChanged = false;
    this.#bar = this.#newBar();
    return closed;
  }

  /** Starts a new day. */
  closeDay(): void {
    this.#day = this.#newBar();
  }

  /** The closed bar if late trades changed it since the last call. */
  takeUpdatedBar(): BarBuilder | undefined {
    if (!this.#closedBarChanged) return undefined;
    this.#closedBarChanged = false;
    return this.#closedBar;
  }

  /** Takes over a quote or trade that a test sent. */
  observe(message: Message): void {
    if (message.T === "t") {
      this.#lastTrade = message;
      this.instrument.moveTo(Number(message["p"]));
    } else if (message.T === "q") {
      this.#lastQuote = message;
      this.#bid = Math.round(Number(message["bp"]) * UNITS);
      this.#ask = Math.round(Number(message["ap"]) * UNITS);
      this.#bidSize = Number(message["bs"]);
      this.#askSize = Number(message["as"]);
      if (this.#bid > 0 && this.#ask > 0) {
        this.instrument.moveTo((this.#bid + this.#ask) / 2 / UNITS);
      }
    }
  }

  #newBar(): BarBuilder {
    return new BarBuilder((volume) => writeSize(roundSize(volume), this.#sizes));
  }

  #nextTrade(input: TradeInput): Message {
    if (this.#bid === 0) this.#updatePrices(input.random);
    const inside = input.random.next() < 0.1;
    const size = withFraction(tradeSize(input.random), input.random, this.#sizes);
    return this.#lastTrade = {
      T: "t",
      S: this.symbol,
      i: this.#nextTradeId++,
      x: inside ? "D" : input.random.pick(this.#style.tradeExchanges),
      p: this.#tradePrice(input.random, inside) / UNITS,
      s: writeSize(size, this.#sizes),
      c: this.#condition(input, size < ROUND_LOT),
      t: input.at,
      z: this.tape,
    };
  }

  #updatePrices(random: SeededRandom): void {
    const middle = this.instrument.price * UNITS;
    const tick = middle < UNITS ? 1 : CENT;
    const spread = (1 + random.below(3)) * this.#style.spreadFactor *
      Math.max(1, Math.round(middle / 2_000_000));
    const bid = Math.floor((middle - (spread * tick) / 2) / tick);
    this.#bid = Math.max(1, bid) * tick;
    this.#ask = this.#bid + spread * tick;
    this.#bidSize = withFraction((1 + random.below(20)) * 100, random, this.#sizes);
    this.#askSize = withFraction((1 + random.below(20)) * 100, random, this.#sizes);
  }

  #tradePrice(random: SeededRandom, inside: boolean): number {
    if (!inside) return random.next() < 0.5 ? this.#bid : this.#ask;
    return this.#bid + random.below(this.#ask - this.#bid + 1);
  }

  #condition(input: TradeInput, oddLot: boolean): readonly string[] {
    const kinds = this.#conditions;
    if (!input.regularHours) {
      return oddLot ? kinds.extendedOddLot : kinds.extended;
    }
    if (input.random.next() < 0.25) {
      return oddLot ? kinds.oddSweep : kinds.sweep;
    }
    return oddLot ? kinds.oddLot : kinds.regular;
  }
}

function tradeSize(random: SeededRandom): number {
  const kind = random.next();
  if (kind < 0.4) return 1 + random.below(99);
  return kind < 0.8 ? 100 : (2 + random.below(30)) * 100;
}

/** What differs between stock feeds; only codes of Alpaca's tables occur. */
interface FeedStyle {
  /** Exchanges of bids and asks. */
  readonly quoteExchanges: readonly string[];
  /** Exchanges of trades; off-exchange trades are always `D`. */
  readonly tradeExchanges: readonly string[];
  /** Tape of every message; undefined for the issue's own. */
  readonly tape?: "N";
  /** Spread as a multiple of the consolidated one. */
  readonly spreadFactor: number;
  /** Delay of all timestamps. */
  readonly delaySeconds: number;
}

const CONSOLIDATED: FeedStyle = {
  quoteExchanges: ["P", "Q", "N", "Z", "K", "U", "V", "Y", "J", "B"],
  tradeExchanges: ["Q", "P", "N", "Z", "K", "U", "V", "H", "M", "X"],
  spreadFactor: 1,
  delaySeconds: 0,
};

const IEX: FeedStyle = {
  quoteExchanges: ["V"],
  tradeExchanges: ["V"],
  spreadFactor: 4,
  delaySeconds: 0,
};

const OVERNIGHT: FeedStyle = {
  quoteExchanges: ["D"],
  tradeExchanges: ["D"],
  tape: "N",
  spreadFactor: 6,
  delaySeconds: 0,
};

const FIFTEEN_MINUTES = 15 * 60;

/** The style of a stock feed. */
export function feedStyle(endpoint: EndpointName): FeedStyle {
  if (endpoint === "iex") return IEX;
  if (endpoint === "boats") return OVERNIGHT;
  if (endpoint === "overnight") {
    return { ...OVERNIGHT, delaySeconds: FIFTEEN_MINUTES };
  }
  if (endpoint === "delayed_sip") {
    return { ...CONSOLIDATED, delaySeconds: FIFTEEN_MINUTES };
  }
  return CONSOLIDATED;
}

/** Trade conditions of one tape by kind of trade. */
interface TradeConditions {
  readonly regular: readonly string[];
  readonly oddLot: readonly string[];
  readonly sweep: readonly string[];
  readonly oddSweep: readonly string[];
  readonly extended: readonly string[];
  readonly extendedOddLot: readonly string[];
  readonly late: readonly string[];
}

function conditions(regular: string): TradeConditions {
  return {
    regular: [regular],
    oddLot: [regular, "I"],
    sweep: [regular, "F"],
    oddSweep: [regular, "F", "I"],
    extended: [regular, "T"],
    extendedOddLot: [regular, "T", "I"],
    late: [regular, "Z"],
  };
}

const CTS = conditions(" ");
const UTP = conditions("@");

/** The conditions of an issue's tape: CTS for A and B, UTP for C. */
function tradeConditions(issue: Issue): TradeConditions {
  return issue.tape === "C" ? UTP : CTS;
}

/** Condition of a regular two-sided quote on every tape. */
const REGULAR_QUOTE: readonly string[] = ["R"];
