/**
 * Fetches the prices of the underlyings of the open expansions.
 *
 * One request per interval fetches the last trades of all of them. New underlyings
 * do not wait for it; all that are new share a request. Option quotes are requested
 * where the last trade is not enough: of an index, of a trade that is old, and of a
 * price that is not confirmed; one underlying at a time, the longest without them
 * first. What a price is taken from is decided by `TrackedPrice`.
 *
 * @module
 */
import type { MarketCalendar } from "../../domain/calendar/market_calendar.ts";
import { medianByOpenInterest, type TimedPrice } from "../../domain/options/implied_price.ts";
import {
  type PriceMoment,
  TrackedPrice,
  type UnderlyingPrice,
} from "../../domain/options/tracked_price.ts";
import type { Clock } from "../ports/clock.ts";
import { ApiUnavailable } from "../ports/api_unavailable.ts";
import type { OptionCatalog } from "../ports/option_catalog.ts";
import type { Chain } from "./option_chain_cache.ts";
import { lookUpParity, nextContracts } from "./parity_lookup.ts";
import { RequestBudget } from "./request_budget.ts";
import { WakeSignal } from "../timing/wake_signal.ts";

/** Mean time between two requests for new underlyings, in ms; a few need not wait. */
const NEW_PAUSE_MS = 5_000;
const NEW_BURST = 3;
/** Pause until an unconfirmed price is requested again, in ms; it doubles. */
const CONFIRM_MS = 2_000;
/** Pause until an underlying that is rejected as a stock is requested again, in ms. */
const REJECTED_MS = 900_000;
/** Least interval of option quotes where a trade is known or the market is closed, in ms. */
const RARE_QUOTES_MS = 60_000;
/** Longest time for which the first trade waits for the options. */
const FIRST_WAIT_MS = 5_000;
/**
 * Requests of checks of first trades, some more by the last check: they leave requests to chains,
 * and later trades make them needless.
 */
const FIRST_CHECKS = { perMinute: 5, burst: 10 };
/** For how long the prices of underlyings that are not followed any more are known, in ms. */
const KEPT_MS = 86_400_000;
/** Most of them; above it the one that was followed longest ago is left out. */
const MAX_KEPT = 1_000;
/** Longest pause after quotes that imply no price, in ms. */
const LONGEST_QUOTES_MS = 120_000;

/** What the prices are fetched with. */
interface UnderlyingPricesOptions {
  readonly catalog: OptionCatalog;
  readonly clock: Clock;
  readonly calendar: MarketCalendar;
  readonly intervalMs: number;
  /**
   * The underlyings to follow, with their chains; `undefined` while a chain is not
   * loaded. There is no price without a chain, but its request can be shared.
   */
  readonly followed: () => ReadonlyMap<string, Chain | undefined>;
  /** Called after prices were requested. */
  readonly onChange: () => void;
}

/** One underlying that is followed. Times are monotonic ms. */
class Followed {
  readonly price: TrackedPrice;
  chain: Chain | undefined;
  /** Whether its last trade was requested. */
  isRequested = false;
  /** A reply that waits for the chain. */
  reply: { readonly trade: TimedPrice | undefined } | undefined;
  /** Before it, it is not requested as a stock. */
  rejectedUntil = 0;
  /** When its option quotes are requested next. */
  quotesAt = 0;
  /** Replies of the options in a row that implied no price. */
  failures = 0;
  /** When an unconfirmed price is requested again, and the pause before it. */
  confirm: { readonly at: number; readonly pauseMs: number } | undefined;
  /** When a first trade is taken although the options have not been looked at. */
  waitsUntil: number | undefined;

  constructor(before: UnderlyingPrice | undefined) {
    this.price = new TrackedPrice(before);
  }
}

/** An underlying whose option quotes are requested at a time, in monotonic ms. */
interface DueQuotes {
  readonly underlying: string;
  readonly followed: Followed;
  readonly at: number;
}

