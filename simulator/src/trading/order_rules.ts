/**
 * The rules of the exchange for a well-formed request: which fields are allowed
 * for a type, class and asset. Each rule throws an `OrderRejection`.
 *
 * @module
 */
import type { PriceSource } from "../market/prices.ts";
import { assetClassOf } from "./order.ts";
import { invalid, type OrderRequest } from "./order_request.ts";

const MAX_LEGS = 4;

/** Throws the rejection of the first violated rule. */
export function checkOrderRules(
  request: OrderRequest,
  prices: PriceSource,
): void {
  checkPrices(request);
  checkExtendedHours(request);
  if (request.orderClass === "mleg") checkLegs(request, prices);
  else {
    checkAsset(request, prices);
    checkAssetRules(request);
    checkGroup(request);
  }
}

function checkPrices(request: OrderRequest): void {
  const { type, limitPrice, stopPrice, trailPrice, trailPercent } = request;
  const limited = type === "limit" || type === "stop_limit";
  const takesLimitFromChild = request.orderClass === "oco";
  if (limited && limitPrice === undefined && !takesLimitFromChild) {
    throw invalid(`${type} orders require limit_price`);
  }
  if (!limited && limitPrice !== undefined) {
    throw invalid(`${type} orders require no limit_price`);
  }
  const stopped = type === "stop" || type === "stop_limit";
  if (stopped && stopPrice === undefined) {
    throw invalid(`${type} orders require stop_price`);
  }
  if (!stopped && stopPrice !== undefined) {
    throw invalid(`${type} orders require no stop_price`);
  }
  const trails = [trailPrice, trailPercent].filter((t) => t !== undefined);
  if (trails.length !== (type === "trailing_stop" ? 1 : 0)) {
    throw invalid(
      "trailing_stop orders, and no others, require one of trail_price and trail_percent",
    );
  }
}

function checkExtendedHours(request: OrderRequest): void {
  if (!request.extendedHours) return;
  const lasting = request.timeInForce === "day" ||
    request.timeInForce === "gtc";
  if (request.type !== "limit" || !lasting) {
    throw invalid("extended hours order must be DAY or GTC limit orders");
  }
}

function checkAsset({ symbol }: OrderRequest, prices: PriceSource): void {
  if (prices.lastPrice(symbol) === undefined) {
    throw invalid(`asset "${symbol}" not found`);
  }
}

function checkAssetRules(request: OrderRequest): void {
  const { symbol, qty, timeInForce, orderClass } = request;
  if (assetClassOf(symbol) === "us_equity") {
    if (qty.isInteger()) return;
    if (timeInForce !== "day") {
      throw invalid("fractional orders must be DAY orders");
    }
    if (orderClass !== "simple") {
      throw invalid("fractional orders must be simple orders");
    }
    return;
  }
  if (!qty.isInteger()) throw invalid("option orders require a whole qty");
  if (timeInForce !== "day" && timeInForce !== "gtc") {
    throw invalid("invalid time_in_force for an option order");
  }
  if (orderClass !== "simple") {
    throw invalid(`${orderClass} orders are not available for options`);
  }
}

function checkGroup(request: OrderRequest): void {
  const { orderClass, takeProfit, stopLoss, timeInForce, type } = request;
  if (orderClass === "simple") {
    if (takeProfit !== undefined || stopLoss !== undefined) {
      throw invalid("simple orders take no take_profit or stop_loss");
    }
    return;
  }
  if (timeInForce !== "day" && timeInForce !== "gtc") {
    throw invalid(`${orderClass} orders must be DAY or GTC orders`);
  }
  if (orderClass === "oto") {
    if ((takeProfit === undefined) === (stopLoss === undefined)) {
      throw invalid("oto orders require one of take_profit and stop_loss");
    }
  } else if (takeProfit === undefined || stopLoss === undefined) {
    throw invalid(`${orderClass} orders require take_profit and stop_loss`);
  }
  if (orderClass === "oco" && type !== "limit") {
    throw invalid("oco orders must be limit orders");
  }
  if (orderClass !== "oco" && type !== "market" && type !== "limit") {
    throw invalid(`${orderClass} entry orders must be market or limit orders`);
  }
  checkExitOrder(request);
}

/** The profit of a long entry is above its stop, of a short one below. */
function checkExitOrder(request: OrderRequest): void {
  const { takeProfit, stopLoss } = request;
  if (takeProfit === undefined || stopLoss === undefined) return;
  const exitSells = request.orderClass === "oco" ? request.side === "sell" : request.side === "buy";
  const apart = exitSells
    ? takeProfit.greaterThan(stopLoss.stopPrice)
    : takeProfit.lessThan(stopLoss.stopPrice);
  if (!apart) {
    throw invalid(
      `take_profit.limit_price must be ${exitSells ? ">" : "<"} stop_loss.stop_price`,
    );
  }
}

function checkLegs(request: OrderRequest, prices: PriceSource): void {
  const { legs, qty, type, timeInForce } = request;
  if (legs.length < 2 || legs.length > MAX_LEGS) {
    throw invalid(`mleg orders require 2 to ${MAX_LEGS} legs`);
  }
  if (!qty.isInteger()) throw invalid("mleg orders require a whole qty");
  if (type !== "market" && type !== "limit") {
    throw invalid("mleg orders must be market or limit orders");
  }
  if (timeInForce !== "day") throw invalid("mleg orders must be DAY orders");
  if (new Set(legs.map((leg) => leg.symbol)).size !== legs.length) {
    throw invalid("mleg order legs must have different symbols");
  }
  const divisor = legs.map((leg) => leg.ratioQty.toNumber()).reduce(gcd);
  if (divisor !== 1) {
    throw invalid("mleg leg ratio quantities should be relatively prime");
  }
  for (const { symbol } of legs) {
    if (prices.optionContract(symbol) === undefined) {
      throw invalid(`asset "${symbol}" not found`);
    }
  }
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
