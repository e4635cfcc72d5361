/**
 * One cached option chain, and when and why it is loaded again.
 *
 * @module
 */
import { exchangeDay, instantAt } from "../../domain/calendar/exchange_time.ts";
import type { MarketCalendar } from "../../domain/calendar/market_calendar.ts";
import { occRoot } from "../../domain/market/occ_symbol.ts";
import { ChainReview, type ContractList, countChanges } from "../../domain/options/chain_review.ts";
import type { OptionContract } from "../../domain/options/contract.ts";
import { tradingFrom } from "../../domain/options/last_trading.ts";
import type { ListingOutlook } from "../../domain/options/listing_outlook.ts";
import { expiryChanges } from "../../domain/options/expiry_changes.ts";
import { StrikeRanges } from "../../domain/options/strike_ranges.ts";
import type { Clock } from "../ports/clock.ts";
import { IS_OF_SELECTION, IS_SCHEDULED, LOAD_CAUSES, type LoadCause } from "./load_causes.ts";
import { ListConfirmation } from "./list_confirmation.ts";
import { MissingContracts } from "./missing_contracts.ts";

/** Pause after the first failure, in ms; doubles with each further one. */
const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 300_000;
/** The morning's load starts between 09:00 and 09:10 in New York, in minutes. */
const MORNING_MINUTE = 9 * 60;
const MORNING_SPREAD_MINUTES = 10;
/** Most doublings of the pause that are left when a stream opens: it is 8 min. */
const DOUBLINGS_WHEN_OPENED = 3;
/** Change of the price since the load that causes a reload, as a fraction. */
const PRICE_MOVE = 0.1;
/** The same where few strikes are listed. */
const FEW_STRIKES_MOVE = 0.02;

/** Every contract of one underlying. */
export interface Chain {
  readonly contracts: readonly OptionContract[];
  /** Expiration days, nearest first. */
  readonly expiries: readonly number[];
  /** Exchange day on which it was loaded. */
  readonly day: number;
}

/** What a selection of contracts reveals about its chain. */
export interface SelectionOutcome {
  /** Whether no contract was selected, or none of an expiry or root that is named. */
  readonly isEmpty: boolean;
  /** When contracts of an empty one can be listed. @default "later" */
  readonly outlook?: ListingOutlook | undefined;
  /** Whether expiries are not listed, or not as usual. @default false */
  readonly hasFewExpiries?: boolean | undefined;
  /** Whether an expiry lists fewer strikes than requested, or lacks a right. @default false */
  readonly hasFewStrikes?: boolean | undefined;
  /** Whether more strikes would be selected if they were listed. @default false */
  readonly hasOpenRange?: boolean | undefined;
  /** Whether options trade now: strikes and expiries are added meanwhile. @default false */
  readonly areTrading?: boolean | undefined;
  /** USD; `undefined` when unknown. */
  readonly price: number | undefined;
}

/** What a successful load has changed. */
interface LoadResult {
  readonly added: number;
  readonly removed: number;
  /** Contracts in the chain that are not listed. */
  readonly unlisted: number;
  /** Contracts in the chain that are listed as not tradable, and stay tradable. */
  readonly untradable: number;
  /** Expiries of which adjusted contracts are left alone. */
  readonly adjustedOnly: number;
  /** Consecutive lists that were too short; 0 when this one was accepted. */
  readonly doubted: number;
  /** Whether a shorter list was accepted because it was confirmed. */
  readonly isConfirmed: boolean;
}

/** A load and the monotonic ms at which it is due; 0 comes before all others. */
interface Load {
  readonly cause: LoadCause;
  readonly at: number;
}

/** What the loads of a chain depend on. */
interface ChainEntryOptions {
  readonly clock: Clock;
  /** When contracts stop trading. */
  readonly calendar: MarketCalendar;
  /** In [0, 1), the position in the spread of the morning's loads, and of confirming ones. */
  readonly random: number;
}