/** Prices by underlying. */
export class UnderlyingPrices {
  readonly #options: UnderlyingPricesOptions;
  readonly #followed = new Map<string, Followed>();
  /** Prices of underlyings that were followed, and until when; the latest one is the last. */
  readonly #kept = new Map<string, { readonly price: UnderlyingPrice; readonly until: number }>();
  readonly #tradesSignal = new WakeSignal();
  readonly #quotesSignal = new WakeSignal();
  /** When the last trades of all are requested next, in monotonic ms. */
  #nextAt = 0;
  /** Before it, new underlyings wait; see `NEW_PAUSE_MS`. */
  #newAt = -Infinity;
  readonly #firstChecks = new RequestBudget(FIRST_CHECKS);
  /** Before it, unconfirmed prices wait, so that they share requests. */
  #confirmAt = -Infinity;

  constructor(options: UnderlyingPricesOptions) {
    this.#options = options;
  }

  /** The price of an underlying; `undefined` until it was requested. */
  of(underlying: string): UnderlyingPrice | undefined {
    return this.#followed.get(underlying)?.price.value;
  }

  /** Fetches the prices of newly followed underlyings soon. */
  wake(): void {
    this.#tradesSignal.wake();
  }

  /** Keeps the prices current until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const ending = AbortSignal.any([signal, stop.signal]);
    const loops = [this.#followTrades(ending), this.#followQuotes(ending)]
      .map((loop) => loop.finally(() => stop.abort()));
    // A failed loop stops the other one.
    await Promise.allSettled(loops);
    await Promise.all(loops);
  }

  async #followTrades(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    this.#nextAt = 0;
    while (!signal.aborted) {
      this.#synchronize();
      this.#takeLate();
      const requests = this.#dueTrades();
      for (const names of requests) await this.#fetchTrades(names, signal);
      if (requests.length === 0) {
        await this.#tradesSignal.wait(this.#untilTrades(), { clock, signal });
      }
    }
  }

  /** Follows what is open now; replies that waited for a chain are taken. */
  #synchronize(): void {
    const open = this.#options.followed();
    for (const [name, { price }] of this.#followed) {
      if (open.has(name)) continue;
      this.#followed.delete(name);
      this.#keep(name, price.value);
    }
    let isChanged = false;
    for (const [name, chain] of open) {
      const followed = this.#followed.get(name) ?? new Followed(this.#keptOf(name));
      this.#followed.set(name, followed);
      followed.chain = chain;
      if (!chain || !followed.reply) continue;
      this.#noteTrade(followed, chain, followed.reply.trade);
      isChanged = true;
    }
    if (!isChanged) return;
    this.#quotesSignal.wake();
    this.#options.onChange();
  }

  #keep(name: string, price: UnderlyingPrice | undefined): void {
    if (price === undefined || price.source === "guess") return;
    this.#kept.delete(name);
    this.#kept.set(name, { price, until: this.#options.clock.monotonic() + KEPT_MS });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
  }

  #keptOf(name: string): UnderlyingPrice | undefined {
    const kept = this.#kept.get(name);
    return kept && kept.until > this.#options.clock.monotonic() ? kept.price : undefined;
  }

  /** Takes the first trades that have waited too long for the options. */
  #takeLate(): void {
    const now = this.#options.clock.monotonic();
    let isChanged = false;
    for (const followed of this.#followed.values()) {
      const { chain, waitsUntil = Infinity } = followed;
      if (!chain || waitsUntil > now) continue;
      followed.waitsUntil = undefined;
      followed.price.takeFirst(this.#moment(chain));
      isChanged = true;
    }
    if (isChanged) this.#options.onChange();
  }

  /**
   * The names of each request that is due: all underlyings once per interval; in
   * between new ones and those to be confirmed.
   */
  #dueTrades(): readonly (readonly string[])[] {
    const now = this.#options.clock.monotonic();
    const all = [...this.#followed];
    if (!all.some(([, { chain }]) => chain)) return [];
    let due: typeof all = [];
    if (now >= this.#nextAt) {
      due = all;
      // On a grid, so that a slow reply does not move the next request.
      const { intervalMs } = this.#options;
      const isLate = now >= this.#nextAt + intervalMs;
      this.#nextAt = isLate ? now + intervalMs : this.#nextAt + intervalMs;
    } else {
      const areNew = now >= this.#newAt && all.some(([, it]) => isNew(it));
      const areSecond = now >= this.#confirmAt && all.some(([, it]) => confirmAt(it) <= now);
      due = all.filter(([, it]) =>
        (areNew && !it.isRequested) || (areSecond && confirmAt(it) <= now)
      );
      if (areSecond) this.#confirmAt = now + CONFIRM_MS;
      if (areNew) {
        const burstMs = (NEW_BURST - 1) * NEW_PAUSE_MS;
        this.#newAt = Math.max(this.#newAt, now - burstMs) + NEW_PAUSE_MS;
      }
    }
    const usual = due.filter(([, { rejectedUntil }]) => rejectedUntil === 0);
    // A rejected one costs the others a request, so it is requested again alone.
    const retest = due.find(([, { rejectedUntil }]) => rejectedUntil > 0 && rejectedUntil <= now);
    return [usual, retest ? [retest] : []].filter((group) => group.length > 0)
      .map((group) => group.map(([name]) => name));
  }

  #untilTrades(): number {
    const now = this.#options.clock.monotonic();
    const all = [...this.#followed.values()];
    if (!all.some(({ chain }) => chain)) return Infinity;
    let at = this.#nextAt;
    if (all.some(isNew)) at = Math.min(at, this.#newAt);
    for (const followed of all) {
      at = Math.min(at, Math.max(this.#confirmAt, confirmAt(followed)));
      at = Math.min(at, followed.waitsUntil ?? Infinity);
    }
    return Math.max(0, at - now);
  }

  async #fetchTrades(names: readonly string[], signal: AbortSignal): Promise<void> {
    const { catalog, clock } = this.#options;
    for (const name of names) {
      const followed = this.#followed.get(name);
      if (followed) followed.isRequested = true;
    }
    try {
      const { trades, rejected } = await catalog.lastTrades(names, signal);
      for (const name of names) {
        const followed = this.#followed.get(name);
        if (!followed) continue;
        followed.rejectedUntil = rejected.has(name) ? clock.monotonic() + REJECTED_MS : 0;
        const trade = trades.get(name);
        if (followed.chain) this.#noteTrade(followed, followed.chain, trade);
        else followed.reply = { trade };
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiUnavailable)) throw error;
      for (const name of names) {
        const followed = this.#followed.get(name);
        if (!followed?.chain) continue;
        followed.price.noteFailure("trades", error.message, this.#moment(followed.chain));
        this.#planConfirmation(followed);
      }
    }
    this.#quotesSignal.wake();
    this.#options.onChange();
  }

  #noteTrade(followed: Followed, chain: Chain, trade: TimedPrice | undefined): void {
    followed.reply = undefined;
    const { price } = followed;
    const before = price.unconfirmed;
    price.noteTrade(trade, this.#moment(chain));
    // The options may confirm it sooner than a further trade.
    if (before === undefined && price.unconfirmed !== undefined) followed.quotesAt = 0;
    if (price.isWaiting) {
      const now = this.#options.clock.monotonic();
      const isChecked = this.#firstChecks.untilReady(now) === 0;
      followed.waitsUntil ??= now + (isChecked ? FIRST_WAIT_MS : 0);
    }
    this.#planConfirmation(followed);
  }

  /** Pauses grow up to the interval. */
  #planConfirmation(followed: Followed): void {
    if (!followed.price.needsSecond) {
      followed.confirm = undefined;
      return;
    }
    const { clock, intervalMs } = this.#options;
    const now = clock.monotonic();
    const { at, pauseMs } = followed.confirm ?? { at: now, pauseMs: CONFIRM_MS };
    if (at > now) return;
    followed.confirm = { at: now + pauseMs, pauseMs: Math.min(pauseMs * 2, intervalMs) };
  }

  async #followQuotes(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const due = this.#nextQuotes();
      const now = clock.monotonic();
      if (due && due.at <= now) {
        await this.#fetchQuotes(due, signal);
      } else {
        const ms = due ? due.at - now : Infinity;
        await this.#quotesSignal.wait(ms, { clock, signal });
      }
    }
  }

  /** The underlying whose option quotes are requested next. */
  #nextQuotes(): DueQuotes | undefined {
    const now = this.#options.clock.monotonic();
    const firstAt = now + this.#firstChecks.untilReady(now);
    let next: DueQuotes | undefined;
    for (const [underlying, followed] of this.#followed) {
      const { chain, price, quotesAt } = followed;
      const at = price.isFirstTrade ? Math.max(quotesAt, firstAt) : quotesAt;
      if (chain && price.needsQuotes && !(next && next.at <= at)) {
        next = { underlying, followed, at };
      }
    }
    return next;
  }

  async #fetchQuotes({ underlying, followed }: DueQuotes, signal: AbortSignal): Promise<void> {
    const { catalog, clock, calendar } = this.#options;
    const { price, chain } = followed;
    if (!chain) return;
    const { value, unconfirmed, isFirstTrade } = price;
    const onRequest = () => {
      if (isFirstTrade) this.#firstChecks.spend(1, clock.monotonic());
    };
    const known = value?.source === "guess" ? undefined : value?.price;
    const around = [known, unconfirmed].filter((it) => it !== undefined);
    const moment = { now: clock.now(), calendar };
    const query = { underlying, chain, moment, around, isNear: price.isStep, onRequest };
    let isImplied = false;
    try {
      const parity = await lookUpParity(catalog, query, signal);
      isImplied = parity !== undefined;
      price.noteQuotes(parity, this.#moment(chain));
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiUnavailable)) throw error;
      price.noteFailure("quotes", error.message, this.#moment(chain));
    }
    followed.failures = isImplied ? 0 : followed.failures + 1;
    // The next reply about the trade plans it again.
    const isPlanned = followed.confirm !== undefined && followed.rejectedUntil === 0;
    if (!isPlanned || !price.needsSecond) this.#planConfirmation(followed);
    followed.quotesAt = clock.monotonic() + this.#quotesPause(followed);
    this.#tradesSignal.wake();
    this.#options.onChange();
  }

  #quotesPause({ failures, price, confirm }: Followed): number {
    const { clock, calendar, intervalMs } = this.#options;
    if (confirm) return Math.max(CONFIRM_MS, confirm.at - clock.monotonic());
    if (failures > 0) {
      const pauseMs = intervalMs * 2 ** Math.min(failures - 1, 10);
      return Math.max(intervalMs, Math.min(pauseMs, LONGEST_QUOTES_MS));
    }
    const isRare = price.hasTrade || !calendar.isOpen("options", clock.now());
    return isRare ? Math.max(intervalMs, RARE_QUOTES_MS) : intervalMs;
  }

  #moment(chain: Chain): PriceMoment {
    const { clock, calendar } = this.#options;
    const contracts = nextContracts(chain, { now: clock.now(), calendar });
    const strikes = [...new Set(contracts.map(({ strike }) => strike))].sort((a, b) => a - b);
    const guess = () => medianByOpenInterest(contracts);
    return { now: clock.now(), calendar, strikes, guess };
  }
}

/** When the trade of an unconfirmed price is requested again, in monotonic ms. */
function confirmAt({ confirm, rejectedUntil }: Followed): number {
  return confirm && rejectedUntil === 0 ? confirm.at : Infinity;
}

function isNew({ chain, isRequested }: Followed): boolean {
  return chain !== undefined && !isRequested;
}
