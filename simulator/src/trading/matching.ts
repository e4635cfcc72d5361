/**
 * Matches orders with the market: a buy takes the ask, a sell the bid. A stop is
 * triggered by the last trade; a trailing stop follows the best price since its
 * submission. Immediate-or-cancel orders end after one look.
 *
 * @module
 */
import type { PriceQuote } from "../market/prices.ts";
import type { SeededRandom } from "../random.ts";
import {
  Decimal,
  isFinal,
  MAX_DECIMAL_PLACES,
  type Order,
  type OrderSide,
  remainingQty,
} from "./order.ts";
import { releaseStopLoss } from "./order_groups.ts";
import type { OrderStore } from "./order_store.ts";

/** How orders fill. */
interface MatchSettings {
  /** Probability that a match fills only a part. */
  readonly partialFillChance: number;
  /** Fill at most the size of the quote, or any quantity. */
  readonly liquidity: "quote" | "unlimited";
}

/** Matches a working order with the current quote. */
export function matchOrder(
  store: OrderStore,
  order: Order,
  settings: MatchSettings,
): void {
  if (order.role === "strategy") return matchStrategy(store, order, settings);
  const quote = store.prices.quote(order.symbol);
  const last = store.prices.lastPrice(order.symbol);
  if (quote === undefined || last === undefined) return;
  if (awaitsTrigger(order) && !trigger(order, new Decimal(last))) return;
  const offer = offerFor(order.side, quote);
  if (offer !== undefined && isAcceptable(order, offer)) {
    fill(store, order, { offer, settings });
  }
  if (isImmediate(order) && !isFinal(order)) {
    store.move(order, { status: "canceled", event: "canceled" });
  }
}

/** Activates a held stop-loss when its stop price is reached. */
export function watchStop(store: OrderStore, stop: Order): void {
  const last = store.prices.lastPrice(stop.symbol);
  if (last !== undefined && touchesStop(stop, new Decimal(last))) {
    releaseStopLoss(store, stop);
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

function fill(
  store: OrderStore,
  order: Order,
  { offer, settings }: { offer: Offer; settings: MatchSettings },
): void {
  const wanted = remainingQty(order);
  const limited = settings.liquidity === "quote";
  const available = limited ? Decimal.min(wanted, offer.size) : wanted;
  if (order.timeInForce === "fok") {
    if (available.lessThan(wanted)) return;
    return store.execute(order, { qty: wanted, price: offer.price });
  }
  const qty = partOf(available, {
    random: store.random,
    chance: settings.partialFillChance,
    whole: order.qty.isInteger(),
  });
  if (qty.greaterThan(0)) store.execute(order, { qty, price: offer.price });
}

/** Sometimes only a part: between a fifth and four fifths. */
function partOf(
  qty: Decimal,
  { random, chance, whole }: {
    random: SeededRandom;
    chance: number;
    whole: boolean;
  },
): Decimal {
  if (random.next() >= chance) return qty;
  const share = (0.2 + 0.6 * random.next()).toFixed(4);
  const part = qty.times(share).toDecimalPlaces(
    whole ? 0 : MAX_DECIMAL_PLACES,
    Decimal.ROUND_DOWN,
  );
  return part.greaterThan(0) ? part : qty;
}

function matchStrategy(
  store: OrderStore,
  order: Order,
  settings: MatchSettings,
): void {
  const offer = netOffer(
    order.children,
    (symbol) => store.prices.quote(symbol),
  );
  if (offer === undefined) return;
  if (order.limitPrice?.lessThan(offer.net)) return;
  const qty = partOf(remainingQty(order), {
    random: store.random,
    chance: settings.partialFillChance,
    whole: true,
  });
  store.executeStrategy(order, { qty, net: offer.net, prices: offer.prices });
}

/** The price and size that an order can get. */
interface Offer {
  readonly price: Decimal;
  /** Quantity available at this price. */
  readonly size: Decimal;
}

const HUNDRED = new Decimal(100);

/** The side of the quote that an order takes; undefined if it is empty. */
function offerFor(
  side: OrderSide | "",
  quote: PriceQuote,
): Offer | undefined {
  const buying = side === "buy";
  const price = buying ? quote.ask : quote.bid;
  const size = buying ? quote.askSize : quote.bidSize;
  if (!(price > 0) || !(size > 0)) return undefined;
  return { price: new Decimal(price), size: new Decimal(size) };
}

/** Whether an offer is within the limit of an order. */
function isAcceptable(order: Order, offer: Offer): boolean {
  if (order.limitPrice === undefined) return true;
  return order.side === "buy"
    ? offer.price.lessThanOrEqualTo(order.limitPrice)
    : offer.price.greaterThanOrEqualTo(order.limitPrice);
}

/** Whether the order waits for its stop price. */
function awaitsTrigger(order: Order): boolean {
  return order.type !== "market" && order.type !== "limit" && !order.triggered;
}

/** Whether the last trade reaches the stop price. */
function touchesStop(order: Order, last: Decimal): boolean {
  if (order.stopPrice === undefined) return false;
  return order.side === "buy"
    ? last.greaterThanOrEqualTo(order.stopPrice)
    : last.lessThanOrEqualTo(order.stopPrice);
}

/** Water mark and stop price of a trailing stop after a trade. */
function trail(
  order: Order,
  last: Decimal,
): { waterMark: Decimal; stopPrice: Decimal } {
  const seen = order.waterMark ?? last;
  const selling = order.side === "sell";
  const waterMark = selling ? Decimal.max(seen, last) : Decimal.min(seen, last);
  const distance = order.trailPrice ??
    waterMark.times(order.trailPercent ?? 0).div(HUNDRED);
  const stopPrice = selling ? waterMark.minus(distance) : waterMark.plus(distance);
  return { waterMark, stopPrice: stopPrice.toDecimalPlaces(4) };
}

/**
 * The net price of one unit of a multi-leg order: what is paid is positive,
 * what is received negative. Undefined while a leg has no offer.
 */
function netOffer(
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
