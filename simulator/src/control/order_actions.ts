/**
 * Orders through the control API: submits, changes and fills them, and shows
 * what happened.
 *
 * @module
 */
import type { ManualFills } from "../trading/manual_fills.ts";
import type { OrderEngine } from "../trading/order_engine.ts";
import { renderOrder } from "../trading/order_json.ts";
import type { Trading } from "../trading/trading.ts";
import type { BodyReader } from "./body_reader.ts";

const DEFAULT_LIMIT = 1000;
const MAX_LIMIT = 100_000;

/** Where the orders of a request are. */
interface OrderHost {
  readonly trading: Trading;
  /** Key id of the account of requests that name none. */
  readonly defaultAccount: string;
}

/** `order`: submits `body`, or injects it as submitted at `submittedAt`. */
export function placeOrder(host: OrderHost, body: BodyReader): unknown {
  const engine = engineOf(host, body);
  const submittedAt = body.optionalText("submittedAt");
  if (submittedAt === undefined) return engine.submit(body.object("body"));
  const at = Date.parse(submittedAt);
  if (Number.isNaN(at)) {
    throw new RangeError(`submittedAt must be an RFC 3339 time, received "${submittedAt}"`);
  }
  return engine.inject(body.object("body"), { submittedAt: at });
}

type OrderAction = (engine: OrderEngine, orderId: string, body: BodyReader) => unknown;

/** An event without parameters. */
function simple(
  name:
    | "accept"
    | "calculate"
    | "doneForDay"
    | "hold"
    | "rejectCancel"
    | "rejectReplace"
    | "resume"
    | "review"
    | "stop"
    | "suspend",
): OrderAction {
  return ({ manualFills }, orderId) => manualFills[name](orderId);
}

/** An end of the order with an optional reason. */
function ending(name: "cancel" | "reject"): OrderAction {
  return ({ manualFills }, orderId, body) =>
    manualFills[name](orderId, body.optionalText("reason"));
}

const ORDER_ACTIONS: Readonly<Record<string, OrderAction>> = {
  "accepted": simple("accept"),
  "calculated": simple("calculate"),
  "canceled": ending("cancel"),
  "done_for_day": simple("doneForDay"),
  "expired": ({ manualFills }, orderId) => manualFills.expire(orderId),
  "fill": fill,
  "held": simple("hold"),
  "new": simple("resume"),
  "order_cancel_rejected": simple("rejectCancel"),
  "order_replace_rejected": simple("rejectReplace"),
  "pending_review": simple("review"),
  "rejected": ending("reject"),
  "replaced": (engine, orderId, body) => engine.replace(orderId, body.object("body")),
  "restated": ({ manualFills }, orderId, body) => {
    manualFills.restate(orderId, { qty: body.text("qty") });
  },
  "stopped": simple("stop"),
  "suspended": simple("suspend"),
  "trade_bust": ({ manualFills }, _orderId, body) => manualFills.bust(body.text("execution")),
  "trade_correct": ({ manualFills }, _orderId, body) => {
    manualFills.correct(body.text("execution"), readFill(body));
  },
};

/** `order-event`: makes `event` happen to `order` now; returns the order. */
export function makeOrderEvent(host: OrderHost, body: BodyReader): unknown {
  const engine = engineOf(host, body);
  const event = body.text("event");
  const action = Object.hasOwn(ORDER_ACTIONS, event) ? ORDER_ACTIONS[event] : undefined;
  if (action === undefined) {
    const known = Object.keys(ORDER_ACTIONS).join(", ");
    throw new RangeError(`event must be one of ${known}, received "${event}"`);
  }
  const orderId = body.text("order");
  if (engine.get(orderId) === undefined) throw new RangeError(`there is no order ${orderId}`);
  action(engine, orderId, body);
  const order = engine.get(orderId);
  return order && renderOrder(order);
}

/** `orders`: every order of an account that is kept, oldest first. */
export function listOrders(host: OrderHost, query: BodyReader): unknown {
  return [...engineOf(host, query).orders()]
    .filter((order) => order.parent === undefined)
    .map((order) => renderOrder(order));
}

/** `order-ledger`: order events, oldest first; read on with `after`. */
export function readOrderLedger({ trading }: OrderHost, query: BodyReader): unknown {
  const { ledger } = trading;
  if (!ledger.isEnabled) {
    throw new RangeError("the ledger is off; set ledgerCapacity, or --ledger of the command");
  }
  const account = query.optionalText("account");
  const order = query.optionalText("order");
  const found = ledger.events({
    ...(account === undefined ? {} : { account }),
    ...(order === undefined ? {} : { order }),
    after: query.number("after", 0),
  });
  const limit = Math.min(query.number("limit", DEFAULT_LIMIT), MAX_LIMIT);
  return {
    entries: found.slice(0, limit),
    lastNumber: ledger.lastNumber,
    dropped: ledger.dropped,
  };
}

/** Without `qty` all that is left, without `price` at the last price. */
function fill(engine: OrderEngine, orderId: string, body: BodyReader): void {
  const qty = body.optionalText("qty");
  const price = body.optionalText("price");
  engine.manualFills.fill(orderId, {
    ...(qty === undefined ? {} : { qty }),
    ...(price === undefined ? {} : { price }),
  });
}

function readFill(body: BodyReader): Required<Parameters<ManualFills["correct"]>[1]> {
  return { qty: body.text("qty"), price: body.text("price") };
}

function engineOf({ trading, defaultAccount }: OrderHost, body: BodyReader): OrderEngine {
  return trading.engineOf(body.text("account", defaultAccount));
}
