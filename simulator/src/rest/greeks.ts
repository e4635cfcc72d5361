/**
 * Implied volatility and greeks of an option after Black and Scholes, without
 * dividends, at four percent interest. Theta is per day, vega and rho are per
 * percentage point, as Alpaca's snapshots give them.
 *
 * @module
 */
import type { OptionContract } from "../ports.ts";

/** Where the market stands for one contract. */
export interface OptionMarket {
  /** Price of the option in dollars. */
  readonly price: number;
  /** Price of the underlying in dollars. */
  readonly spot: number;
  /** Years to expiry. */
  readonly years: number;
}

/** The part of an option snapshot that is computed. */
export interface Greeks {
  readonly impliedVolatility: number;
  readonly greeks: {
    readonly delta: number;
    readonly gamma: number;
    readonly theta: number;
    readonly vega: number;
    readonly rho: number;
  };
}

type Terms = Pick<OptionContract, "strike" | "type">;

const RATE = 0.04;
const LOWEST_VOLATILITY = 0.01;
const HIGHEST_VOLATILITY = 5;
const HALVINGS = 40;
const DAYS_PER_YEAR = 365;

/** Undefined when no volatility explains the price. */
export function greeksOf(
  terms: Terms,
  market: OptionMarket,
): Greeks | undefined {
  if (!(market.spot > 0 && market.price > 0)) return undefined;
  const volatility = impliedVolatility(terms, market);
  if (volatility === undefined) return undefined;
  const { d1, d2, discounted } = distances(terms, { ...market, volatility });
  const sign = terms.type === "call" ? 1 : -1;
  const root = Math.sqrt(market.years);
  const decay = -market.spot * density(d1) * volatility / (2 * root);
  const interest = sign * RATE * discounted * cumulative(sign * d2);
  return {
    impliedVolatility: round(volatility),
    greeks: {
      delta: round(sign * cumulative(sign * d1)),
      gamma: round(density(d1) / (market.spot * volatility * root)),
      theta: round((decay - interest) / DAYS_PER_YEAR),
      vega: round(market.spot * density(d1) * root / 100),
      rho: round(
        sign * discounted * market.years * cumulative(sign * d2) / 100,
      ),
    },
  };
}

/** The price of an option at a volatility, in dollars. */
export function optionPrice(
  terms: Terms,
  market: Omit<OptionMarket, "price"> & { volatility: number },
): number {
  const { d1, d2, discounted } = distances(terms, market);
  const sign = terms.type === "call" ? 1 : -1;
  return sign *
    (market.spot * cumulative(sign * d1) - discounted * cumulative(sign * d2));
}

function impliedVolatility(
  terms: Terms,
  { price, spot, years }: OptionMarket,
): number | undefined {
  let low = LOWEST_VOLATILITY;
  let high = HIGHEST_VOLATILITY;
  const at = (volatility: number) =>
    optionPrice(terms, { spot, years, volatility });
  if (price < at(low) || price > at(high)) return undefined;
  for (let step = 0; step < HALVINGS; step++) {
    const middle = (low + high) / 2;
    if (at(middle) < price) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

function distances(
  { strike }: Terms,
  { spot, years, volatility }: {
    spot: number;
    years: number;
    volatility: number;
  },
) {
  const deviation = volatility * Math.sqrt(years);
  const d1 = (Math.log(spot / strike) + RATE * years) / deviation +
    deviation / 2;
  return {
    d1,
    d2: d1 - deviation,
    discounted: strike * Math.exp(-RATE * years),
  };
}

function density(x: number): number {
  return Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
}

/** Normal distribution function (Abramowitz and Stegun 26.2.17). */
function cumulative(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const tail = density(x) * t *
    (0.31938153 +
      t * (-0.356563782 +
          t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return x >= 0 ? 1 - tail : tail;
}

function round(value: number): number {
  return Number(value.toFixed(4));
}
