/**
 * The trades that option quotes contradict, and which of them are taken nevertheless.
 *
 * Wrong prints come in bursts of seconds. Options of a stock that is hard to borrow, or that pays a
 * dividend soon, imply a price below the one at which it trades: there the trades persist.
 *
 * @module
 */
import { agree, type TimedPrice } from "./implied_price.ts";

/** Trades within this fraction of each other are at one price. */
const AGREEMENT = 0.05;
/** Quotes that imply a price within this fraction contradict trades for a minute at most. */
const TOLERANCE = 0.1;
const BURST_MS = 60_000;
/** Trades that are nearer to each other in time count as one, in ms. */
const SPACING_MS = 30_000;
/** After a longer pause, earlier trades are forgotten, in ms. */
const LONGEST_PAUSE_MS = 30 * 60_000;
/** Trades go on for this time after the last one, in ms. */
const RECENT_MS = 15 * 60_000;
/** Time and number of trades after which a price is no wrong print. */
const PERSISTING_MS = 300_000;
const PERSISTING_TRADES = 5;
/** Quotes that are older than a trade by more do not contradict it, in ms. */
const MAX_QUOTES_AGE_MS = 120_000;

/** A price of a source and when it was received, in ms since the Unix epoch. */
interface Received extends TimedPrice {
  readonly receivedAt: number;
}

/** Trades; times are ms since the Unix epoch. */
interface Counted {
  /** When the first one was received. */
  readonly since: number;
  /** How many are `SPACING_MS` apart, and the time of the last of them. */
  readonly count: number;
  readonly countedAt: number;
}

/** Consecutive trades at one price, USD. */
interface Series extends Counted {
  readonly last: Received;
  readonly lowest: number;
  readonly highest: number;
}

/** Trades of one underlying that are not taken, since the last one that was. */
export class RejectedTrades {
  #all: Counted | undefined;
  #series: Series | undefined;

  /** Adds a trade. */
  add(trade: Received): void {
    this.#all = counted(this.#all, trade);
    const series = this.#continued(trade);
    const { price } = trade;
    this.#series = {
      ...counted(series, trade),
      last: trade,
      lowest: Math.min(series?.lowest ?? price, price),
      highest: Math.max(series?.highest ?? price, price),
    };
  }

  /** Notes a trade of which it is not known yet whether it is taken: it may end a series. */
  noteTrade(trade: TimedPrice): void {
    if (this.#all && trade.at - this.#all.countedAt > LONGEST_PAUSE_MS) this.clear();
    if (!this.#continued(trade)) this.#series = undefined;
  }

  /** Removes all, for example because a trade was taken. */
  clear(): void {
    this.#all = undefined;
    this.#series = undefined;
  }

  /** Whether a trade is the last one that was added. */
  isLast({ price, at }: TimedPrice): boolean {
    const last = this.#series?.last;
    return last?.at === at && last.price === price;
  }

  /**
   * Whether a further trade at the price of the last ones is taken: if the options do not
   * contradict it any more, if they are near it and have contradicted it for a minute, or if trades
   * at no other price were made for five minutes.
   */
  areConfirmedBy(trade: Received, parity: TimedPrice | undefined): boolean {
    const series = this.#series;
    if (this.persistWith(trade)) return true;
    if (series === undefined || trade.at <= series.last.at) return false;
    if (!agree(series.last, trade, AGREEMENT)) return false;
    return trade.receivedAt - series.since <= BURST_MS
      ? parity === undefined || agree(parity, trade, AGREEMENT)
      : parity !== undefined && agree(parity, trade, TOLERANCE);
  }

  /** Whether trades at no other price were made for five minutes, up to a further one. */
  persistWith(trade: TimedPrice): boolean {
    const series = this.#continued(trade);
    if (series === undefined || trade.at <= series.last.at) return false;
    const { count, since } = counted(series, { ...trade, receivedAt: series.since });
    return count >= PERSISTING_TRADES && trade.at - since >= PERSISTING_MS;
  }

  /** Whether options imply the price of the last ones soon after the first. */
  areConfirmedByOptions(parity: Received): boolean {
    const series = this.#series;
    return series !== undefined && parity.receivedAt - series.since <= BURST_MS &&
      agree(series.last, parity, AGREEMENT);
  }

  /** Whether quotes that have contradicted trades for a minute also contradict a further one. */
  areContradictedBy(parity: TimedPrice, trade: Received): boolean {
    const { since = trade.receivedAt } = this.#all ?? {};
    return trade.receivedAt - since > BURST_MS && trade.at - parity.at <= MAX_QUOTES_AGE_MS &&
      !agree(parity, trade, TOLERANCE);
  }

  /** Whether trades go on at `now`, and were made at times that are too far apart for a burst. */
  areRepeated(now: number): boolean {
    const { count = 0, countedAt = now } = this.#all ?? {};
    return count > 1 && now - countedAt <= RECENT_MS;
  }

  /** The series that a trade continues. */
  #continued({ price }: TimedPrice): Series | undefined {
    const series = this.#series;
    if (series === undefined) return undefined;
    const { lowest, highest } = series;
    const isSame = agree({ price: lowest }, { price }, AGREEMENT) &&
      agree({ price: highest }, { price }, AGREEMENT);
    return isSame ? series : undefined;
  }
}

/** Counts a trade. */
function counted(before: Counted | undefined, { at, receivedAt }: Received): Counted {
  if (before === undefined) return { since: receivedAt, count: 1, countedAt: at };
  const { since, count, countedAt } = before;
  return at - countedAt < SPACING_MS
    ? { since, count, countedAt }
    : { since, count: count + 1, countedAt: at };
}
