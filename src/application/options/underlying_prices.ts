/**
 * Where the underlyings of the open expansions stand.
 *
 * All of them are asked for in one request per interval. What has no stock
 * price (an index) is priced by put-call parity of its nearest expiry, and where
 * nothing is quoted by the middle of the open interest: a guess that is replaced as soon as a price is
 * known, and told as one. A known price outlives failures to renew it.
 *
 * @module
 */
import type { OptionContract } from "../../domain/options/contract.ts";
import {
  middleOfInterest,
  parityPrice,
} from "../../domain/options/implied_price.ts";
import type { Clock } from "../ports/clock.ts";
import {
  CatalogUnavailable,
  type OptionCatalog,
} from "../ports/option_catalog.ts";
import { Bell } from "./bell.ts";
import type { Chain } from "./chain_book.ts";

/** Strikes asked for around the last parity, as a part of it. */
const PARITY_WINDOW = 0.03;

/** How long an underlying is believed to have no stock price, in ms. */
const UNPRICED_MS = 900_000;

/** A price and what it rests on. */
export interface UnderlyingPrice {
  /** USD. */
  readonly price: number;
  readonly source: "trade" | "parity" | "guess";
  /** Why it is old or only a guess. */
  readonly problem: string | undefined;
}

interface Quote extends UnderlyingPrice {
  /** Monotonic ms at which it was last asked for. */
  readonly askedAt: number;
}

/** What the prices need. */
export interface UnderlyingPricesParts {
  readonly catalog: OptionCatalog;
  readonly clock: Clock;
  readonly intervalMs: number;
  /** The chains of the underlyings to follow; empty chains have no price. */
  readonly followed: () => ReadonlyMap<string, Chain>;
  /** Told after prices were asked for. */
  readonly onChange: () => void;
}

/** Prices by underlying. */
export class UnderlyingPrices {
  readonly #parts: UnderlyingPricesParts;
  readonly #quotes = new Map<string, Quote>();
  /**
   * Chains whose underlying had no stock price, with the monotonic ms until
   * which it is not asked for; a new chain is asked for immediately.
   */
  readonly #unpricedUntil = new WeakMap<Chain, number>();
  readonly #bell = new Bell();

  constructor(parts: UnderlyingPricesParts) {
    this.#parts = parts;
  }

  /** The price of an underlying; `undefined` until it was asked for. */
  of(underlying: string): UnderlyingPrice | undefined {
    return this.#quotes.get(underlying);
  }

  /** Something is to be followed that was not before. */
  wake(): void {
    this.#bell.ring();
  }

  /** Keeps the prices current until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    while (!signal.aborted) {
      await this.#refresh(signal);
      await this.#bell.wait(this.#untilStale(), { clock, signal });
    }
  }

  #untilStale(): number {
    const { clock, intervalMs } = this.#parts;
    let oldest = Infinity;
    for (const { askedAt } of this.#quotes.values()) {
      oldest = Math.min(oldest, askedAt);
    }
    return Math.max(0, oldest + intervalMs - clock.monotonic());
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    const followed = this.#parts.followed();
    for (const name of this.#quotes.keys()) {
      if (!followed.has(name)) this.#quotes.delete(name);
    }
    const stale = new Map(
      [...followed].filter(([name]) => this.#isStale(name)),
    );
    if (stale.size === 0) return;
    const left = await this.#askStocks(stale, signal);
    for (const [name, chain] of left) {
      if (!signal.aborted) await this.#askOptions(name, { chain, signal });
    }
    if (!signal.aborted) this.#parts.onChange();
  }

  #isStale(underlying: string): boolean {
    const { clock, intervalMs } = this.#parts;
    const askedAt = this.#quotes.get(underlying)?.askedAt ?? -Infinity;
    return clock.monotonic() - askedAt >= intervalMs;
  }

  /** Answers those that are left to be priced by their options. */
  async #askStocks(
    stale: ReadonlyMap<string, Chain>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Chain>> {
    const left = new Map(stale);
    const now = this.#parts.clock.monotonic();
    const names = [...stale.keys()].filter((name) =>
      (this.#unpricedUntil.get(chainIn(stale, name)) ?? 0) <= now
    );
    if (names.length === 0) return left;
    try {
      const prices = await this.#parts.catalog.prices(names, signal);
      for (const name of names) {
        const price = prices.get(name);
        if (price === undefined) {
          this.#unpricedUntil.set(chainIn(stale, name), now + UNPRICED_MS);
        } else {
          this.#set(name, { price, source: "trade" });
          left.delete(name);
        }
      }
    } catch (error) {
      if (signal.aborted) return left;
      if (!(error instanceof CatalogUnavailable)) throw error;
      // Options are on the same host: no use asking there too.
      for (const name of names) {
        this.#keepOrGuess(name, chainIn(stale, name), error.message);
        left.delete(name);
      }
    }
    return left;
  }

  async #askOptions(
    underlying: string,
    options: { readonly chain: Chain; readonly signal: AbortSignal },
  ): Promise<void> {
    const { chain, signal } = options;
    try {
      const price = await this.#parity(underlying, { chain, signal });
      if (price !== undefined) {
        return this.#set(underlying, { price, source: "parity" });
      }
      this.#keepOrGuess(underlying, chain, "neither it nor its options trade");
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof CatalogUnavailable)) throw error;
      this.#keepOrGuess(underlying, chain, error.message);
    }
  }

  /** Near the last price if there is one, else (or if it is gone) anywhere. */
  async #parity(
    underlying: string,
    options: { readonly chain: Chain; readonly signal: AbortSignal },
  ): Promise<number | undefined> {
    const { chain, signal } = options;
    const contracts = nearest(chain);
    const expiryDay = contracts[0]?.expiryDay;
    if (expiryDay === undefined) return undefined;
    const query = { underlying, expiryDay };
    const { catalog } = this.#parts;
    const last = this.#quotes.get(underlying);
    if (last && last.source !== "guess") {
      const off = last.price * PARITY_WINDOW;
      const strikes = [last.price - off, last.price + off] as const;
      const mids = await catalog.mids({ ...query, strikes }, signal);
      const price = parityPrice(contracts, mids);
      if (price !== undefined) return price;
    }
    return parityPrice(contracts, await catalog.mids(query, signal));
  }

  #keepOrGuess(underlying: string, chain: Chain, problem: string): void {
    const last = this.#quotes.get(underlying);
    if (last && last.source !== "guess") {
      return this.#set(underlying, { ...last, problem });
    }
    const price = middleOfInterest(nearest(chain));
    // A chain without contracts is never followed.
    if (price === undefined) return;
    this.#set(underlying, { price, source: "guess", problem });
  }

  #set(
    underlying: string,
    quote: Pick<Quote, "price" | "source"> & { problem?: string | undefined },
  ): void {
    const { price, source, problem } = quote;
    const askedAt = this.#parts.clock.monotonic();
    this.#quotes.set(underlying, { price, source, problem, askedAt });
  }
}

function chainIn(chains: ReadonlyMap<string, Chain>, name: string): Chain {
  const chain = chains.get(name);
  if (chain === undefined) throw new RangeError(`no chain of ${name}`);
  return chain;
}

/** The contracts of the nearest expiry after the day of loading, or of any. */
function nearest(chain: Chain): readonly OptionContract[] {
  const { expiries, contracts, day } = chain;
  const expiry = expiries.find((candidate) => candidate > day) ?? expiries[0];
  return contracts.filter(({ expiryDay }) => expiryDay === expiry);
}
