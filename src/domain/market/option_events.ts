/**
 * Events of the option stream. Sizes are contracts, prices USD per share of the contract, and there
 * is one condition code where stocks have a list.
 *
 * @module
 */
import type { WithExactValues } from "./exact_value.ts";
import type { Timestamp } from "./timestamp.ts";

/** Best bid and offer of one option contract. */
export interface OptionQuote extends WithExactValues {
  /** Compact OCC symbol, for example `AAPL240315C00172500`. */
  readonly symbol: string;
  readonly timestamp: Timestamp;
  readonly bidExchange: string;
  readonly bidPrice: number;
  readonly bidSize: number;
  readonly askExchange: string;
  readonly askPrice: number;
  readonly askSize: number;
  /** One code; empty when Alpaca sends none. */
  readonly condition: string;
}

/** One execution of an option contract. */
export interface OptionTrade extends WithExactValues {
  /** Compact OCC symbol. */
  readonly symbol: string;
  readonly timestamp: Timestamp;
  readonly price: number;
  readonly size: number;
  readonly exchange: string;
  readonly condition: string;
}
