/**
 * Creates the orders of a request: one for a simple request, a parent with held
 * exits for bracket, oco and oto, a parent with its legs for a multi-leg order.
 *
 * @module
 */
import type { SeededRandom } from "../random.ts";
import {
  type Decimal,
  type Order,
  type OrderRole,
  type OrderSide,
  type PositionIntent,
  ZERO,
} from "./order.ts";
import type { OrderRequest } from "./order_request.ts";

/** The asset id of the parent of a multi-leg order, which has no asset. */
const ZERO_UUID = "00000000-0000-0000-0000-000000000000";

/** What the exchange adds to a request. */
interface OrderContext {
  /** Nanoseconds since the epoch. */
  readonly now: bigint;
  readonly random: SeededRandom;
  readonly expiresAt: bigint | undefined;
  /** Signed position in a symbol: decides between opening and closing. */
  position(symbol: string): Decimal;
  /** The asset id of a symbol. */
  assetId(symbol: string): string;
}

/** Creates the order and its children, `pending_new` or `held`. */
export function createOrder(
  request: OrderRequest,
  context: OrderContext,
): Order {
  if (request.orderClass === "mleg") return createStrategy(request, context);
  if (request.orderClass === "oco") return createOco(request, context);
  const alone = request.orderClass === "simple";
  const order = make(request, context, { role: alone ? "alone" : "entry" });
  if (!alone) attach(order, exitsOf(request, context));
  return order;
}

/** Fields of an order that differ from its request. */
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

function createOco(request: OrderRequest, context: OrderContext): Order {
  const [profit, stop] = exitsOf(
    { ...request, side: opposite(request.side) },
    context,
  );
  const root = make(request, context, {
    role: "take_profit",
    limitPrice: profit?.limitPrice ?? request.limitPrice,
  });
  return attach(root, stop === undefined ? [] : [stop]);
}

/** The exits of an entry: opposite side, same quantity, held. */
function exitsOf(request: OrderRequest, context: OrderContext): Order[] {
  const side = opposite(request.side);
  const base = { ...request, side, clientOrderId: undefined };
  const exits: Order[] = [];
  const closing: PositionIntent = side === "buy" ? "buy_to_close" : "sell_to_close";
  if (request.takeProfit !== undefined) {
    exits.push(make(base, context, {
      role: "take_profit",
      type: "limit",
      limitPrice: request.takeProfit,
      stopPrice: undefined,
      positionIntent: closing,
    }));
  }
  if (request.stopLoss !== undefined) {
    const { stopPrice, limitPrice } = request.stopLoss;
    exits.push(make(base, context, {
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

function createStrategy(request: OrderRequest, context: OrderContext): Order {
  const parent = make(request, context, {
    role: "strategy",
    symbol: "",
    positionIntent: "",
  });
  const legs = request.legs.map((leg) =>
    make({ ...request, clientOrderId: undefined }, context, {
      role: "leg",
      symbol: leg.symbol,
      side: leg.side,
      ratioQty: leg.ratioQty,
      qty: request.qty.times(leg.ratioQty),
      limitPrice: undefined,
      positionIntent: leg.positionIntent ??
        intentOf(leg.side, context.position(leg.symbol)),
    })
  );
  return attach(parent, legs);
}

function make(request: OrderRequest, context: OrderContext, part: Part): Order {
  const symbol = part.symbol ?? request.symbol;
  const side = part.side ?? request.side;
  const pick = <K extends keyof Part & keyof OrderRequest>(key: K) =>
    (key in part ? part[key] : request[key]) as OrderRequest[K];
  return {
    id: context.random.uuid(),
    clientOrderId: request.clientOrderId ?? context.random.uuid(),
    assetId: symbol === "" ? ZERO_UUID : context.assetId(symbol),
    symbol,
    orderClass: request.orderClass,
    role: part.role,
    type: pick("type"),
    side,
    positionIntent: part.positionIntent ?? request.positionIntent ??
      (side === "" ? "" : intentOf(side, context.position(symbol))),
    timeInForce: request.timeInForce,
    extendedHours: request.extendedHours,
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
    createdAt: context.now,
    updatedAt: context.now,
    submittedAt: context.now,
    filledAt: undefined,
    expiredAt: undefined,
    expiresAt: context.expiresAt,
    cancelRequestedAt: undefined,
    canceledAt: undefined,
    failedAt: undefined,
    replacedAt: undefined,
    replacedBy: undefined,
    replaces: undefined,
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

/** An order against the position closes it, any other one opens. */
function intentOf(side: OrderSide, position: Decimal): PositionIntent {
  if (side === "buy") {
    return position.isNegative() && !position.isZero() ? "buy_to_close" : "buy_to_open";
  }
  return position.greaterThan(0) ? "sell_to_close" : "sell_to_open";
}
