/**
 * What an account is worth at current prices, and what it may still buy.
 * Two times the equity may be bought on margin, options and crypto only with
 * cash; interest, fees and day-trading rules are not simulated.
 *
 * @module
 */
import type { PriceSource } from "../ports.ts";
import { Decimal, ZERO } from "./decimals.ts";
import type { OrderDesk } from "./order_desk.ts";
import { forbidden } from "./order_refusal.ts";
import { assetClassOf, type OrderRequest } from "./order_request.ts";
import {
  multiplierOf,
  type Position,
  type PositionBook,
} from "./position_book.ts";

const MARGIN = 2;

/** Dollar amounts of an account. */
export interface AccountFigures {
  readonly cash: Decimal;
  readonly longMarketValue: Decimal;
  /** Zero or negative. */
  readonly shortMarketValue: Decimal;
  readonly equity: Decimal;
  readonly buyingPower: Decimal;
}

/** The value of a position at the last price, negative when short. */
export function marketValue(position: Position, prices: PriceSource): Decimal {
  const last = prices.lastPrice(position.symbol);
  const price = last === undefined ? position.entryPrice : new Decimal(last);
  return position.qty.times(price).times(multiplierOf(position.assetClass));
}

/** The figures of an account at current prices. */
export function accountFigures(
  positions: PositionBook,
  prices: PriceSource,
): AccountFigures {
  let longMarketValue = ZERO;
  let shortMarketValue = ZERO;
  for (const position of positions.all()) {
    const value = marketValue(position, prices);
    if (value.isNegative()) shortMarketValue = shortMarketValue.plus(value);
    else longMarketValue = longMarketValue.plus(value);
  }
  const equity = positions.cash.plus(longMarketValue).plus(shortMarketValue);
  const exposure = longMarketValue.minus(shortMarketValue);
  const buyingPower = Decimal.max(0, equity.times(MARGIN).minus(exposure));
  return {
    cash: positions.cash,
    longMarketValue,
    shortMarketValue,
    equity,
    buyingPower,
  };
}

/** Refuses (403) a purchase that the account cannot pay at current prices. */
export function checkFunds(desk: OrderDesk, request: OrderRequest): void {
  if (request.side !== "buy" || request.orderClass === "oco") return;
  const cost = costOf(desk.prices, request);
  const { buyingPower, cash } = accountFigures(desk.positions, desk.prices);
  const margin = assetClassOf(request.symbol) === "us_equity";
  const available = margin ? buyingPower : Decimal.min(cash, buyingPower);
  const held = desk.positions.qty(request.symbol);
  if (held.isNegative() || cost.lessThanOrEqualTo(available)) return;
  throw forbidden("insufficient buying power");
}

function costOf(prices: PriceSource, request: OrderRequest): Decimal {
  if (request.notional !== undefined) return request.notional;
  const price = request.limitPrice ??
    new Decimal(prices.quote(request.symbol)?.ask ?? 0);
  const multiplier = multiplierOf(assetClassOf(request.symbol));
  return (request.qty ?? ZERO).times(price).times(multiplier);
}