/** An underlying that is in use or was: its chain and its next load. */
export class ChainEntry {
  readonly underlying: string;
  users = 0;
  chain: Chain | undefined;
  /** Why the chain is old or incomplete, or why there is none. */
  reason: string | undefined;
  readonly #clock: Clock;
  readonly #calendar: MarketCalendar;
  readonly #morningMinute: number;
  readonly #review = new ChainReview();
  readonly #confirmation: ListConfirmation;
  /** The earliest requested load of an existing chain. */
  #request: Load | undefined;
  #failures = 0;
  /** Monotonic ms of the last failure, and before which nothing is loaded after it. */
  #failedAt = -Infinity;
  #retryAt = -Infinity;
  /** Monotonic ms of the last success. */
  #loadedAt = -Infinity;
  /** Day and part of the day of the last success. */
  #loadedIn: DayPart | undefined;
  /** The same of the start of the latest load. */
  #startedIn: DayPart | undefined;
  /** Reloads for selections since the chain has changed. */
  #fruitless = 0;
  /** Price at the last load, USD. */
  #priceAtLoad: number | undefined;
  /** Price at the first load of the day, or of the last move to few strikes, USD. */
  #priceOfStrikes: number | undefined;
  /** Symbols of the chain. */
  #symbols: ReadonlySet<string> = new Set();
  #ranges: StrikeRanges | undefined;
  readonly #missing = new MissingContracts();

  constructor(underlying: string, options: ChainEntryOptions) {
    this.underlying = underlying;
    this.#clock = options.clock;
    this.#calendar = options.calendar;
    this.#confirmation = new ListConfirmation(options.random);
    this.#morningMinute = MORNING_MINUTE + options.random * MORNING_SPREAD_MINUTES;
  }

  /** Whether the last load has failed, or was postponed. */
  get hasFailed(): boolean {
    return this.#retryAt !== -Infinity;
  }

  /** Whether the list had had the same standard expiries for 45 minutes when it was read last. */
  get areExpiriesConfirmed(): boolean {
    return this.#confirmation.areExpiriesConfirmed;
  }

  /** The next load and when it is due; `undefined` while none is needed. */
  get next(): Load | undefined {
    if (this.users === 0) return undefined;
    const { chain } = this;
    const today = this.#dayPart();
    let load = this.#request;
    if (!chain) load = { cause: "firstUse", at: 0 };
    else if (this.#loadedIn?.day !== today.day) load = { cause: "newDay", at: 0 };
    else if (today.isMorningOver && !this.#loadedIn.isMorningOver) {
      load = { cause: "morning", at: 0 };
    }
    return load && { cause: load.cause, at: Math.max(load.at, this.#retryAt) };
  }

  /**
   * Requests a load of a chain that is empty or missing, because a stream has opened; shortens a
   * long pause.
   */
  noteOpened(): void {
    // Not to the first pause: streams that open each minute would reload the chain as often.
    this.#fruitless = Math.min(this.#fruitless, DOUBLINGS_WHEN_OPENED);
    if (this.chain?.contracts.length === 0) this.#want("openedEmpty");
    if (this.chain) return;
    this.#retryAt = Math.min(this.#retryAt, this.#failedAt + LOAD_CAUSES.openedEmpty.firstMs);
  }

  /**
   * Requests a load if a selection shows that the chain may be outdated; returns
   * whether that made one due earlier.
   */
  noteSelection(outcome: SelectionOutcome): boolean {
    // An empty chain is loaded again anyway.
    if (!this.chain || this.chain.contracts.length === 0) return false;
    const { isEmpty, outlook = "later", hasFewExpiries, hasFewStrikes, price } = outcome;
    const { hasOpenRange, areTrading } = outcome;
    const areFew = hasFewStrikes === true || hasOpenRange === true;
    if (price !== undefined) this.#noteStrikes(price, areFew);
    return [
      isEmpty && this.#noteEmpty(outlook),
      hasFewExpiries === true && this.#wantConfirmed("expiries"),
      areFew && this.#wantConfirmed(hasFewStrikes ? "contracts" : "range"),
      areTrading === true && this.#want("routine"),
      this.#notePrice(price),
    ].includes(true);
  }

  #noteEmpty(outlook: ListingOutlook): boolean {
    switch (outlook) {
      case "never":
        return false;
      case "unlisted":
        // A reload has confirmed it, unless the chain has changed since.
        return this.#fruitless === 0 && this.#want("selectionEmpty");
      case "today":
        return this.#want("selectionEmpty", this.#fruitless);
      case "later":
        return this.#want("emptyAfterClose", this.#fruitless);
    }
  }

  /** Notes whether few strikes are listed around a price. */
  #noteStrikes(price: number, areFew: boolean): void {
    const from = this.#priceOfStrikes ??= price;
    if (!areFew || Math.abs(price - from) <= from * FEW_STRIKES_MOVE) return;
    this.#priceOfStrikes = price;
    this.#confirmation.notePriceMoved(this.#clock.monotonic());
  }

  #notePrice(price: number | undefined): boolean {
    if (price === undefined) return false;
    const from = this.#priceAtLoad ??= price;
    if (this.#isOutside(price)) return this.#want("priceOutside", this.#fruitless);
    const hasMoved = Math.abs(price - from) > from * PRICE_MOVE;
    return hasMoved && this.#want("priceMoved", this.#fruitless);
  }

  #isOutside(price: number): boolean {
    this.#ranges ??= new StrikeRanges(this.chain?.contracts ?? []);
    return this.#ranges.isOutside(price, this.#trading());
  }

