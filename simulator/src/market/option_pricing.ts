import type { OptionContract } from "../ports.ts";

const RATE = 0.04;
const YEAR_MS = 365.25 * 86_400_000;
const SHORTEST_YEARS = 1 / (365 * 24);

/**
 * Theoretical price of an option in dollars (Black and Scholes, with a smile
 * that grows away from the money); never below its intrinsic value at the
 * money's forward.
 */
export function theoreticalPrice(
  contract: Pick<OptionContract, "strike" | "type">,
  market: { spot: number; volatility: number; yearsLeft: number },
): number {
  const { strike, type } = contract;
  const { spot, yearsLeft } = market;
  const distance = Math.log(strike / spot);
  const volatility = market.volatility * (1 + 2 * distance * distance);
  const deviation = volatility * Math.sqrt(yearsLeft);
  const d1 = (-distance + RATE * yearsLeft) / deviation + deviation / 2;
  const d2 = d1 - deviation;
  const discounted = strike * Math.exp(-RATE * yearsLeft);
  const call = spot * normal(d1) - discounted * normal(d2);
  return Math.max(0, type === "call" ? call : call - spot + discounted);
}

/** When a contract that expires on a `YYYY-MM-DD` day trades last, in ms. */
export function lastTradingTime(expiration: string): number {
  return Date.parse(`${expiration}T20:00:00Z`);
}

/** Years until a contract's last trade, at least about an hour. */
export function yearsUntil(lastTradingMs: number, nowMs: number): number {
  return Math.max(SHORTEST_YEARS, (lastTradingMs - nowMs) / YEAR_MS);
}

/** Cumulative normal distribution (Abramowitz and Stegun 26.2.17). */
function normal(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const density = 0.3989422804014327 * Math.exp((-x * x) / 2);
  const tail = density * t *
    (0.31938153 +
      t * (-0.356563782 +
          t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return x >= 0 ? 1 - tail : tail;
}
