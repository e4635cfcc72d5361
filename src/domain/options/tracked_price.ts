/**
 * The price of one underlying, from its last trades and from its options.
 *
 * A fresh trade is the price. A trade is old after half an hour of regular sessions
 * without a further one; then the options' price by put-call parity replaces it if
 * their quotes are newer.
 *
 * A price far from the known one, or outside the listed strikes while none is known,
 * is taken only when confirmed: by a later trade or a second reply of the options at
 * about the same price, or by the other source. The same trade again confirms
 * nothing. Option quotes that are newer than the trade and contradict it reject it, unless
 * trades at that price persist for minutes (`RejectedTrades`); their difference to what options
 * imply is assumed for a day then.
 * Where options are not quoted at all, an unconfirmed trade is taken after a minute.
 *
 * A trade some strikes away from the known one, and the first one within the listed
 * strikes, wait for one reply of the options: newer quotes that contradict it reject it,
 * otherwise it is taken. A first trade does not wait for long; until it is confirmed its
 * price has that problem.
 *
 * @module
 */
import type { MarketCalendar } from "../calendar/market_calendar.ts";
import { agree, isPrice, type TimedPrice } from "./implied_price.ts";
import { isOld } from "./price_age.ts";
import { PriceBasis } from "./price_basis.ts";
import { RejectedTrades } from "./rejected_trades.ts";

/** A change above this fraction is confirmed first. */
const JUMP = 0.1;
/** A change of a trade above this fraction, and of some strikes, is compared with the options. */
const STEP = 0.01;
const STEP_STRIKES = 2;
/** Prices within this fraction of each other confirm each other. */
const AGREEMENT = 0.05;
/** After it, an unconfirmed trade is taken where options are not quoted. */
const UNCONFIRMED_MS = 60_000;
/** A trade some strikes away that is confirmed within it is no problem of the price. */
const QUIET_MS = 2_000;

/** A price, its source and its age. */
export interface UnderlyingPrice {
  /** USD. */
  readonly price: number;
  /** The last trade, the options by put-call parity, or a guess from their open interest. */
  readonly source: "trade" | "parity" | "guess";
  /** When the trade or the quotes were made, in ms since the Unix epoch; unset for a guess. */
  readonly asOf: number | undefined;
  /** Why the price is old, not confirmed or a guess; `undefined` for a current one. */
  readonly problem: string | undefined;
  /** Set if trades and options contradict each other, which is the problem. */
  readonly isContradicted?: true;
}

/** What a reply is judged with. */
export interface PriceMoment {
  /** Ms since the Unix epoch. */
  readonly now: number;
  readonly calendar: MarketCalendar;
  /** Listed strikes, ascending, USD. */
  readonly strikes: readonly number[];
  /** A guess from the open interest, USD. */
  readonly guess: () => number | undefined;
}

/** A price of one source. */
interface Observation extends TimedPrice {
  readonly source: "trade" | "parity";
  /** When it was received, in ms since the Unix epoch. */
  readonly receivedAt: number;
}

/** Judges the replies about one underlying. */
export class TrackedPrice {
  #value: UnderlyingPrice | undefined;
  /** Its time is at most that of its reply; `madeAt` is the one that it was sent with. */
  #trade: (Observation & { readonly madeAt: number }) | undefined;
  /** The price that was known when the underlying was followed before. */
  readonly #before: UnderlyingPrice | undefined;
  /** What options imply, corrected by the basis. */
  #parity: Observation | undefined;
  readonly #basis = new PriceBasis();
  /** Not confirmed: far from what is known, or the first trade. */
  #suspect: (Observation & { readonly since: number; readonly isHeld: boolean }) | undefined;
  /** Whether no price is known, or that of a first trade which nothing has confirmed. */
  #isFirst = true;
  /** Whether a first trade waits no longer. */
  #isFirstDue = false;
  /** The trades that option quotes have contradicted. */
  readonly #rejected = new RejectedTrades();
  /** Whether the last trade was requested, and the options' quotes. */
  #hasReply = { trades: false, quotes: false };
  #failure: { trades?: string | undefined; quotes?: string | undefined } = {};
  #needsQuotes = false;

  /**
   * @param before an earlier price; used, instead of a guess, until another one is known, if it is
   *   within the listed strikes
   */
  constructor(before?: UnderlyingPrice) {
    this.#before = before;
  }

