/**
 * One cached option chain, and when and why it is loaded again.
 *
 * @module
 */
import { exchangeDay, instantAt } from "../../domain/calendar/exchange_time.ts";
import { ChainReview, type ContractList, countChanges } from "../../domain/options/chain_review.ts";
import type { OptionContract } from "../../domain/options/contract.ts";
import type { ListingOutlook } from "../../domain/options/listing_outlook.ts";
import type { Clock } from "../ports/clock.ts";

const MINUTE_MS = 60_000;

/**
 * Why a chain is loaded: the cause in the log, and the least ms since the load
 * before. The pause doubles from `firstMs` to `longestMs` with each reload that
 * changed nothing.
 */
export const LOAD_CAUSES = {
  firstUse: { label: "first use", firstMs: 0, longestMs: 0 },
  newDay: { label: "new exchange day", firstMs: 0, longestMs: 0 },
  morning: { label: "morning", firstMs: 0, longestMs: 0 },
  contractMissing: {
    label: "a requested contract is not in the chain",
    firstMs: 0,
    longestMs: 15 * MINUTE_MS,
  },
  selectionEmpty: {
    label: "a selection is empty",
    firstMs: MINUTE_MS,
    longestMs: 10 * MINUTE_MS,
  },
  emptyAfterClose: {
    label: "a selection is empty after the close",
    firstMs: MINUTE_MS,
    longestMs: 120 * MINUTE_MS,
  },
  priceOutside: {
    label: "an expiry has no strikes on both sides of the price",
    firstMs: MINUTE_MS,
    longestMs: 10 * MINUTE_MS,
  },
  priceMoved: {
    label: "the price has moved by 10 percent",
    firstMs: MINUTE_MS,
    longestMs: 10 * MINUTE_MS,
  },
  noContracts: {
    label: "no contracts were listed",
    firstMs: 5 * MINUTE_MS,
    longestMs: 5 * MINUTE_MS,
  },
  openedEmpty: {
    label: "a stream has opened on an empty chain",
    firstMs: MINUTE_MS / 2,
    longestMs: MINUTE_MS / 2,
  },
  shrunk: { label: "the list is shorter", firstMs: MINUTE_MS, longestMs: 15 * MINUTE_MS },
} as const;

/** One of {@linkcode LOAD_CAUSES}. */
export type LoadCause = keyof typeof LOAD_CAUSES;

const IS_SCHEDULED: ReadonlySet<LoadCause> = new Set(["firstUse", "newDay", "morning"]);

const IS_OF_SELECTION: ReadonlySet<LoadCause> = new Set([
  "selectionEmpty",
  "emptyAfterClose",
  "priceOutside",
  "priceMoved",
]);

/** Pause after the first failure, in ms; doubles with each further one. */
const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 300_000;
/** The morning's load starts between 09:00 and 09:10 in New York, in minutes. */
const MORNING_MINUTE = 9 * 60;
const MORNING_SPREAD_MINUTES = 10;
/** The options of most underlyings stop trading on their last day, in minutes. */
const CLOSE_MINUTE = 16 * 60;
/** Most doublings of the pause that are left when a stream opens: it is 8 min. */
const DOUBLINGS_WHEN_OPENED = 3;
/** Reloads per day for missing contracts that have no pause. */
const MAX_PROMPT_RELOADS = 8;
/** How long a contract or an expiry is known to be missing, in ms. */
const MISSING_MS = 60 * MINUTE_MS;
/** Missing contracts and expiries that are kept per chain. */
const MAX_MISSING = 1_000;
/** Change of the price since the load that causes a reload, as a fraction. */
const PRICE_MOVE = 0.1;

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

/** An underlying that is in use or was: its chain and its next load. */
export class ChainEntry {
  readonly underlying: string;
  users = 0;
  chain: Chain | undefined;
  /** Why the chain is old or incomplete, or why there is none. */
  reason: string | undefined;
  readonly #clock: Clock;
  readonly #morningMinute: number;
  readonly #review = new ChainReview();
  /** The earliest requested load of an existing chain. */
  #request: Load | undefined;
  #failures = 0;
  /** Monotonic ms before which nothing is loaded after a failure. */
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
  /** Symbols of the chain. */
  #symbols: ReadonlySet<string> = new Set();
  #ranges: ReadonlyMap<string, StrikeRange> | undefined;
  /** Contracts and expiries known to be missing, with the monotonic ms until which. */
  readonly #missing = new Map<string | number, number>();
  /** Reloads for missing contracts today. */
  #missingReloads = 0;
  /** Missing contracts requested since the load began. */
  #requested: string[] = [];

  /** @param random in [0, 1), the position in the spread of the morning's loads */
  constructor(underlying: string, options: { readonly clock: Clock; readonly random: number }) {
    this.underlying = underlying;
    this.#clock = options.clock;
    this.#morningMinute = MORNING_MINUTE + options.random * MORNING_SPREAD_MINUTES;
  }