  /** Returns whether a contract trades now or later. */
  #trading(): ReturnType<typeof tradingFrom> {
    return tradingFrom({ now: this.#clock.now(), calendar: this.#calendar });
  }

  /**
   * Requests a load if the chain lacks a contract that trades.
   *
   * @param expiryDay as days since 1970-01-01
   * @returns whether the contract is missing
   */
  noteContract(symbol: string, expiryDay: number): boolean {
    const { chain, underlying } = this;
    if (!chain || this.#symbols.has(symbol)) return false;
    if (!this.#trading()({ root: occRoot(symbol), underlying, expiryDay })) return false;
    const key = chain.expiries.includes(expiryDay) ? symbol : expiryDay;
    if (this.#missing.note(symbol, key, this.#clock.monotonic())) this.#wantMissing();
    return true;
  }

  /** Marks the start of a load; what is requested from here on needs another one. */
  begin(cause: LoadCause): void {
    this.#startedIn = this.#dayPart();
    this.#request = undefined;
    this.#missing.beginLoad(cause === "contractMissing");
  }

  /** Replaces the chain by what was listed, as far as that is plausible. */
  succeed(listed: ContractList, cause: LoadCause): LoadResult {
    const part = this.#startedIn ?? this.#dayPart();
    const now = this.#clock.monotonic();
    const before = this.chain;
    const current = before && areEqual(before.contracts, listed.contracts)
      ? { contracts: before.contracts, symbols: this.#symbols }
      : listed;
    const isTrading = this.#trading();
    const { contracts, symbols, ...review } = this.#review.review(current, { isTrading, now });
    const changes = countChanges(before?.contracts ?? [], symbols);
    if (cause === "newDay") this.#missing.startDay();
    if (changes.added + changes.removed > 0 || IS_SCHEDULED.has(cause)) this.#fruitless = 0;
    else if (IS_OF_SELECTION.has(cause)) this.#fruitless++;
    // Another chain would select contracts again.
    if (before?.contracts !== contracts || before.day !== part.day) {
      this.chain = { contracts, expiries: expiriesOf(contracts), day: part.day };
    }
    this.reason = review.doubted > 0 ? shrunkReason(listed.contracts.length, review) : undefined;
    this.#failures = 0;
    this.#retryAt = -Infinity;
    this.#loadedAt = now;
    this.#loadedIn = part;
    this.#priceAtLoad = undefined;
    if (cause === "newDay") this.#priceOfStrikes = undefined;
    this.#symbols = symbols;
    this.#ranges = undefined;
    this.#request = undefined;
    const { added } = changes;
    const expiries = expiryChanges(before?.contracts ?? [], { contracts, symbols }, isTrading);
    this.#confirmation.noteList({ contracts: contracts.length, added, expiries }, now);
    const { next } = this.#confirmation;
    if (next !== undefined) this.#wantAt("unconfirmed", next);
    if (contracts.length === 0) this.#want("noContracts");
    if (review.doubted > 0) this.#want("shrunk", review.doubted - 1);
    else if (review.lost > 0 && !review.isConfirmed) this.#want("shrunk");
    if (!this.#missing.areRequestedIn(symbols)) this.#wantMissing();
    return { ...changes, ...review };
  }

  /** Schedules the next attempt of a failed load; returns the ms until then. */
  fail(reason: string, cause: LoadCause): number {
    const delayMs = Math.min(FIRST_RETRY_MS * 2 ** Math.min(this.#failures, 30), LONGEST_RETRY_MS);
    this.#failures++;
    this.#request = { cause, at: 0 };
    return this.#retryIn(reason, delayMs);
  }

  /** Schedules the next attempt of a load that waits for other chains to be released. */
  postpone(reason: string): number {
    // A chain may be released at any time: the pause does not grow.
    this.#failures = 0;
    return this.#retryIn(reason, FIRST_RETRY_MS);
  }

  #retryIn(reason: string, delayMs: number): number {
    this.reason = reason;
    this.#failedAt = this.#clock.monotonic();
    this.#retryAt = this.#failedAt + delayMs;
    return delayMs;
  }

  /** Requests a load if the list had changed within 45 minutes before the last load. */
  #wantConfirmed(what: Parameters<ListConfirmation["nextOf"]>[0]): boolean {
    const at = this.#confirmation.nextOf(what);
    return at !== undefined && this.#wantAt("unconfirmed", at);
  }

  /** Requests a load; returns `false` if one that is due earlier is requested. */
  #want(cause: LoadCause, repeated = 0): boolean {
    const { firstMs, longestMs } = LOAD_CAUSES[cause];
    const pauseMs = Math.min(firstMs * 2 ** Math.min(repeated, 30), longestMs);
    return this.#wantAt(cause, this.#loadedAt + pauseMs);
  }

  #wantMissing(): void {
    const at = this.#missing.isPrompt ? 0 : this.#loadedAt + LOAD_CAUSES.contractMissing.longestMs;
    this.#wantAt("contractMissing", at);
  }

  #wantAt(cause: LoadCause, at: number): boolean {
    if (this.#request && this.#request.at <= at) return false;
    this.#request = { cause, at };
    return true;
  }

  #dayPart(): DayPart {
    const now = this.#clock.now();
    const day = exchangeDay(now);
    return { day, isMorningOver: now >= instantAt(day, this.#morningMinute) };
  }
}

/** A day at the exchange, before or after the morning's load. */
interface DayPart {
  readonly day: number;
  readonly isMorningOver: boolean;
}

function shrunkReason(
  listed: number,
  { unlisted, untradable, adjustedOnly }: Pick<
    LoadResult,
    "unlisted" | "untradable" | "adjustedOnly"
  >,
): string {
  if (listed === 0) return "no contracts are listed any more";
  return [
    `contracts listed: ${listed}; kept although not listed: ${unlisted}`,
    ...untradable > 0 ? [`kept although not tradable: ${untradable}`] : [],
    ...adjustedOnly > 0 ? [`expiries with adjusted contracts only: ${adjustedOnly}`] : [],
  ].join("; ");
}

/** Whether two lists have the same contracts in the same order. */
function areEqual(some: readonly OptionContract[], others: readonly OptionContract[]): boolean {
  return some.length === others.length && some.every((contract, at) => {
    const other = others[at];
    return contract.symbol === other?.symbol && contract.isAdjusted === other.isAdjusted &&
      contract.isTradable === other.isTradable && contract.openInterest === other.openInterest;
  });
}

function expiriesOf(contracts: readonly OptionContract[]): readonly number[] {
  const days = new Set(contracts.map(({ expiryDay }) => expiryDay));
  return [...days].sort((a, b) => a - b);
}