  /** The price; `undefined` until there is one, or a guess. */
  get value(): UnderlyingPrice | undefined {
    return this.#value;
  }

  /** Whether the options' quotes are needed: the price is not that of a fresh trade. */
  get needsQuotes(): boolean {
    return this.#needsQuotes;
  }

  /** The price that is not confirmed, USD. */
  get unconfirmed(): number | undefined {
    return this.#suspect?.price;
  }

  /** Whether a later trade is needed soon, or another reply of the options. */
  get needsSecond(): boolean {
    return this.#suspect !== undefined && !this.#suspect.isHeld;
  }

  /** Whether option quotes are needed only to check a first trade. */
  get isFirstTrade(): boolean {
    return this.#suspect?.isHeld === true;
  }

  /** Whether a first trade waits for the options or {@linkcode takeFirst}. */
  get isWaiting(): boolean {
    return this.#suspect?.isHeld === true && this.#value?.source !== "trade";
  }

  /** Whether the price that is not confirmed is about the known one: quotes near it suffice. */
  get isStep(): boolean {
    const known = this.#isFirst ? undefined : this.#value;
    return known?.source === "trade" && this.#suspect !== undefined &&
      agree(this.#suspect, known, JUMP);
  }

  /** Whether a last trade is known, however old. */
  get hasTrade(): boolean {
    return this.#trade !== undefined;
  }

  /** Takes a reply with the last trade, or without one. */
  noteTrade(trade: TimedPrice | undefined, moment: PriceMoment): void {
    this.#hasReply.trades = true;
    this.#failure.trades = undefined;
    const known = this.#trade;
    // Replies of several servers may be older than what is known.
    if (trade && isPrice(trade.price) && !(known && trade.at < known.at)) {
      // With a clock that is slow, the time of a trade would grow with each reply.
      const isSame = known?.madeAt === trade.at && known.price === trade.price;
      const at = isSame ? known.at : trade.at;
      const { price } = trade;
      this.#trade = { ...observed({ price, at }, "trade", moment), madeAt: trade.at };
      // Earlier quotes say nothing about another trade.
      if (!isSame) {
        this.#hasReply.quotes = false;
        this.#rejected.noteTrade(this.#trade);
      }
    }
    this.#settle(moment);
  }

  /** Takes a reply with the price that option quotes imply, or without one. */
  noteQuotes(parity: TimedPrice | undefined, moment: PriceMoment): void {
    this.#hasReply.quotes = true;
    this.#failure.quotes = undefined;
    const price = parity && this.#basis.correct(parity.price, moment.now);
    this.#parity = parity && isPrice(price)
      ? observed({ price, at: parity.at }, "parity", moment)
      : undefined;
    this.#settle(moment);
  }

  /** Takes the failure of a request: what is known is kept, otherwise it is guessed. */
  noteFailure(request: "trades" | "quotes", problem: string, moment: PriceMoment): void {
    // Options are on the same host: while trades fail, they are not requested either.
    if (request === "quotes") this.#hasReply.quotes = true;
    this.#failure[request] = problem;
    this.#settle(moment);
  }

  /** Takes a first trade that waits for the options, with the problem that it is not confirmed. */
  takeFirst(moment: PriceMoment): void {
    this.#isFirstDue = true;
    this.#settle(moment);
  }

  #settle(moment: PriceMoment): void {
    const trade = this.#trade;
    if (trade && !isOld(trade.at, moment) && !this.#rejected.isLast(trade)) {
      this.#settleTrade(trade, moment);
    } else this.#settleWithoutTrade(moment);
    const isTried = this.#hasReply.quotes || this.#failure.trades !== undefined;
    if (this.#value === undefined && isTried) this.#guess(moment);
    const { asOf, source } = this.#value ?? {};
    const isCurrent = source === "trade" && asOf === this.#trade?.at;
    const isSure = isCurrent && !isOld(asOf, moment) && this.#suspect === undefined;
    this.#needsQuotes = this.#hasReply.trades && !isSure;
    this.#describe(moment);
  }

  #settleTrade(trade: Observation, moment: PriceMoment): void {
    const parity = this.#parity;
    if (parity && this.#rejected.persistWith(trade)) this.#basis.learn(trade, parity, moment.now);
    if (this.#isConfirmed(trade)) return this.#accept(trade);
    const isExpected = this.#isExpected(trade, moment);
    if (isExpected && this.#isNear(trade, moment)) return this.#accept(trade);
    if (parity && this.#isSupported(trade, parity)) return this.#accept(trade);
    if (parity && this.#rejected.areContradictedBy(parity, trade)) return this.#rejected.add(trade);
    if (parity && parity.at >= trade.at && this.#isExpected(parity, moment)) {
      this.#rejected.add(trade);
      // What quotes imply can be some percent off, so the last trade is better for a small change.
      if (isExpected && !this.#isFirst) this.#suspect = undefined;
      else this.#accept(parity);
      return;
    }
    if (isExpected) return this.#settleUncontradicted(trade, moment);
    // The options have another new price: of two replies the second one confirms it.
    if (this.#suspect?.source === "parity" && parity && this.#isConfirmed(parity)) {
      this.#rejected.add(trade);
      return this.#accept(parity);
    }
    if (this.#isUncontradicted(moment)) return this.#accept(trade);
    this.#doubt(parity && parity.at >= trade.at ? parity : trade, moment);
  }

  /** A first trade, or one some strikes away, that no newer option quotes contradict. */
  #settleUncontradicted(trade: Observation, moment: PriceMoment): void {
    const isFailed = this.#failure.quotes !== undefined;
    const isTaken = this.#hasReply.quotes && !isFailed;
    if (isTaken || this.#isUncontradicted(moment)) return this.#accept(trade);
    this.#doubt(trade, moment, this.#isFirst);
    if (!this.#isFirst || !(isFailed || this.#isFirstDue)) return;
    const { price, at } = trade;
    this.#value = { price, source: "trade", asOf: at, problem: undefined };
  }

  /** The last trade is old, rejected or unknown. */
  #settleWithoutTrade(moment: PriceMoment): void {
    const trade = this.#trade && this.#rejected.isLast(this.#trade) ? undefined : this.#trade;
    const parity = this.#parity;
    if (parity && !(trade && parity.at < trade.at)) {
      if (this.#isExpected(parity, moment) || this.#isConfirmed(parity)) this.#accept(parity);
      else this.#doubt(parity, moment);
      return;
    }
    // Old, but nothing newer is known.
    if (!trade || !(this.#isFirst || this.#isNews(trade))) return;
    const isExpected = this.#isExpected(trade, moment);
    const isTaken = this.#hasReply.quotes && (isExpected || this.#isUncontradicted(moment));
    if (isTaken) this.#accept(trade);
    else if (!isExpected) this.#doubt(trade, moment);
  }

  /** Whether a trade is later than what the price is from, or is that trade with another price. */
  #isNews({ at, price }: Observation): boolean {
    const { asOf = 0, price: known } = this.#value ?? {};
    return at > asOf || (at === asOf && price !== known);
  }

  #doubt(observation: Observation, { now }: PriceMoment, isHeld = false): void {
    this.#suspect = { ...observation, since: this.#suspect?.since ?? now, isHeld };
  }

  /** Whether a price was not confirmed for a minute, and the options say nothing. */
  #isUncontradicted({ now }: PriceMoment): boolean {
    const { since = now } = this.#suspect ?? {};
    return this.#hasReply.quotes && this.#parity === undefined && now - since >= UNCONFIRMED_MS;
  }

  #guess(moment: PriceMoment): void {
    // After a split an earlier price is outside the strikes.
    if (this.#before && this.#isExpected(this.#before, moment)) {
      this.#value = this.#before;
      this.#isFirst = false;
      return;
    }
    const price = moment.guess();
    if (price === undefined) return;
    this.#value = { price, source: "guess", asOf: undefined, problem: undefined };
  }

  /** Whether a price is about the known one, or within the strikes where none is known. */
  #isExpected({ price }: Pick<TimedPrice, "price">, { strikes }: PriceMoment): boolean {
    const known = this.#value;
    // An old price is no reason to take any other one: wrong prints are most visible where a stock
    // rarely trades.
    if (known && !this.#isFirst) return agree(known, { price }, JUMP);
    return price >= (strikes[0] ?? Infinity) && price <= (strikes.at(-1) ?? 0);
  }

  /** Whether a trade is so near the known price that the options need not be looked at. */
  #isNear(trade: TimedPrice, { strikes }: PriceMoment): boolean {
    const known = this.#value;
    if (known === undefined || this.#isFirst) return false;
    // The price of another source than trades can be some percent off.
    if (agree(known, trade, known.source === "trade" ? STEP : AGREEMENT)) return true;
    return Math.abs(trade.price - known.price) <= STEP_STRIKES * distanceOf(strikes, known.price);
  }

  /** Whether option quotes support a trade: more than the known price if both are possible. */
  #isSupported(trade: TimedPrice, parity: TimedPrice): boolean {
    const known = this.#value;
    if (known === undefined || this.#isFirst) return agree(parity, trade, JUMP);
    if (!agree(known, trade, JUMP)) return agree(parity, trade, AGREEMENT);
    return Math.abs(parity.price - trade.price) <= Math.abs(parity.price - known.price);
  }

  /** Whether an observation is the second one of a price. */
  #isConfirmed(observation: Observation): boolean {
    const isSecond = (before: Observation | undefined) =>
      before !== undefined && agree(before, observation, AGREEMENT) &&
      (before.source !== observation.source || isLater(observation, before));
    if (isSecond(this.#suspect)) return true;
    return observation.source === "trade"
      ? this.#rejected.areConfirmedBy(observation, this.#parity)
      : this.#rejected.areConfirmedByOptions(observation);
  }

  /** The trade and what options imply, if trades contradict them repeatedly. */
  #contradiction({ now }: PriceMoment): string | undefined {
    const trade = this.#trade;
    const parity = this.#parity;
    if (!trade || !parity || !this.#rejected.isLast(trade)) return undefined;
    if (!this.#rejected.areRepeated(now)) return undefined;
    return `trades at ${usd(trade)} contradict the options, which imply ${usd(parity)}`;
  }

  #accept({ price, source, at }: Observation): void {
    this.#value = { price, source, asOf: at, problem: undefined };
    this.#suspect = undefined;
    this.#isFirst = false;
    if (source === "parity") return;
    this.#rejected.clear();
    this.#parity = undefined;
    this.#hasReply.quotes = false;
  }

  #describe(moment: PriceMoment): void {
    if (this.#value === undefined) return;
    const { price, source, asOf } = this.#value;
    const problem = this.#problem(this.#value, moment);
    const contradiction = this.#contradiction(moment);
    this.#value = problem === undefined && contradiction !== undefined
      ? { price, source, asOf, problem: contradiction, isContradicted: true }
      : { price, source, asOf, problem };
  }

  #problem({ source, asOf }: UnderlyingPrice, moment: PriceMoment): string | undefined {
    const { trades, quotes } = this.#failure;
    if (this.#suspect && !(this.isStep && moment.now - this.#suspect.since < QUIET_MS)) {
      const { source, price } = this.#suspect;
      const what = source === "trade" ? "a trade at" : "the price that options imply,";
      return `${what} ${price} USD is not confirmed`;
    }
    const failure = trades ?? (this.#needsQuotes ? quotes : undefined);
    if (failure !== undefined) return failure;
    if (asOf === undefined) return "neither it nor its options trade";
    if (!isOld(asOf, moment)) return undefined;
    return source === "trade"
      ? "the last trade is old, and there are no newer option quotes"
      : "the option quotes are old";
  }
}

/** A price without the noise of arithmetic. */
function usd({ price }: TimedPrice): string {
  return `${Number(price.toPrecision(7))} USD`;
}

/** A time ahead of the clock is that of the clock. */
function observed(
  { price, at }: TimedPrice,
  source: Observation["source"],
  { now }: PriceMoment,
): Observation {
  return { price, at: Math.min(at, now), source, receivedAt: now };
}

/** Distance of the two strikes around a price, USD; infinite beyond the strikes. */
function distanceOf(strikes: readonly number[], price: number): number {
  const above = strikes.findIndex((strike) => strike > price);
  const [lower, upper] = [strikes[above - 1], strikes[above]];
  return lower === undefined || upper === undefined ? Infinity : upper - lower;
}

/** Quotes are the state of the market when they are read, a trade is not. */
function isLater(observation: Observation, before: Observation): boolean {
  return observation.source === "trade"
    ? observation.at > before.at
    : observation.receivedAt > before.receivedAt;
}
