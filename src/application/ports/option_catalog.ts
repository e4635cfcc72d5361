/**
 * The catalog of listed options and the prices of their underlyings.
 *
 * @module
 */
import type { OptionContract, OptionRight } from "../../domain/options/contract.ts";

/** Selects the contracts whose prices are looked up. */
export interface MidsQuery {
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

/** Looks up contracts and prices. */
export interface OptionCatalog {
  /**
   * Every active contract of an underlying, all expiries; none for an
   * underlying that is not known.
   *
   * @throws ApiUnavailable
   */
  contracts(underlying: string, signal: AbortSignal): Promise<readonly OptionContract[]>;

  /**
   * Last traded prices in USD; an underlying without one is left out.
   *
   * @throws ApiUnavailable
   */
  prices(underlyings: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, number>>;

  /**
   * The middle between bid and ask by contract, USD; contracts that are not
   * quoted on both sides are left out.
   *
   * @throws ApiUnavailable
   */
  mids(query: MidsQuery, signal: AbortSignal): Promise<ReadonlyMap<string, number>>;

  /**
   * Deltas by contract, -1 to 1: puts have negative ones. Contracts without a
   * computed delta are left out; Alpaca computes none for contracts without quotes.
   *
   * @throws ApiUnavailable
   */
  deltas(query: DeltasQuery, signal: AbortSignal): Promise<ReadonlyMap<string, number>>;
}
