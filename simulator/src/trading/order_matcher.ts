/**
 * Brings working orders together with the market: one look at one order,
 * which may trigger, fill in part or whole, or be canceled because it was
 * immediate-or-cancel.
 *
 * @module
 */
import { Decimal, MAX_DECIMAL_PLACES } from "./decimals.ts";
import {
  awaitsTrigger,
  isAcceptable,
  netOffer,
  type Offer,
  offerFor,
  touchesStop,
  trail,
} from "./matching.ts";
import { isFinal, type Order, remainingQty } from "./order.ts";
import type { OrderDesk } from "./order_desk.ts";
import { releaseStopLoss } from "./order_groups.ts";

/** Looks at the market once for a working order. */
export function matchOrder(desk: OrderDesk, order: Order): void {
  if (order.role === "strategy") return matchStrategy(desk, order);
  const quote = desk.prices.quote(order.symbol);
  const last = desk.prices.lastPrice(order.symbol);
  if (quote === undefined || last === undefined) return;
  if (awaitsTrigger(order) && !trigger(order, new Decimal(last))) return;
  const offer = offerFor(order.side, quote);
  if (offer !== undefined && isAcceptable(order, offer)) {
    fill(desk, order, offer);
  }
  if (isImmediate(order) && !isFinal(order)) {
    desk.move(order, { status: "canceled", event: "canceled" });
  }
}

/** Lets a held stop-loss come alive when its stop price is touched. */
export function watchStop(desk: OrderDesk, stop: Order): void {
  const last = desk.prices.lastPrice(stop.symbol);
  if (last !== undefined && touchesStop(stop, new Decimal(last))) {
    releaseStopLoss(desk, stop);
  }
}

function trigger(order: Order, last: Decimal): boolean {
  if (order.type === "trailing_stop") {
    const { waterMark, stopPrice } = trail(order, last);
    order.waterMark = waterMark;
    order.stopPrice = stopPrice;
  }
  order.triggered = touchesStop(order, last);
  return order.triggered;
}

function isImmediate({ timeInForce }: Order): boolean {
  return timeInForce === "ioc" || timeInForce === "fok";
}

function fill(desk: OrderDesk, order: Order, offer: Offer): void {
  const wanted = remainingQty(order) ?? notionalQty(order, offer.price);
  const limited = desk.settings.liquidity === "quote";
  const available = limited ? Decimal.min(wanted, offer.size) : wanted;
  if (order.timeInForce === "fok") {
    if (available.lessThan(wanted)) return;
    return desk.execute(order, { qty: wanted, price: offer.price });
  }
  const whole = order.qty?.isInteger() ?? false;
  const qty = cut(desk, available, whole);
  if (qty.greaterThan(0)) desk.execute(order, { qty, price: offer.price });
}

/** What the rest of a notional order buys, at least the smallest unit. */
function notionalQty(order: Order, price: Decimal): Decimal {
  return (order.notional ?? new Decimal(0)).minus(order.filledValue).div(price)
    .toDecimalPlaces(MAX_DECIMAL_PLACES, Decimal.ROUND_DOWN);
}

/** Sometimes only a part is filled: between a fifth and four fifths. */
function cut(desk: OrderDesk, qty: Decimal, whole: boolean): Decimal {
  if (desk.random.next() >= desk.settings.partialFillChance) return qty;
  const share = (0.2 + 0.6 * desk.random.next()).toFixed(4);
  const part = qty.times(share).toDecimalPlaces(
    whole ? 0 : MAX_DECIMAL_PLACES,
    Decimal.ROUND_DOWN,
  );
  return part.greaterThan(0) ? part : qty;
}

function matchStrategy(desk: OrderDesk, order: Order): void {
  const offer = netOffer(order.children, (symbol) => desk.prices.quote(symbol));
  if (offer === undefined) return;
  if (order.limitPrice?.lessThan(offer.net)) return;
  const qty = cut(desk, remainingQty(order) ?? new Decimal(1), true);
  desk.executeStrategy(order, { qty, net: offer.net, prices: offer.prices });
}
