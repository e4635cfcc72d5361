/**
 * When and at which price an order executes against the market: pure
 * functions of an order and a quote, with no memory of their own.
 *
 * A buy takes the ask, a sell the bid. A stop is touched by the last trade.
 * A trailing stop follows the best price seen since it began.
 *
 * @module
 */
import type { PriceQuote } from "../ports.ts";
import { Decimal } from "./decimals.ts";
import type { Order, OrderSide } from "./order.ts";

/** What the market offers an order right now. */
export interface Offer {
  readonly price: Decimal;
  /** Quantity available at this price. */
  readonly size: Decimal;
}

const HUNDRED = new Decimal(100);

/** The side of the quote an order would take; undefined if there is none. */
export function offerFor(
  side: OrderSide | "",
  quote: PriceQuote,
): Offer | undefined {
  const buying = side === "buy";
  const price = buying ? quote.ask : quote.bid;
  const size = buying ? quote.askSize : quote.bidSize;
  if (!(price > 0) || !(size > 0)) return undefined;
  return { price: new Decimal(price), size: new Decimal(size) };
}

/** Whether an offer is within the order's limit; market orders take any. */
export function isAcceptable(order: Order, offer: Offer): boolean {
  if (order.limitPrice === undefined) return true;
  return order.side === "buy"
    ? offer.price.lessThanOrEqualTo(order.limitPrice)
    : offer.price.greaterThanOrEqualTo(order.limitPrice);
}

/** Whether a stop price waits to be touched before the order may execute. */
export function awaitsTrigger(order: Order): boolean {
  return order.type !== "market" && order.type !== "limit" && !order.triggered;
}

/** Whether the last trade touches the order's stop price. */
export function touchesStop(order: Order, last: Decimal): boolean {
  if (order.stopPrice === undefined) return false;
  return order.side === "buy"
    ? last.greaterThanOrEqualTo(order.stopPrice)
    : last.lessThanOrEqualTo(order.stopPrice);
}

/** The water mark and the stop price of a trailing stop after a trade. */
export function trail(
  order: Order,
  last: Decimal,
): { waterMark: Decimal; stopPrice: Decimal } {
  const seen = order.waterMark ?? last;
  const selling = order.side === "sell";
  const waterMark = selling ? Decimal.max(seen, last) : Decimal.min(seen, last);
  const distance = order.trailPrice ??
    waterMark.times(order.trailPercent ?? 0).div(HUNDRED);
  const stopPrice = selling
    ? waterMark.minus(distance)
    : waterMark.plus(distance);
  return { waterMark, stopPrice: stopPrice.toDecimalPlaces(4) };
}

/**
 * The net price of one unit of a multi-leg order: what is paid is positive,
 * what is received negative. Undefined while a leg has no offer.
 */
export function netOffer(
  legs: readonly Order[],
  quoteOf: (symbol: string) => PriceQuote | undefined,
): { net: Decimal; prices: Decimal[] } | undefined {
  let net = new Decimal(0);
  const prices: Decimal[] = [];
  for (const leg of legs) {
    const quote = quoteOf(leg.symbol);
    const offer = quote && offerFor(leg.side, quote);
    if (offer === undefined) return undefined;
    prices.push(offer.price);
    const paid = offer.price.times(leg.ratioQty ?? 1);
    net = leg.side === "buy" ? net.plus(paid) : net.minus(paid);
  }
  return { net, prices };
}