  /** Whether the last load has failed, or was postponed. */
  get hasFailed(): boolean {
    return this.#retryAt !== -Infinity;
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

  /** Requests a load of an empty chain, because a stream has opened; shortens a long pause. */
  noteOpened(): void {
    // Not to the first pause: streams that open each minute would reload the chain as often.
    this.#fruitless = Math.min(this.#fruitless, DOUBLINGS_WHEN_OPENED);
    if (this.chain?.contracts.length === 0) this.#want("openedEmpty");
  }

  /**
   * Requests a load if a selection shows that the chain may be outdated; returns
   * whether that made one due earlier.
   */
  noteSelection({ isEmpty, outlook = "later", price }: SelectionOutcome): boolean {
    // An empty chain is loaded again anyway.
    if (!this.chain || this.chain.contracts.length === 0) return false;
    const isEarlier = isEmpty && this.#noteEmpty(outlook);
    return this.#notePrice(price) || isEarlier;
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

  #notePrice(price: number | undefined): boolean {
    if (price === undefined) return false;
    const from = this.#priceAtLoad ??= price;
    if (this.#isOutside(price)) return this.#want("priceOutside", this.#fruitless);
    const hasMoved = Math.abs(price - from) > from * PRICE_MOVE;
    return hasMoved && this.#want("priceMoved", this.#fruitless);
  }

  #isOutside(price: number): boolean {
    this.#ranges ??= strikeRanges(this.chain?.contracts ?? []);
    const today = exchangeDay(this.#clock.now());
    for (const { day, lowest, highest } of this.#ranges.values()) {
      if (day >= today && (price < lowest || price > highest)) return true;
    }
    return false;
  }

  /**
   * Requests a load if the chain lacks a contract.
   *
   * @param expiryDay as days since 1970-01-01
   * @returns whether the contract is missing
   */
  noteContract(symbol: string, expiryDay: number): boolean {
    const { chain } = this;
    if (!chain || expiryDay < exchangeDay(this.#clock.now())) return false;
    if (this.#symbols.has(symbol)) return false;
    const now = this.#clock.monotonic();
    const key = chain.expiries.includes(expiryDay) ? symbol : expiryDay;
    if ((this.#missing.get(key) ?? -Infinity) > now) return true;
    if (this.#missing.size >= MAX_MISSING) this.#forgetMissing(now);
    if (this.#missing.size >= MAX_MISSING) return true;
    this.#missing.set(key, now + MISSING_MS);
    this.#requested.push(symbol);
    this.#wantMissing();
    return true;
  }

  /** Marks the start of a load; what is requested from here on needs another one. */
  begin(cause: LoadCause): void {
    this.#startedIn = this.#dayPart();
    this.#request = undefined;
    this.#requested = [];
    if (cause === "contractMissing") this.#missingReloads++;
  }

  /** Replaces the chain by what was listed, as far as that is plausible. */
  succeed(listed: ContractList, cause: LoadCause): LoadResult {
    const part = this.#startedIn ?? this.#dayPart();
    const now = this.#clock.monotonic();
    const firstDay = this.#clock.now() < instantAt(part.day, CLOSE_MINUTE)
      ? part.day
      : part.day + 1;
    const before = this.chain;
    const current = before && areEqual(before.contracts, listed.contracts)
      ? { contracts: before.contracts, symbols: this.#symbols }
      : listed;
    const { contracts, symbols, ...review } = this.#review.review(current, { firstDay, now });
    const changes = countChanges(before?.contracts ?? [], symbols);
    if (cause === "newDay") this.#missingReloads = 0;
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
    this.#symbols = symbols;
    this.#ranges = undefined;
    this.#request = undefined;
    if (contracts.length === 0) this.#want("noContracts");
    if (review.doubted > 0) this.#want("shrunk", review.doubted - 1);
    if (this.#requested.some((symbol) => !symbols.has(symbol))) this.#wantMissing();
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
    this.#retryAt = this.#clock.monotonic() + delayMs;
    return delayMs;
  }

  /** Requests a load; returns `false` if one that is due earlier is requested. */
  #want(cause: LoadCause, repeated = 0): boolean {
    const { firstMs, longestMs } = LOAD_CAUSES[cause];
    const pauseMs = Math.min(firstMs * 2 ** Math.min(repeated, 30), longestMs);
    return this.#wantAt(cause, this.#loadedAt + pauseMs);
  }

  #wantMissing(): void {
    const isPrompt = this.#missingReloads < MAX_PROMPT_RELOADS;
    const at = isPrompt ? 0 : this.#loadedAt + LOAD_CAUSES.contractMissing.longestMs;
    this.#wantAt("contractMissing", at);
  }

  #wantAt(cause: LoadCause, at: number): boolean {
    if (this.#request && this.#request.at <= at) return false;
    this.#request = { cause, at };
    return true;
  }

  #forgetMissing(now: number): void {
    for (const [key, until] of this.#missing) {
      if (until <= now) this.#missing.delete(key);
    }
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

/** Lowest and highest strike of the calls or the puts of one expiry, USD. */
interface StrikeRange {
  /** Expiration day since 1970-01-01. */
  readonly day: number;
  readonly lowest: number;
  readonly highest: number;
}

/**
 * Ranges of the standard, tradable contracts by expiry and right; strikes of adjusted ones fit no
 * price.
 */
function strikeRanges(contracts: readonly OptionContract[]): ReadonlyMap<string, StrikeRange> {
  const ranges = new Map<string, StrikeRange>();
  for (const { isAdjusted, isTradable, expiryDay, right, strike } of contracts) {
    if (isAdjusted || isTradable === false) continue;
    const key = `${expiryDay} ${right}`;
    const range = ranges.get(key);
    if (range && range.lowest <= strike && strike <= range.highest) continue;
    const { lowest = strike, highest = strike } = range ?? {};
    ranges.set(key, {
      day: expiryDay,
      lowest: Math.min(lowest, strike),
      highest: Math.max(highest, strike),
    });
  }
  return ranges;
}

function shrunkReason(
  listed: number,
  { unlisted, untradable }: Pick<LoadResult, "unlisted" | "untradable">,
): string {
  if (listed === 0) return "no contracts are listed any more";
  const kept = `contracts listed: ${listed}; kept although not listed: ${unlisted}`;
  return untradable === 0 ? kept : `${kept}; kept although not tradable: ${untradable}`;
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
