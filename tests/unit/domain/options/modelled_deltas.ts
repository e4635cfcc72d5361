/**
 * Deltas by the model of Black and Scholes, without rates, for tests.
 *
 * @module
 */
import type { OptionContract } from "../../../../src/domain/options/contract.ts";

/** Deltas of contracts, by symbol. */
export function deltasBy(
  contracts: readonly OptionContract[],
  { price, volatility, today }: {
    readonly price: number;
    readonly volatility: number;
    readonly today: number;
  },
): Map<string, number> {
  return new Map(contracts.map(({ symbol, strike, right, expiryDay }) => {
    const spread = volatility * Math.sqrt((expiryDay - today + 1) / 365);
    const call = normal(Math.log(price / strike) / spread + spread / 2);
    return [symbol, right === "call" ? call : call - 1];
  }));
}

/** The normal distribution (Abramowitz and Stegun, 26.2.17). */
function normal(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const series = t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = Math.exp(-(x ** 2) / 2) / Math.sqrt(2 * Math.PI) * series;
  return x > 0 ? 1 - tail : tail;
}
