/**
 * Turns an accepted request into orders: one for a simple request, a parent
 * with its held exits for bracket, oco and oto, a parent with its legs for a
 * multi-leg strategy.
 *
 * @module
 */
import type { SimulatorRandom } from "../ports.ts";
import { type AssetIds, ZERO_UUID } from "./asset_ids.ts";
import { type Decimal, ZERO } from "./decimals.ts";
import type { Order, OrderRole, OrderSide, PositionIntent } from "./order.ts";
import { assetClassOf, type OrderRequest } from "./order_request.ts";

/** What the exchange adds to a request. */
export interface OrderStamp {
  /** Nanoseconds since the epoch. */
  readonly now: bigint;
  readonly random: SimulatorRandom;
  readonly assetIds: AssetIds;
  readonly expiresAt: bigint | undefined;
  readonly releaseAt: bigint | undefined;
  /** The id of the order this one replaces. */
  readonly replaces?: string;
  /** Signed position in a symbol, to tell opening from closing. */
  positionQty(symbol: string): Decimal;
}

/** Makes the order and its children; all begin as `pending_new` or `held`. */
export function createOrder(request: OrderRequest, stamp: OrderStamp): Order {
  if (request.orderClass === "mleg") return createStrategy(request, stamp);
  if (request.orderClass === "oco") return createOco(request, stamp);
  const alone = request.orderClass === "simple";
  const order = make(request, stamp, { role: alone ? "alone" : "entry" });
  if (!alone) attach(order, exitsOf(request, stamp));
  return order;
}

/** What differs between an order and the request it came from. */
type Part =
  & { role: OrderRole }
  & Partial<
    Pick<
      Order,
      | "side"
      | "symbol"
      | "type"
      | "qty"
      | "limitPrice"
      | "stopPrice"
      | "ratioQty"
      | "positionIntent"
      | "clientOrderId"
    >
  >;

function createOco(request: OrderRequest, stamp: OrderStamp): Order {
  const [profit, stop] = exitsOf(
    { ...request, side: opposite(request.side) },
    stamp,
  );
  const root = make(request, stamp, {
    role: "take_profit",
    limitPrice: profit?.limitPrice ?? request.limitPrice,
  });
  return attach(root, stop === undefined ? [] : [stop]);
}

/** The exits of an entry: other side, same quantity, held until it fills. */
function exitsOf(request: OrderRequest, stamp: OrderStamp): Order[] {
  const side = opposite(request.side);
  const base = { ...request, side, clientOrderId: undefined };
  const exits: Order[] = [];
  const closing: PositionIntent = side === "buy"
    ? "buy_to_close"
    : "sell_to_close";
  if (request.takeProfit !== undefined) {
    exits.push(make(base, stamp, {
      role: "take_profit",
      type: "limit",
      limitPrice: request.takeProfit,
      stopPrice: undefined,
      positionIntent: closing,
    }));
  }
  if (request.stopLoss !== undefined) {
    const { stopPrice, limitPrice } = request.stopLoss;
    exits.push(make(base, stamp, {
      role: "stop_loss",
      type: limitPrice === undefined ? "stop" : "stop_limit",
      limitPrice,
      stopPrice,
      positionIntent: closing,
    }));
  }
  for (const exit of exits) exit.status = "held";
  return exits;
}

function createStrategy(request: OrderRequest, stamp: OrderStamp): Order {
  const parent = make(request, stamp, {
    role: "strategy",
    symbol: "",
    positionIntent: "",
  });
  const legs = request.legs.map((leg) =>
    make({ ...request, clientOrderId: undefined }, stamp, {
      role: "leg",
      symbol: leg.symbol,
      side: leg.side,
      ratioQty: leg.ratioQty,
      qty: request.qty?.times(leg.ratioQty),
      limitPrice: undefined,
      positionIntent: leg.positionIntent ??
        intentOf(leg.side, stamp.positionQty(leg.symbol)),
    })
  );
  return attach(parent, legs);
}

function make(request: OrderRequest, stamp: OrderStamp, part: Part): Order {
  const symbol = part.symbol ?? request.symbol;
  const side = part.side ?? request.side;
  const pick = <K extends keyof Part & keyof OrderRequest>(key: K) =>
    (key in part ? part[key] : request[key]) as OrderRequest[K];
  return {
    id: stamp.random.uuid(),
    clientOrderId: request.clientOrderId ?? stamp.random.uuid(),
    assetId: symbol === "" ? ZERO_UUID : stamp.assetIds.of(symbol),
    symbol,
    assetClass: symbol === "" ? "" : assetClassOf(symbol),
    orderClass: request.orderClass,
    role: part.role,
    type: pick("type"),
    side,
    positionIntent: part.positionIntent ?? request.positionIntent ??
      (side === "" ? "" : intentOf(side, stamp.positionQty(symbol))),
    timeInForce: request.timeInForce,
    extendedHours: request.extendedHours,
    notional: request.notional,
    qty: pick("qty"),
    ratioQty: part.ratioQty,
    limitPrice: pick("limitPrice"),
    stopPrice: pick("stopPrice"),
    trailPercent: request.trailPercent,
    trailPrice: request.trailPrice,
    waterMark: undefined,
    status: "pending_new",
    filledQty: ZERO,
    filledValue: ZERO,
    triggered: false,
    watching: false,
    createdAt: stamp.now,
    updatedAt: stamp.now,
    submittedAt: stamp.now,
    filledAt: undefined,
    expiredAt: undefined,
    expiresAt: stamp.expiresAt,
    cancelRequestedAt: undefined,
    canceledAt: undefined,
    failedAt: undefined,
    replacedAt: undefined,
    replacedBy: undefined,
    replaces: stamp.replaces,
    releaseAt: stamp.releaseAt,
    parent: undefined,
    children: [],
  };
}

function attach(parent: Order, children: Order[]): Order {
  parent.children = children;
  for (const child of children) child.parent = parent;
  return parent;
}

function opposite(side: OrderSide | ""): OrderSide {
  return side === "buy" ? "sell" : "buy";
}

/** An order against the position closes it, any other opens. */
function intentOf(side: OrderSide, position: Decimal): PositionIntent {
  if (side === "buy") {
    return position.isNegative() && !position.isZero()
      ? "buy_to_close"
      : "buy_to_open";
  }
  return position.greaterThan(0) ? "sell_to_close" : "sell_to_open";
}
