/**
 * The catalog of listed options and the prices of their underlyings.
 *
 * @module
 */
import type { OptionContract, OptionRight } from "../../domain/options/contract.ts";
import type { BidAsk, TimedPrice } from "../../domain/options/implied_price.ts";

/** Contracts of one request, at most. */
export const CONTRACTS_PER_REQUEST = 1_000;

/** Selects the contracts whose quotes are looked up. */
export interface QuotesQuery {
  readonly underlying: string;
  /** Expiration as days since 1970-01-01. */
  readonly expiryDay: number;
  /** Lowest and highest strike, USD; absent means all. */
  readonly strikes?: readonly [lowest: number, highest: number];
}

/** Selects the contracts whose deltas are looked up. */
export interface DeltasQuery {
  readonly underlying: string;
  /** First and last expiration as days since 1970-01-01. */
  readonly expiries: readonly [first: number, last: number];
  /** `undefined` means both. */
  readonly right?: OptionRight | undefined;
  /** Lowest and highest strike, USD; absent means all. */
  readonly strikes?: readonly [lowest: number, highest: number] | undefined;
}

/** Last trades of underlyings. */
export interface LastTrades {
  /** By underlying; one without a trade is left out. */
  readonly trades: ReadonlyMap<string, TimedPrice>;
  /** Underlyings that are no stock: they need not be requested again soon. */
  readonly rejected: ReadonlySet<string>;
}

/** Looks up contracts and prices. */
export interface OptionCatalog {
  /**
   * Every active contract of an underlying, all expiries, also those that are not
   * tradable; none for an underlying that is not known. One request has
   * {@linkcode CONTRACTS_PER_REQUEST}.
   *
   * @throws ApiUnavailable
   */
  contracts(underlying: string, signal: AbortSignal): Promise<readonly OptionContract[]>;

  /**
   * Last trades of the stock feed that has the regular session; prices are above 0 and finite.
   *
   * @throws ApiUnavailable
   */
  lastTrades(underlyings: readonly string[], signal: AbortSignal): Promise<LastTrades>;

  /**
   * Bid and ask by contract; contracts that are not quoted are left out.
   *
   * @throws ApiUnavailable
   */
  quotes(query: QuotesQuery, signal: AbortSignal): Promise<ReadonlyMap<string, BidAsk>>;

  /**
   * Deltas by contract, -1 to 1: puts have negative ones. Contracts without a
   * computed delta are left out; Alpaca computes none for contracts without quotes.
   *
   * @throws ApiUnavailable
   */
  deltas(query: DeltasQuery, signal: AbortSignal): Promise<ReadonlyMap<string, number>>;
}
