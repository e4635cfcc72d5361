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
 * nothing. Option quotes that are newer than the trade and contradict it reject it.
 * Where options are not quoted at all, an unconfirmed trade is taken after a minute.
 *
 * @module
 */
import { exchangeDay } from "../calendar/exchange_time.ts";
import type { MarketCalendar } from "../calendar/market_calendar.ts";
import { isPrice, type TimedPrice } from "./implied_price.ts";

/** A change above this fraction is confirmed first. */
const JUMP = 0.1;
/** Prices within this fraction of each other confirm each other. */
const AGREEMENT = 0.05;
/** Time of regular sessions after which a trade or a quote is old. */
const MAX_AGE_MS = 30 * 60_000;
/** After it, an unconfirmed trade is taken where options are not quoted. */
const UNCONFIRMED_MS = 60_000;
/** A trade before it is old without a look at the sessions. */
const LONGEST_CLOSURE_MS = 10 * 86_400_000;

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
}

/** What a reply is judged with. */
export interface PriceMoment {
  /** Ms since the Unix epoch. */
  readonly now: number;
  readonly calendar: MarketCalendar;
  /** Lowest and highest listed strike, USD. */
  readonly strikes: readonly [lowest: number, highest: number];
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
  #trade: Observation | undefined;
  #parity: Observation | undefined;
  /** Far from what is known, and not confirmed. */
  #suspect: (Observation & { readonly since: number }) | undefined;
  /** The trade that option quotes have contradicted. */
  #rejected: Observation | undefined;
  /** Whether the last trade was requested, and the options' quotes. */
  #hasReply = { trades: false, quotes: false };
  #failure: { trades?: string | undefined; quotes?: string | undefined } = {};
  #needsQuotes = false;

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
      this.#trade = observed(trade, "trade", moment);
    }
    this.#settle(moment);
  }

  /** Takes a reply with the price that option quotes imply, or without one. */
  noteQuotes(parity: TimedPrice | undefined, moment: PriceMoment): void {
    this.#hasReply.quotes = true;
    this.#failure.quotes = undefined;
    this.#parity = parity && isPrice(parity.price) ? observed(parity, "parity", moment) : undefined;
    this.#settle(moment);
  }

  /** Takes the failure of a request: what is known is kept, otherwise it is guessed. */
  noteFailure(request: "trades" | "quotes", problem: string, moment: PriceMoment): void {
    // Options are on the same host: while trades fail, they are not requested either.
    if (request === "quotes") this.#hasReply.quotes = true;
    this.#failure[request] = problem;
    this.#settle(moment);
  }

  #settle(moment: PriceMoment): void {
    const trade = this.#trade;
    if (trade && !isOld(trade.at, moment) && !this.#isRejected(trade)) {
      this.#settleTrade(trade, moment);
    } else this.#settleWithoutTrade(moment);
    const isTried = this.#hasReply.quotes || this.#failure.trades !== undefined;
    if (this.#value === undefined && isTried) this.#guess(moment);
    const { asOf, source } = this.#value ?? {};
    const isCurrent = source === "trade" && asOf === this.#trade?.at;
    this.#needsQuotes = this.#hasReply.trades && !(isCurrent && !isOld(asOf, moment));
    this.#describe(moment);
  }

  #settleTrade(trade: Observation, moment: PriceMoment): void {
    const parity = this.#parity;
    if (this.#isExpected(trade, moment) || this.#isConfirmed(trade)) return this.#accept(trade);
    if (parity && agree(parity, trade, AGREEMENT)) return this.#accept(trade);
    if (parity && parity.at >= trade.at && this.#isExpected(parity, moment)) {
      this.#rejected = trade;
      return this.#accept(parity);
    }
    // The options have another new price: of two replies the second one confirms it.
    if (this.#suspect?.source === "parity" && parity && this.#isConfirmed(parity)) {
      this.#rejected = trade;
      return this.#accept(parity);
    }
    if (this.#isUncontradicted(moment)) return this.#accept(trade);
    this.#doubt(parity && parity.at >= trade.at ? parity : trade, moment);
  }

  /** The last trade is old, rejected or unknown. */
  #settleWithoutTrade(moment: PriceMoment): void {
    const trade = this.#trade && this.#isRejected(this.#trade) ? undefined : this.#trade;
    const parity = this.#parity;
    if (parity && !(trade && parity.at < trade.at)) {
      if (this.#isExpected(parity, moment) || this.#isConfirmed(parity)) this.#accept(parity);
      else this.#doubt(parity, moment);
      return;
    }
    // Old, but nothing newer is known.
    if (!trade || !this.#hasReply.quotes || !this.#isNews(trade)) return;
    const isTaken = this.#isExpected(trade, moment) || this.#isUncontradicted(moment);
    if (isTaken) this.#accept(trade);
    else this.#doubt(trade, moment);
  }

  /** Whether a trade is later than what the price is from, or is that trade with another price. */
  #isNews({ at, price }: Observation): boolean {
    const { asOf = 0, price: known } = this.#value ?? {};
    return at > asOf || (at === asOf && price !== known);
  }

  #doubt(observation: Observation, { now }: PriceMoment): void {
    this.#suspect = { ...observation, since: this.#suspect?.since ?? now };
  }

  /** Whether a price was not confirmed for a minute, and the options say nothing. */
  #isUncontradicted({ now }: PriceMoment): boolean {
    const { since = now } = this.#suspect ?? {};
    return this.#hasReply.quotes && this.#parity === undefined && now - since >= UNCONFIRMED_MS;
  }

  #guess({ guess }: PriceMoment): void {
    const price = guess();
    if (price === undefined) return;
    this.#value = { price, source: "guess", asOf: undefined, problem: undefined };
  }

  /** Whether a price is near the known one, or within the strikes where none is known. */
  #isExpected({ price }: TimedPrice, moment: PriceMoment): boolean {
    const { strikes: [lowest, highest] } = moment;
    const known = this.#value;
    // An old price is no reason to take any other one: wrong prints are most visible where a stock
    // rarely trades.
    if (known?.asOf !== undefined) return agree(known, { price }, JUMP);
    return price >= lowest && price <= highest;
  }

  /** Whether an observation is the second one of a price. */
  #isConfirmed(observation: Observation): boolean {
    const rejected = this.#rejected;
    const parity = this.#parity;
    // Wrong prints come in bursts: while quotes contradict them, a further one does not suffice.
    const isContradicted = observation.source === "trade" && parity !== undefined &&
      !agree(parity, observation, JUMP);
    const isRecent = rejected && !isContradicted &&
      observation.receivedAt - rejected.receivedAt <= UNCONFIRMED_MS;
    return [this.#suspect, isRecent ? rejected : undefined].some((before) =>
      before !== undefined && agree(before, observation, AGREEMENT) &&
      (before.source !== observation.source || isLater(observation, before))
    );
  }

  #isRejected({ at, price }: Observation): boolean {
    return this.#rejected?.at === at && this.#rejected.price === price;
  }

  #accept({ price, source, at }: Observation): void {
    this.#value = { price, source, asOf: at, problem: undefined };
    this.#suspect = undefined;
    if (source === "parity") return;
    this.#rejected = undefined;
    this.#parity = undefined;
    this.#hasReply.quotes = false;
  }

  #describe(moment: PriceMoment): void {
    if (this.#value === undefined) return;
    this.#value = { ...this.#value, problem: this.#problem(this.#value, moment) };
  }

  #problem({ source, asOf }: UnderlyingPrice, moment: PriceMoment): string | undefined {
    const { trades, quotes } = this.#failure;
    if (this.#suspect) {
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

/** A time ahead of the clock is that of the clock. */
function observed(
  { price, at }: TimedPrice,
  source: Observation["source"],
  { now }: PriceMoment,
): Observation {
  return { price, at: Math.min(at, now), source, receivedAt: now };
}

function agree(
  some: { readonly price: number },
  other: { readonly price: number },
  fraction: number,
): boolean {
  const [low, high] = [Math.min(some.price, other.price), Math.max(some.price, other.price)];
  return high <= low * (1 + fraction);
}

/** Quotes are the state of the market when they are read, a trade is not. */
function isLater(observation: Observation, before: Observation): boolean {
  return observation.source === "trade"
    ? observation.at > before.at
    : observation.receivedAt > before.receivedAt;
}

/** Whether the stock market was open for `MAX_AGE_MS` since. */
function isOld(at: number | undefined, { now, calendar }: PriceMoment): boolean {
  if (at === undefined || now - at > LONGEST_CLOSURE_MS) return true;
  if (now - at <= MAX_AGE_MS) return false;
  let openMs = 0;
  for (let day = exchangeDay(at); day <= exchangeDay(now); day++) {
    const { opensAt, closesAt } = calendar.hours("regular", day) ?? { opensAt: now, closesAt: now };
    openMs += Math.max(0, Math.min(closesAt, now) - Math.max(opensAt, at));
  }
  return openMs > MAX_AGE_MS;
}
