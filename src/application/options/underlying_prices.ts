/**
 * Fetches the prices of the underlyings of the open expansions.
 *
 * One request per interval fetches all of them. An underlying without a stock
 * price (an index) is priced by put-call parity of its nearest expiry, and where
 * nothing is quoted by the median of the open interest: a guess, reported as one
 * and replaced by the first price. A known price is kept while it cannot be
 * renewed.
 *
 * @module
 */
import type { OptionContract } from "../../domain/options/contract.ts";
import {
  medianByOpenInterest,
  parityPrice,
  type TimedPrice,
} from "../../domain/options/implied_price.ts";
import type { Clock } from "../ports/clock.ts";
import { ApiUnavailable } from "../ports/api_unavailable.ts";
import type { OptionCatalog } from "../ports/option_catalog.ts";
import type { PriceSource } from "../status/reports.ts";
import type { Chain } from "./option_chain_cache.ts";
import { WakeSignal } from "./wake_signal.ts";

/** Strikes requested around the last price, as a fraction of it. */
const PARITY_WINDOW = 0.03;

/** Pause until an underlying without a stock price is looked up again, in ms. */
const UNPRICED_MS = 900_000;

/** A price, its source and its age. */
interface UnderlyingPrice {
  /** USD. */
  readonly price: number;
  /** The last trade, the options by put-call parity, or a guess from their open interest. */
  readonly source: PriceSource;
  /** When the trade or the quotes were made, in ms since the Unix epoch; unset for a guess. */
  readonly asOf: number | undefined;
  /** Why the price is old, not confirmed or a guess; `undefined` for a current one. */
  readonly problem: string | undefined;
}

interface Quote extends UnderlyingPrice {
  /** Monotonic ms at which it was last requested. */
  readonly requestedAt: number;
}

/** What the prices are fetched with. */
interface UnderlyingPricesOptions {
  readonly catalog: OptionCatalog;
  readonly clock: Clock;
  readonly intervalMs: number;
  /** The chains of the underlyings to follow; empty chains have no price. */
  readonly followed: () => ReadonlyMap<string, Chain>;
  /** Called after prices were requested. */
  readonly onChange: () => void;
}

/** Prices by underlying. */
export class UnderlyingPrices {
  readonly #options: UnderlyingPricesOptions;
  readonly #quotes = new Map<string, Quote>();
  /**
   * Chains whose underlying had no stock price, with the monotonic ms until
   * which it is not requested; for a new chain it is requested immediately.
   */
  readonly #unpricedUntil = new WeakMap<Chain, number>();
  readonly #signal = new WakeSignal();

  constructor(options: UnderlyingPricesOptions) {
    this.#options = options;
  }

  /** The price of an underlying; `undefined` until it was requested. */
  of(underlying: string): UnderlyingPrice | undefined {
    return this.#quotes.get(underlying);
  }

  /** Fetches the prices of newly followed underlyings soon. */
  wake(): void {
    this.#signal.wake();
  }

