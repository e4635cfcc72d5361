/**
 * The catalogue of listed options and the prices of their underlyings.
 *
 * @module
 */
import type { OptionContract } from "../../domain/options/contract.ts";

/** Where contracts and prices are looked up. */
export interface OptionCatalog {
  /**
   * Every active contract of an underlying, all expiries.
   *
   * @throws CatalogUnavailable
   */
  contracts(
    underlying: string,
    signal: AbortSignal,
  ): Promise<readonly OptionContract[]>;

  /**
   * Last traded prices in USD; an underlying without one is left out.
   *
   * @throws CatalogUnavailable
   */
  prices(
    underlyings: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, number>>;
}

/** The catalogue cannot be read; the message says why and holds no secret. */
export class CatalogUnavailable extends Error {
  override readonly name = "CatalogUnavailable";
}