  /** Keeps the prices current until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      await this.#refresh(signal);
      await this.#signal.wait(this.#untilStale(), { clock, signal });
    }
  }

  #untilStale(): number {
    const { clock, intervalMs } = this.#options;
    let oldest = Infinity;
    for (const { requestedAt } of this.#quotes.values()) {
      oldest = Math.min(oldest, requestedAt);
    }
    return Math.max(0, oldest + intervalMs - clock.monotonic());
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    const followed = this.#options.followed();
    for (const name of this.#quotes.keys()) {
      if (!followed.has(name)) this.#quotes.delete(name);
    }
    const stale = [...followed].filter(([name]) => this.#isStale(name));
    if (stale.length === 0) return;
    for (const [name, chain] of await this.#fetchStocks(stale, signal)) {
      if (!signal.aborted) await this.#fetchOptions(name, chain, signal);
    }
    if (!signal.aborted) this.#options.onChange();
  }

  #isStale(underlying: string): boolean {
    const { clock, intervalMs } = this.#options;
    const requestedAt = this.#quotes.get(underlying)?.requestedAt ?? -Infinity;
    return clock.monotonic() - requestedAt >= intervalMs;
  }

  /** Returns those that are left to be priced by their options. */
  async #fetchStocks(
    stale: readonly (readonly [string, Chain])[],
    signal: AbortSignal,
  ): Promise<readonly (readonly [string, Chain])[]> {
    const now = this.#options.clock.monotonic();
    const requested = stale.filter(([, chain]) => (this.#unpricedUntil.get(chain) ?? 0) <= now);
    if (requested.length === 0) return stale;
    const priced = new Set<string>();
    try {
      const names = requested.map(([name]) => name);
      const { trades } = await this.#options.catalog.lastTrades(names, signal);
      for (const [name, chain] of requested) {
        const trade = trades.get(name);
        if (trade === undefined) this.#unpricedUntil.set(chain, now + UNPRICED_MS);
        else {
          const { price, at: asOf } = trade;
          this.#set(name, { price, source: "trade", asOf, problem: undefined });
          priced.add(name);
        }
      }
    } catch (error) {
      if (signal.aborted) return [];
      if (!(error instanceof ApiUnavailable)) throw error;
      // Options are on the same host, so they are not requested.
      for (const [name, chain] of requested) {
        this.#keepOrGuess(name, chain, error.message);
        priced.add(name);
      }
    }
    return stale.filter(([name]) => !priced.has(name));
  }

  async #fetchOptions(underlying: string, chain: Chain, signal: AbortSignal): Promise<void> {
    try {
      const parity = await this.#parity(underlying, chain, signal);
      if (parity !== undefined) {
        const { price, at: asOf } = parity;
        this.#set(underlying, { price, source: "parity", asOf, problem: undefined });
      } else this.#keepOrGuess(underlying, chain, "neither it nor its options trade");
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiUnavailable)) throw error;
      this.#keepOrGuess(underlying, chain, error.message);
    }
  }

  /** Requests strikes near the last price if there is one, then all of them. */
  async #parity(
    underlying: string,
    chain: Chain,
    signal: AbortSignal,
  ): Promise<TimedPrice | undefined> {
    const contracts = nearest(chain);
    const expiryDay = contracts[0]?.expiryDay;
    if (expiryDay === undefined) return undefined;
    const query = { underlying, expiryDay };
    const { catalog } = this.#options;
    const last = this.#quotes.get(underlying);
    if (last && last.source !== "guess") {
      const off = last.price * PARITY_WINDOW;
      const strikes = [last.price - off, last.price + off] as const;
      const quotes = await catalog.quotes({ ...query, strikes }, signal);
      const price = parityPrice(contracts, quotes);
      if (price !== undefined) return price;
    }
    return parityPrice(contracts, await catalog.quotes(query, signal));
  }

  #keepOrGuess(underlying: string, chain: Chain, problem: string): void {
    const last = this.#quotes.get(underlying);
    if (last && last.source !== "guess") {
      return this.#set(underlying, { ...last, problem });
    }
    const price = medianByOpenInterest(nearest(chain));
    // A chain without contracts is never followed.
    if (price !== undefined) {
      this.#set(underlying, { price, source: "guess", asOf: undefined, problem });
    }
  }

  #set(underlying: string, price: UnderlyingPrice): void {
    this.#quotes.set(underlying, { ...price, requestedAt: this.#options.clock.monotonic() });
  }
}

/** The contracts of the nearest expiry after the day of loading, or of any. */
function nearest(chain: Chain): readonly OptionContract[] {
  const { expiries, contracts, day } = chain;
  const expiry = expiries.find((candidate) => candidate > day) ?? expiries[0];
  return contracts.filter(({ expiryDay }) => expiryDay === expiry);
}
